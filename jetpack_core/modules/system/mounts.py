# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, as the kernel tells it (proc(5), mountinfo), and how that differs from options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# The paths travel as variables: what is planned of them is asked by itself. Prints the table of mounts, an empty line,
# whether both paths are the same place, the files behind loop devices, then what may hold anything: the device that is
# meant, and the mount point's real name.
LOOK: Final = """
PATH=$PATH:/usr/sbin:/sbin
cat /proc/self/mountinfo || exit 3
echo
case $MOUNT_SRC in
  LABEL=*|UUID=*|PARTLABEL=*|PARTUUID=*|ID=*)
    kind=$(echo "${MOUNT_SRC%%=*}" | tr A-Z a-z)
    src=$(findfs "$MOUNT_SRC" 2>/dev/null) || src=/dev/disk/by-$kind/${MOUNT_SRC#*=}
    [ -e "$src" ] || src= ;;
  *) src=$MOUNT_SRC ;;
esac
[ -b "$src" ] && src=$(readlink -f -- "$src")
[ -e "$MOUNT_SRC" ] && [ "$MOUNT_SRC" -ef "$MOUNT_PATH" ] && echo same
for file in /sys/block/loop*/loop/backing_file; do
  [ -e "$file" ] || continue
  name=${file#/sys/block/}
  printf 'loop /dev/%s %s\\n' "${name%%/*}" "$(cat "$file")"
done
printf 'source %s\\n' "$src"
real=$(readlink -f -- "$MOUNT_PATH" && echo .) || real="$MOUNT_PATH
."
printf 'path %s' "${real%??}"
"""

_OCTAL: Final = re.compile(rb"\\([0-3][0-7]{2})")
_LEFT_FIELDS: Final = 6
_RIGHT_FIELDS: Final = 3


@dataclass(frozen=True, slots=True)
class Mounted:
    """One file system that is mounted."""

    point: str
    """The mount point as the kernel writes it."""
    source: str
    fstype: str
    options: tuple[str, ...]
    """Those of the mount, then those of the file system."""

    @property
    def path(self) -> str:
        """Return the mount point."""
        return _decoded(self.point)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a host tells about one mount point."""

    path: str
    """Its name without symbolic links."""
    layers: tuple[Mounted, ...]
    """What is mounted there, the one that is seen last."""
    source: str
    """The device that is meant, or what was given where it is none; empty where there is no such device."""
    same: bool
    """Whether the source and the mount point are one place already."""
    loops: Mapping[str, str]
    """The files behind loop devices."""

    @property
    def top(self) -> Mounted | None:
        """Return what is seen at the mount point."""
        return self.layers[-1] if self.layers else None

    @property
    def point(self) -> str:
        """Return the mount point as the kernel writes it."""
        return self.layers[0].point if self.layers else re.sub(r"[ \t\n\\]", lambda c: f"\\{ord(c[0]):03o}", self.path)


def _decoded(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return _OCTAL.sub(lambda code: bytes([int(code[1], 8)]), data).decode("utf-8", "surrogateescape")


def parse_mounts(text: str) -> list[Mounted]:
    """Return what /proc/self/mountinfo lists, in its order."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        about, of_fs = left.split(" "), right.split(" ")
        if len(about) >= _LEFT_FIELDS and len(of_fs) >= _RIGHT_FIELDS:
            options = (*about[5].split(","), *map(_decoded, of_fs[2].split(",")))
            found.append(Mounted(about[4], _decoded(of_fs[1]), of_fs[0], options))
    return found


def parse_look(text: str) -> Seen:
    """Return what LOOK printed."""
    table, _, rest = text.partition("\n\n")
    told, _, path = rest.partition("\npath ")
    notes, _, source = f"\n{told}".partition("\nsource ")
    lines = notes.splitlines()
    pairs = [line.removeprefix("loop ").partition(" ") for line in lines if line.startswith("loop ")]
    # An automounter's own mount is there before, behind and after what it mounts.
    layers = tuple(one for one in parse_mounts(table) if one.path == path and one.fstype != "autofs")
    return Seen(path, layers, source, "same" in lines, MappingProxyType({one: other for one, _, other in pairs}))


# mount(8): options by name: the one the kernel shows, and whether it is then shown.
_FLAGS: Final = MappingProxyType(
    {
        **{name: (name, True) for name in ("ro", "nosuid", "nodev", "noexec", "nodiratime", "noatime", "nosymfollow")},
        **{name: (name, True) for name in ("sync", "dirsync", "lazytime", "relatime")},
        **{name: (f"no{name}", False) for name in ("suid", "dev", "exec", "diratime", "atime", "symfollow")},
        "rw": ("ro", False),
        "async": ("sync", False),
        "nolazytime": ("lazytime", False),
        "strictatime": ("relatime", False),
    }
)
_UNDOING: Final = MappingProxyType(
    {
        **{name: name.removeprefix("no") for name in ("nosuid", "nodev", "noexec", "nodiratime", "nosymfollow")},
        "noatime": "relatime",
        "strictatime": "relatime",
        "ro": "rw",
        "sync": "async",
        "lazytime": "nolazytime",
    }
)
_IMPLIED: Final = MappingProxyType(
    {
        **dict.fromkeys(("user", "users"), ("noexec", "nosuid", "nodev")),
        **dict.fromkeys(("owner", "group"), ("nosuid", "nodev")),
    }
)
# What only programs read, not the kernel.
_OF_PROGRAMS: Final = frozenset(
    {"auto", "noauto", "nouser", "nogroup", "nofail", "_netdev", "defaults", "loop", "bind", "rbind", *_IMPLIED}
)
BINDS: Final = frozenset({"bind", "rbind"})


def is_bind(options: Iterable[str]) -> bool:
    """Tell whether a directory is to be seen at a second place, rather than a file system mounted."""
    return not BINDS.isdisjoint(options)


def kernel_options(options: Iterable[str]) -> tuple[str, ...]:
    """Return what of options concerns the mount itself, with what others imply."""
    found: dict[str, None] = {}
    for one in options:
        if one in _IMPLIED:
            found.update(dict.fromkeys(_IMPLIED[one]))
        elif one not in _OF_PROGRAMS and not one.lower().startswith(("x-", "comment=", "user=")):
            flag = _FLAGS.get(one, (one, True))[0]
            for other in [name for name in found if name in _FLAGS and _FLAGS[name][0] == flag]:
                del found[other]
            found[one] = None
    return tuple(found)


def missing_options(wanted: Iterable[str], now: Mounted) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the options that the mount has not, and those of which the kernel does not tell."""
    shown = dict(_pair(option) for option in now.options)
    missing: list[str] = []
    untold: list[str] = []
    for option in wanted:
        name, value = _pair(option)
        if option in _FLAGS:
            flag, on = _FLAGS[option]
            if (flag in now.options) != on or (option == "strictatime" and "noatime" in now.options):
                missing.append(option)
        elif shown.get(name) != value:
            (missing if name in shown and _is_exact(name, value) else untold).append(option)
    return tuple(missing), tuple(untold)


# What the kernel tells as it was given, once numbers are written alike; others it rounds, or agrees upon with a server.
_EXACT: Final = frozenset({"size", "nr_inodes", "mode", "uid", "gid", "umask", "fmask", "dmask", "commit"})
_PAGE: Final = 65536


def _is_exact(name: str, value: str) -> bool:
    return name in _EXACT and value.isdecimal() and (name != "size" or int(value) % _PAGE == 0)


_UNITS: Final = MappingProxyType({"k": 1, "m": 2, "g": 3, "t": 4})
_SIZE: Final = re.compile(r"(\d+)([kmgt])", re.IGNORECASE)


def _pair(option: str) -> tuple[str, str]:
    """Return name and value of an option, numbers as the kernel would write them."""
    name, _, value = option.partition("=")
    value = value.strip('"')
    if match := _SIZE.fullmatch(value):
        value = str(int(match[1]) * 1024 ** _UNITS[match[2].lower()])
    elif name in {"mode", "umask", "fmask", "dmask"} and value:
        value = value.lstrip("0") or "0"
    return name, value


def undone(gone: Sequence[str]) -> tuple[str, ...]:
    """Return the options that take others back."""
    return tuple(_UNDOING[option] for option in gone if option in _UNDOING)


# Their source is a name without a meaning.
_NAMELESS_NAMES: Final = (
    "tmpfs ramfs proc sysfs devpts cgroup cgroup2 mqueue hugetlbfs debugfs tracefs securityfs configfs bpf"
)
_NAMELESS: Final = frozenset(_NAMELESS_NAMES.split())
_ALIKE: Final = (frozenset({"nfs", "nfs4"}), frozenset({"ntfs", "ntfs-3g", "fuseblk", "exfat-fuse"}))


def is_source(seen: Seen, now: Mounted, src: str, fstype: str, *, bind: bool) -> bool:
    """Tell whether what is mounted is what is to be."""
    if bind:
        return seen.same
    known = fstype in {"auto", "none", now.fstype} or now.fstype.startswith("fuse")
    if not known and not any({fstype, now.fstype} <= alike for alike in _ALIKE):
        return False
    names = {now.source, now.source.rstrip("/"), seen.loops.get(now.source, now.source)}
    return now.fstype in _NAMELESS or not names.isdisjoint({seen.source, src, src.rstrip("/")})
