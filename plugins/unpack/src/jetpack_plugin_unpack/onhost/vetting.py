# SPDX-License-Identifier: GPL-3.0-or-later
"""From the members of an archive to what is to be on the disk; whatever could land elsewhere is refused. Python 3.6."""

import fnmatch

from jetpack_plugin_unpack.onhost.archives import DIRECTORY, FILE, HARD_LINK, LINK, Member
from jetpack_plugin_unpack.onhost.trouble import Trouble, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional

    from jetpack_plugin_unpack.onhost.streams import Limits

_LONGEST_NAME = 255
_LONGEST_PATH = 3000
_DEEPEST_LINKS = 40
_SPECIAL = 0o6000
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644
_KEPT = 0o755
"""As with an umask of 022: nobody else may write, whatever the archive says."""


class Rules:
    """What is wanted of an archive."""

    def __init__(
        self,
        strip: "Optional[int]",
        include: "list[str]",
        exclude: "list[str]",
        mode: "Optional[int]",
        dir_mode: "Optional[int]",
        limits: "Limits",
        rename: "Optional[dict[str, str]]" = None,
    ) -> None:
        self.strip = strip
        """None strips one level if all is in one directory."""
        self.include = include
        self.exclude = exclude
        self.mode = mode
        self.dir_mode = dir_mode
        self.limits = limits
        self.rename = rename or {}
        """New paths below the destination, by those that stripping leaves."""

    def wants(self, path: str) -> bool:
        """Tell whether a member is asked for, by its path in the archive."""
        if self.include and not any(_matches(path, pattern) for pattern in self.include):
            return False
        return not any(_matches(path, pattern) for pattern in self.exclude)

    def file_mode(self, member: Member) -> int:
        """Return the permissions of a file. Raises Trouble for setuid and setgid."""
        if self.mode is not None:
            return self.mode
        if member.mode is None:
            return _FILE_MODE
        if member.mode & _SPECIAL:
            raise refused(member.name, "it is setuid or setgid", "exclude it, or give a mode for all files")
        return member.mode & _KEPT | 0o600

    def directory_mode(self, member: "Optional[Member]") -> int:
        """Return the permissions of a directory, of one that is no member for None."""
        if self.dir_mode is not None:
            return self.dir_mode
        if self.mode is not None:
            # Who may read a file may enter its directory.
            return self.mode | (self.mode & 0o444) >> 2
        if member is None or member.mode is None:
            return _DIRECTORY_MODE
        return member.mode & _KEPT | 0o700


class Output:
    """One path below the destination, as it is to be."""

    def __init__(
        self, path: str, kind: str, source: int, size: int, mode: int, mtime: int, target: str, sha256: "Optional[str]"
    ) -> None:
        self.path = path
        self.kind = kind
        self.source = source
        """The index of the member that holds a file's bytes; -1 for what is no member."""
        self.size = size
        self.mode = mode
        self.mtime = mtime
        self.target = target
        self.sha256 = sha256

    def packed(self) -> "list[object]":
        """Return it as JSON can hold it."""
        return [self.path, self.kind, self.source, self.size, self.mode, self.mtime, self.target, self.sha256]


class Listing:
    """What is to be on the disk, by path, and what was noticed on the way."""

    def __init__(self, outputs: "dict[str, Output]", warnings: "list[str]", skipped: int) -> None:
        self.outputs = outputs
        self.warnings = warnings
        self.skipped = skipped


def _matches(path: str, pattern: str) -> bool:
    """Match a path, or a directory above it; `*` matches `/` as well."""
    pattern = pattern.rstrip("/")
    while path:
        if fnmatch.fnmatchcase(path, pattern):
            return True
        path = path.rpartition("/")[0]
    return False


def clean(name: str) -> "list[str]":
    """Return the parts of a member's name. Raises Trouble for one that leads elsewhere."""
    if "\0" in name:
        raise refused(name, "its name holds a zero byte")
    if name.startswith("/") or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        raise refused(name, "its name is an absolute path")
    if "\\" in name and ".." in name.replace("\\", "/").split("/"):
        raise refused(name, "its name leads out of the destination")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refused(name, "its name leads out of the destination")
    if any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME for part in parts) or len(name) > _LONGEST_PATH:
        raise refused(name[:60] + "...", "its name is too long")
    return parts


def _loosely(name: str) -> str:
    """Return a name as it is matched with patterns, whether it is safe or not."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def vet(members: "Iterable[Member]", rules: Rules, packed: int) -> Listing:
    """Return what the members make, none of which can land elsewhere. Raises Trouble that names the member."""
    every = list(members)
    kept = [member for member in every if rules.wants(_loosely(member.name))]
    strip = _common(kept) if rules.strip is None else rules.strip
    wanted = {id(member) for member in kept}
    vetting = _Vetting(rules, packed, strip)
    for member in every:
        if id(member) in wanted:
            vetting.add(member)
        vetting.remember(member)
    if vetting.stripped and not vetting.outputs:
        hint = "no member is that deep; lower it"
        raise Trouble("failed", "strip_components: {} leaves nothing to unpack".format(strip), hint)
    vetting.check_renames()
    vetting.check_paths()
    vetting.check_links()
    skipped = len(every) - len(kept) + vetting.stripped
    return Listing(vetting.outputs, vetting.warnings, skipped)


def _common(members: "list[Member]") -> int:
    """Return 1 if everything is below one directory, else 0."""
    tops = set()
    for member in members:
        parts = clean(member.name)
        if parts and (len(parts) > 1 or member.kind != DIRECTORY):
            tops.add((parts[0], len(parts) > 1))
    return 1 if len(tops) == 1 and next(iter(tops))[1] else 0


class _Vetting:
    """The work of `vet`."""

    def __init__(self, rules: Rules, packed: int, strip: int) -> None:
        self._rules = rules
        self._packed = packed
        self._strip = strip
        self._files = {}  # type: dict[str, Member]
        self._folded = {}  # type: dict[str, str]
        self._size = 0
        self._unused = set(rules.rename)
        self._renamed = {}  # type: dict[str, str]
        self.outputs = {}  # type: dict[str, Output]
        self.warnings = []  # type: list[str]
        self.stripped = 0

    def remember(self, member: Member) -> None:
        """Note a file as one that hard links after it may name."""
        if member.kind == FILE:
            self._files[_loosely(member.name)] = member

    def add(self, member: Member) -> None:
        """Take one member. Raises Trouble."""
        if member.kind not in (FILE, DIRECTORY, LINK, HARD_LINK):
            raise refused(member.name, "it is " + member.target)
        parts = clean(member.name)[self._strip :]
        content = self._content_of(member)
        if not parts:
            # The top itself, or what stripping leaves no name of.
            if member.kind != DIRECTORY:
                self.stripped += 1
            return
        path = self._named("/".join(parts), member)
        self._note_duplicate(path, member)
        kind = FILE if member.kind == HARD_LINK else member.kind
        if kind == FILE:
            self._size += max(0, content.size)
            self._rules.limits.check_size(self._size, self._packed)
            mode, source = self._rules.file_mode(content), content.index
        else:
            mode, source = (self._rules.directory_mode(member) if kind == DIRECTORY else 0o777), member.index
        target = member.target if kind == LINK else ""
        size = content.size if kind == FILE else 0
        self.outputs[path] = Output(path, kind, source, size, mode, content.mtime, target, None)

    def _named(self, path: str, member: Member) -> str:
        """Return the path that a member gets: its own, or the new one of itself or of a directory above it."""
        old = path
        while old and old not in self._rules.rename:
            old = old.rpartition("/")[0]
        new = self._rules.rename[old] + path[len(old) :] if old else path
        self._unused.discard(old)
        if self._renamed.setdefault(new, path) != path and member.kind != DIRECTORY:
            message = "rename gives {!r} and {!r} the same name".format(self._renamed[new], path)
            raise Trouble("failed", message, "exclude one of them")
        return new

    def check_renames(self) -> None:
        """Refuse a new name for what is not there."""
        if self._unused:
            message = "there is no member {!r} to rename".format(min(self._unused))
            raise Trouble("failed", message, "write the path as it is below dest, after strip_components")

    def _content_of(self, member: Member) -> Member:
        if member.kind != HARD_LINK:
            return member
        if member.target.startswith("/") or ".." in member.target.split("/"):
            raise refused(member.name, "it is a hard link to {!r}, outside the archive".format(member.target))
        content = self._files.get(_loosely(member.target))
        if content is None:
            reason = "it is a hard link to {!r}, which is no file that comes before it".format(member.target)
            raise refused(member.name, reason)
        return content

    def _note_duplicate(self, path: str, member: Member) -> None:
        other = self.outputs.get(path)
        kind = FILE if member.kind == HARD_LINK else member.kind
        if other is not None and other.kind != kind:
            raise refused(member.name, "the archive holds it twice, as different things")
        if other is not None and kind == LINK and other.target != member.target:
            raise refused(member.name, "the archive holds it twice, as different links")
        if other is not None and kind == FILE:
            self._size -= max(0, other.size)
            self.warnings.append("the archive holds {!r} twice; the last one counts".format(member.name))
        folded = path.casefold()
        if self._folded.setdefault(folded, path) != path:
            message = "{!r} and {!r} differ only in case, and are one file on some systems"
            self.warnings.append(message.format(self._folded[folded], path))

    def check_paths(self) -> None:
        """Refuse what goes through something that is no directory."""
        for path, output in self.outputs.items():
            parent = path.rpartition("/")[0]
            while parent:
                above = self.outputs.get(parent)
                if above is not None and above.kind == LINK:
                    raise refused(output.path, "it goes through {!r}, which is a link".format(parent))
                if above is not None and above.kind == FILE:
                    raise refused(output.path, "it goes through {!r}, which is a file".format(parent))
                parent = parent.rpartition("/")[0]

    def check_links(self) -> None:
        """Refuse symbolic links that lead out of the destination, also by way of other links of the archive."""
        for path, output in self.outputs.items():
            if output.kind != LINK:
                continue
            if not output.target or "\0" in output.target or output.target.startswith("/"):
                raise refused(path, "it is a link to {!r}".format(output.target))
            if not self._stays_inside(path):
                raise refused(path, "it is a link to {!r}, outside the destination".format(output.target))

    def _stays_inside(self, path: str) -> bool:
        at = path.split("/")[:-1]
        todo = self.outputs[path].target.split("/")
        followed = 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                if not at:
                    return False
                at.pop()
            elif part not in ("", "."):
                at.append(part)
                onward = self.outputs.get("/".join(at))
                if onward is not None and onward.kind == LINK:
                    followed += 1
                    if followed > _DEEPEST_LINKS or onward.target.startswith("/"):
                        return False
                    at.pop()
                    todo = onward.target.split("/") + todo
        return True
