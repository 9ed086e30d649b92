# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `mount`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.system.fstab import Entry, split_options
from jetpack_core.modules.system.mount_plan import MountWork, plan_mount, read
from jetpack_core.modules.system.mounts import is_bind
from jetpack_core.records import CommandResult, Outcome, Plan

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

_STALE: Final = 75
# $1: the mount point as the kernel writes it, $2: how many layers there are to be; the rest is the command.
_GUARD: Final = """
PATH=$PATH:/usr/sbin:/sbin
count() {
  n=0
  while read -r _ _ _ _ point rest; do
    case $rest in *" - autofs "*) continue ;; esac
    [ "$point" = "$1" ] && n=$((n + 1))
  done </proc/self/mountinfo
}
count "$1"
[ "$n" = "$2" ] || exit 75
point=$1 layers=$2 path=$3
shift 3
"$@" && exit
code=$?
count "$point"
[ "$n" -gt "$layers" ] && umount "$path"
exit "$code"
"""
_RIGHTS_HINT: Final = "act as root, such as `with: {sudo: root}`; in a container, root needs CAP_SYS_ADMIN as well"
_NOT_ROOT: Final = re.compile("superuser|must be root|not permitted|denied")
_NO_HELPER: Final = re.compile("unknown filesystem type|helper program")
# systemd makes units of fstab, and would go on with those it knows.
_RELOAD: Final = "[ -d /run/systemd/system ] || exit 0; exec systemctl daemon-reload"


def _source(value: str) -> str:
    if not value or value.startswith("-") or "\0" in value or ("\n" in value and value[0] != "/"):
        message = f"{value!r} is nothing that could be mounted, such as /dev/sdb1, UUID=... or server:/directory"
        raise ValueError(message)
    return value


def _type(value: str) -> str:
    if value == "swap":
        message = "swap space is not mounted, so this module is not for it"
        raise ValueError(message)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.,-]*", value):
        message = f"{value!r} is not the name of a type of file system such as ext4 or nfs"
        raise ValueError(message)
    return value


def _option_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _options(values: list[str]) -> list[str]:
    found = [option for value in values for option in split_options(value)]
    for option in found:
        if not option.strip() or option.startswith("-") or any(char in option for char in "\n\0"):
            message = f"{option!r} is not an option of a mount, such as noatime or size=1G"
            raise ValueError(message)
    if "remount" in found:
        message = "'remount' is no state; the module does that where options differ"
        raise ValueError(message)
    return list(dict.fromkeys(found))


_SCHEMA: Final = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})

MountOptions = Annotated[list[str], BeforeValidator(_option_list), AfterValidator(_options), _SCHEMA]
"""Options of mount(8), in a list or with commas between them."""


class Mount(Module):
    """Mount a file system now and whenever the host starts, or see that it is not.

    The line in fstab and what is mounted are each brought to what is wanted, and only where they differ: the order of
    options does not count, and all other lines stay as they are. Where options differ, the file system is remounted;
    where something else is mounted, that makes place. What cannot be mounted changes nothing: fstab is written once
    the mount has worked.

    Of the options that the kernel does not show as they were given, a change in fstab counts. An option that is
    taken out of fstab is taken back where mount(8) has a word for that; else it stays until the next mount.

    Example::

        - !mount
          path: /srv/data
          src: UUID=0a1b2c3d-0000-4000-8000-0123456789ab
          fstype: ext4
          opts: [noatime, nodev]
          passno: 2
        - !mount
          path: /var/cache/app
          src: tmpfs
          fstype: tmpfs
          opts: size=512M,mode=0750
        - !mount
          path: /srv/www/shared
          src: /srv/data/shared
          opts: [bind, ro]
        - !mount
          path: /mnt/old
          state: absent
    """

    path: HostPath
    """Where it is mounted. The directory is made, with those above it; it is never removed."""
    src: Annotated[str, AfterValidator(_source)] | None = None
    """What is mounted: a device, `UUID=` or `LABEL=`, a server's directory, or a directory with the option `bind`."""
    fstype: Annotated[str, AfterValidator(_type)] | None = None
    """The type of the file system; not needed with the option `bind`."""
    opts: MountOptions = Field(default_factory=lambda: ["defaults"])
    """Options of mount(8), in a list or with commas between them."""
    dump: int = Field(default=0, ge=0)
    """The fifth field of fstab(5)."""
    passno: int = Field(default=0, ge=0)
    """When it is checked at the start: 1 for the root, 2 for others, 0 for never."""
    state: Literal["mounted", "present", "unmounted", "absent"] = "mounted"
    """`mounted`: now and in fstab; `present`: in fstab, whatever is mounted; `unmounted`: not now, whatever is in
    fstab; `absent`: neither."""
    fstab: HostPath = "/etc/fstab"
    """The file, instead of /etc/fstab."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        message = ""
        if self.wanted:
            missing = [name for name in ("src", "fstype") if getattr(self, name) is None]
            if missing and not (missing == ["fstype"] and self.bind):
                message = f"'state: {self.state}' needs {' and '.join(missing)}"
            elif self.bind and not (self.src or "").startswith("/"):
                message = "with the option 'bind', 'src' is a directory or file of the host, by its whole path"
        elif self.path == "/":
            message = "the root of the host stays mounted"
        if message:
            raise ValueError(message)
        return self

    @property
    def wanted(self) -> bool:
        """Tell whether it is to be there, rather than not."""
        return self.state in {"mounted", "present"}

    @property
    def bind(self) -> bool:
        """Tell whether a directory is to be seen at a second place."""
        return is_bind(self.opts)

    @property
    def entry(self) -> Entry:
        """Return the line that is wanted."""
        fstype = self.fstype or "none"
        return Entry(self.src or "", self.path, fstype, tuple(self.opts) or ("defaults",), self.dump, self.passno)

    async def plan(self, host: Host) -> Plan:
        """Compare fstab and the kernel's table with what is to be, in one round trip. Raises TaskError."""
        with explained(self.fstab):
            found = await read(host, self)
        refuse_in_the_way(found.fstab)
        return plan_mount(self, host, found)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Mount or unmount, and if that went well write fstab. Raises TaskError with mount's own words."""
        work = cast("MountWork", plan.data)
        steps: list[Operation[object]] = []
        if work.command:
            guarded = ["sh", "-c", _GUARD, "mount", work.point, str(work.layers), self.path, *work.command]
            steps += [*work.make, host.run(guarded, good=(0,))]
        mounting = len(steps)
        if work.write is not None:
            steps += [work.write, host.run(["sh", "-c", _RELOAD])]
        replies = await self._done(host, steps)
        if mounting:
            await self._require_mounted(host, work, cast("CommandResult", replies[mounting - 1]))
        reloaded = cast("CommandResult | None", replies[-1] if work.write is not None else None)
        if reloaded is None or reloaded.ok:
            return Outcome()
        return Outcome(warnings=(f"systemd did not read {self.fstab} anew: {last_words(reloaded)}",))

    async def _done(self, host: Host, steps: list[Operation[object]]) -> tuple[object, ...]:
        try:
            with explained(self.path), explained(self.fstab):
                return await host.gather(steps)
        except OperationError as error:
            if error.code is OperationCode.EXISTS:
                raise StaleError(self.path, "somebody made it meanwhile") from error
            raise

    async def _require_mounted(self, host: Host, work: MountWork, ended: CommandResult) -> None:
        """Raise TaskError with mount's own words where it failed."""
        if ended.ok:
            return
        # What was made for it is empty, and goes with it.
        made: list[Operation[object]] = [host.remove(path) for path in reversed(work.made)]
        if made:
            await host.gather(made)
        if ended.rc == _STALE:
            raise StaleError(self.path, "something was mounted or unmounted meanwhile")
        what = f"{self.src} on {self.path}" if self.wanted else self.path
        hint = _RIGHTS_HINT if _NOT_ROOT.search(ended.stderr) else ""
        if _NO_HELPER.search(ended.stderr):
            hint = f"install what mounts {self.fstype}, such as nfs-common or nfs-utils for nfs, or cifs-utils for cifs"
        verb = "mounted" if self.wanted else "unmounted"
        raise TaskError(f"{what} cannot be {verb}, and fstab stays as it is: {last_words(ended)}", hint=hint)
