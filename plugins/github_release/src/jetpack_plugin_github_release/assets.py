# SPDX-License-Identifier: GPL-3.0-or-later
"""Which asset of a release is the one for a host: by a pattern, or by what its name says of system and processor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from jetpack_core.errors import TaskError
from jetpack_plugin_github_release.releases import Asset

_SYSTEMS: Final = {
    "linux": {"linux", "linux64", "linux32"},
    "darwin": {"darwin", "macos", "osx", "mac", "apple", "macosx"},
    "windows": {"windows", "win", "win64", "win32", "msvc", "mingw"},
    "freebsd": {"freebsd"},
    "openbsd": {"openbsd"},
    "netbsd": {"netbsd"},
    "android": {"android", "androideabi"},
    "illumos": {"illumos", "solaris", "sunos"},
    "wasm": {"wasm", "wasm32", "wasi"},
    "dragonfly": {"dragonfly"},
    "plan9": {"plan9"},
    "aix": {"aix"},
    "ios": {"ios"},
}
_PROCESSORS: Final = {
    "x86_64": {"amd64", "x64", "64bit", "linux64", "win64"},
    "aarch64": {"aarch64", "arm64", "armv8"},
    "armv7": {"armv7", "armv7l", "armhf", "arm", "armv7hf", "armv7a", "gnueabihf", "musleabihf"},
    "armv6": {"armv6", "armv6l", "armv6hf", "armv5", "armel"},
    "i686": {"i386", "i686", "386", "x86", "32bit", "linux32", "win32"},
    "riscv64": {"riscv64", "riscv64gc"},
    "ppc64le": {"ppc64le", "powerpc64le"},
    "s390x": {"s390x"},
    "loongarch64": {"loongarch64", "loong64"},
    "mips": {"mips", "mipsel", "mipsle", "mips64", "mips64el", "mips64le"},
    "ppc64": {"ppc", "ppc64", "powerpc", "powerpc64"},
    "sparc64": {"sparc", "sparc64", "sparcv9"},
}
_LIBRARIES: Final = {"gnu": {"gnu", "glibc", "gnueabihf"}, "musl": {"musl", "static", "musleabihf"}}
_EVERY_PROCESSOR: Final = frozenset({"universal", "universal2", "all", "noarch", "any", "fat"})
_SAME_PROCESSOR: Final = {
    "amd64": "x86_64",
    "x86_64": "x86_64",
    "x64": "x86_64",
    "arm64": "aarch64",
    "aarch64": "aarch64",
    "armv7l": "armv7",
    "armv8l": "armv7",
    "armv6l": "armv6",
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "i686": "i686",
    "x86": "i686",
}
_NOT_PROGRAMS: Final = re.compile(
    r"(?:\.(?:sha\d+(?:sums?)?|md5|asc|sig|minisig|pem|crt|cert|pub|sbom|json|jsonl|txt|md|yml|yaml|sigstore|bundle|zsync"
    r"|spdx|cdx|deb|rpm|apk|msi|dmg|pkg|whl|appimage|flatpak|snap|exe|nupkg|jar|vsix|html|1|proof|att|log|patch|diff))$"
    r"|(?:^|[-_.])(?:checksums?|sha\d+sums?|src|source|sources|debug|dbgsym|symbols|debuginfo|provenance|completions?)"
    r"(?:$|[-_.])",
    re.IGNORECASE,
)
FORMATS: Final = ("", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz", ".zip", ".gz", ".xz", ".bz2")
"""The endings that can be installed, those to be preferred first."""
_UNREADABLE: Final = (".tar.zst", ".zst", ".7z", ".rar", ".tar.lz", ".br")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a host is, as far as it matters to programs."""

    system: str
    processor: str
    library: str | None = None
    """`gnu` or `musl`."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.system, self.processor, self.library) if part)


def machine(system: str, processor: str, library: str | None) -> Machine:
    """Return a machine by the names that `uname` and people use."""
    known = system.strip().lower()
    known = {"macos": "darwin", "osx": "darwin", "sunos": "illumos"}.get(known, known)
    kind = processor.strip().lower()
    return Machine(known, _SAME_PROCESSOR.get(kind, kind), library.strip().lower() if library else None)


@dataclass(frozen=True, slots=True)
class Choice:
    """An asset, and why it is the one."""

    asset: Asset
    reason: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What the task says of the asset."""

    pattern: str | None = None
    regex: str | None = None
    exclude: tuple[str, ...] = ()

    @property
    def chosen(self) -> bool:
        """Tell whether the task names the asset."""
        return self.pattern is not None or self.regex is not None

    def admit(self, name: str) -> bool:
        """Tell whether the task lets an asset be taken."""
        if any(fnmatchcase(name, pattern) for pattern in self.exclude):
            return False
        if self.pattern is not None and not fnmatchcase(name, self.pattern):
            return False
        return self.regex is None or re.search(self.regex, name) is not None


def choose_asset(assets: Sequence[Asset], filters: Filters, host: Machine, where: str) -> Choice:
    """Return the asset for a host. Raises TaskError, which lists the candidates."""
    admitted = [asset for asset in assets if filters.admit(asset.name)]
    if filters.chosen and len(admitted) == 1:
        return Choice(admitted[0], f"{admitted[0].name}: the only one of {len(assets)} assets that matches")
    scored = [(score(asset.name, host), asset) for asset in admitted]
    fitting = [(points, asset) for points, asset in scored if points is not None]
    if not fitting:
        names = ", ".join(asset.name for asset in (admitted or assets)) or "none at all"
        raise TaskError(
            f"no asset of {where} fits {'the task and ' if filters.chosen or filters.exclude else ''}{host}",
            hint=f"say which one by 'asset' or 'asset_regex'; there are: {names}",
        )
    best = max(points for points, _ in fitting)
    equal = [asset for points, asset in fitting if points == best]
    if len({_split(asset.name)[0] for asset in equal}) > 1:
        names = ", ".join(sorted(asset.name for asset in equal))
        raise TaskError(
            f"{len(equal)} assets of {where} fit {host} equally well: {names}",
            hint="say which one by 'asset' (such as 'tool-*-linux-amd64*'), 'asset_regex' or 'exclude'",
        )
    chosen = min(equal, key=lambda asset: FORMATS.index(_split(asset.name)[1]))
    others = ", ".join(f"{asset.name} ({points})" for points, asset in fitting if asset is not chosen)
    beside = f"; others that would do: {others}" if others else ""
    return Choice(chosen, f"{chosen.name}: of {len(assets)} assets it fits {host} best ({best} points){beside}")


def score(name: str, host: Machine) -> int | None:
    """Return how well an asset fits a host by its name; None where it cannot."""
    if _NOT_PROGRAMS.search(name) or name.lower().endswith(_UNREADABLE):
        return None
    words = _words(name)
    parts = (_system_points(words, host), _processor_points(words, host), _library_points(words, host))
    if None in parts:
        return None
    return sum(part for part in parts if part is not None)


def _words(name: str) -> set[str]:
    stem = _split(name.lower())[0]
    # These hold the very characters that names are split at.
    stem = re.sub(r"x86[_-]64|x64[_-]64", "amd64", stem)
    words = {word for word in re.split(r"[-_.+\s]+", stem) if word}
    return words | {
        word.rstrip("0123456789") for word in words if re.fullmatch(r"(?:macos|osx|darwin|freebsd)\d+", word)
    }


def _split(name: str) -> tuple[str, str]:
    """Return a name without the ending of its format, and that ending."""
    lower = name.lower()
    ending = max((one for one in FORMATS if lower.endswith(one)), key=len)
    return (name[: -len(ending)], ending) if ending else (name, "")


def is_alone(name: str) -> bool:
    """Tell whether an asset is the program itself by its name, neither packed nor compressed."""
    return not _split(name)[1] and not name.lower().endswith(_UNREADABLE)


def _system_points(words: set[str], host: Machine) -> int | None:
    named = {system for system, its in _SYSTEMS.items() if words & its}
    if "android" in named and host.system != "android":
        return None
    if not named:
        return 1
    return 6 if host.system in named else None


def _processor_points(words: set[str], host: Machine) -> int | None:
    named = {processor for processor, its in _PROCESSORS.items() if words & its}
    if host.processor in named:
        return 6
    if words & _EVERY_PROCESSOR:
        return 5
    if named:
        # A 64-bit ARM says so; every other word of that family is for older ones, which `arm` alone may be as well.
        return None
    # Where nothing is said, most projects mean the most common processor.
    return 1 if host.processor == "x86_64" else None


def _library_points(words: set[str], host: Machine) -> int | None:
    named = {library for library, its in _LIBRARIES.items() if words & its}
    if host.library is None or not named:
        return 2
    if host.library in named:
        return 3
    # What is built for musl is nearly always static, and runs anywhere; what is built for GNU needs its library.
    return 1 if named == {"musl"} else None
