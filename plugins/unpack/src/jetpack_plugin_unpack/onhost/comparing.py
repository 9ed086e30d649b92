# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the disk and what is to be there. Python 3.6."""

import hashlib
import json
import os
import stat

from jetpack_plugin_unpack.onhost.archives import DIRECTORY, FILE, LINK
from jetpack_plugin_unpack.onhost.trouble import Trouble
from jetpack_plugin_unpack.onhost.vetting import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional

    from jetpack_plugin_unpack.onhost.manifest import Manifest, Record
    from jetpack_plugin_unpack.onhost.vetting import Rules

OTHER = "o"
CREATE, CONTENT, ATTRIBUTES, REPLACE, REMOVE = "create", "content", "attributes", "replace", "remove"
_WORDS = {FILE: "a file", DIRECTORY: "a directory", LINK: "a link", OTHER: "a device, socket or pipe"}
_IN_THE_WAY = "remove it first, with !file, !link or !directory"


class State:
    """One path as it is."""

    def __init__(self, kind: str, mode: int, uid: int, gid: int, size: int, target: str, seen: "list[int]") -> None:
        self.kind = kind
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.size = size
        self.target = target
        self.seen = seen
        """What tells that a file is still the same: inode, size, times."""
        self.sha256 = None  # type: Optional[str]
        self.mtime = 0
        """Seconds."""


def seen_of(info: os.stat_result) -> "list[int]":
    """Return what changes whenever a file does."""
    return [info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]


class Disk:
    """What is below a directory of this machine."""

    def __init__(self, dest: str) -> None:
        self._dest = dest

    def look(self, path: str) -> "Optional[State]":
        """Return what is at a path, links not followed; the directory itself is, for an empty path."""
        try:
            whole = os.path.join(self._dest, path) if path else self._dest
            info = os.lstat(whole) if path else os.stat(whole)
            kinds = {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: LINK}
            kind = kinds.get(stat.S_IFMT(info.st_mode), OTHER)
            target = os.readlink(whole) if kind == LINK else ""
        except (FileNotFoundError, NotADirectoryError):
            return None
        mode = stat.S_IMODE(info.st_mode)
        state = State(kind, mode, info.st_uid, info.st_gid, info.st_size, target, seen_of(info))
        state.mtime = int(info.st_mtime)
        return state

    def sha256(self, path: str) -> str:
        """Return the checksum of a file."""
        total = hashlib.sha256()
        fd = os.open(os.path.join(self._dest, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            while True:
                part = stream.read(1 << 18)
                if not part:
                    return total.hexdigest()
                total.update(part)

    def entries(self, path: str) -> "list[str]":
        """Return the names in a directory."""
        return os.listdir(os.path.join(self._dest, path))

    def is_link(self) -> bool:
        """Tell whether the directory itself is reached by a link."""
        return os.path.islink(self._dest)

    def everything(self) -> "list[str]":
        """Return every path below the directory, links not followed."""
        found = []
        for folder, folders, files in os.walk(self._dest):
            inside = os.path.relpath(folder, self._dest)
            found += [name if inside == "." else os.path.join(inside, name) for name in folders + files]
        return found


class Step:
    """One thing to be done."""

    def __init__(self, action: str, path: str, output: "Optional[Output]", before: "Optional[State]") -> None:
        self.action = action
        self.path = path
        self.output = output
        self.before = before


class Comparison:
    """What is to be done to a destination, in the order in which it may be done."""

    def __init__(
        self,
        outputs: "dict[str, Output]",
        rules: "Rules",
        ids: "tuple[int, int]",
        keep_newer: bool = False,
        swap: bool = False,
    ) -> None:
        self._outputs = dict(outputs)
        self._keep_newer = keep_newer
        self._swap = swap
        self.kept = set()  # type: set[str]
        """Files that are left as they are because they are newer."""
        self.whole = None  # type: Optional[int]
        """The permissions of the destination, where it is replaced as a whole."""
        self._rules = rules
        self._ids = ids
        self.steps = []  # type: list[Step]
        self.unsure = []  # type: list[tuple[Output, State]]
        """Files whose content must be compared."""

    def add_parents(self) -> None:
        """Add the directories that must be there, though the archive does not name them."""
        mode = self._rules.directory_mode(None)
        for path in ["x", *self._outputs]:
            parent = path.rpartition("/")[0]
            while parent not in self._outputs:
                self._outputs[parent] = Output(parent, DIRECTORY, -1, 0, mode, 0, "", None)
                parent = parent.rpartition("/")[0]

    def run(self, disk: "Disk", manifest: "Manifest", record: "Optional[Record]") -> None:
        """Compare every path; `record` says what this archive made before. Raises Trouble for what is in the way."""
        missing = set()  # type: set[str]
        ours = manifest.paths()
        written = manifest.written()
        for path in sorted(self._outputs):
            output = self._outputs[path]
            parent = path.rpartition("/")[0]
            now = None if path and parent in missing else disk.look(path)
            if output.kind == DIRECTORY and (now is None or now.kind != DIRECTORY):
                missing.add(path)
            if not self._compare_others(path, output, now, ours) and now is not None:
                self._compare_same(output, now, record, written)

    def _compare_others(self, path: str, output: Output, now: "Optional[State]", ours: "dict[str, str]") -> bool:
        """Take what is missing or of another kind; tells whether that was so."""
        if now is None:
            self.steps.append(Step(CREATE, path, output, None))
            return True
        if now.kind == output.kind:
            return False
        self._refuse_to_replace(path, output, now, ours)
        self.steps.append(Step(REPLACE, path, output, now))
        return True

    def _compare_same(
        self,
        output: Output,
        now: State,
        record: "Optional[Record]",
        written: "dict[str, tuple[list[int], Optional[str]]]",
    ) -> None:
        """Compare two of a kind."""
        path = output.path
        other_size = output.kind == FILE and output.size not in (-1, now.size)
        if self._is_newer(output, now, written.get(path, ([], None))):
            self.kept.add(path)
        elif other_size or (output.kind == LINK and now.target != output.target):
            self.steps.append(Step(CONTENT, path, output, now))
        elif output.kind == FILE and not _recall(output, now, record, written):
            self.unsure.append((output, now))
        elif self._differs(output, now):
            self.steps.append(Step(ATTRIBUTES, path, output, now))

    def _is_newer(self, output: Output, now: State, written: "tuple[list[int], Optional[str]]") -> bool:
        """Tell whether a file is to be kept: it is newer than the archive's, and not one that was unpacked."""
        if not self._keep_newer or output.kind != FILE or now.mtime <= output.mtime:
            return False
        seen, sha256 = written
        return not ((now.seen and seen == now.seen) or (now.sha256 is not None and now.sha256 == sha256))

    def _refuse_to_replace(self, path: str, output: Output, now: State, ours: "dict[str, str]") -> None:
        ours_now = ours.get(path) in (FILE, LINK) and now.kind in (FILE, LINK)
        if output.kind == DIRECTORY and ours_now:
            return
        if output.kind in (FILE, LINK) and now.kind in (FILE, LINK):
            return
        if self._swap and path:
            # It goes with the old destination.
            return
        message = "{} is {}, and {} is to be there"
        shown = path or "the destination"
        raise Trouble("failed", message.format(shown, _WORDS[now.kind], _WORDS[output.kind]), _IN_THE_WAY)

    def settle(self, shas: "dict[int, str]", disk: "Disk") -> None:
        """Compare contents, given the checksums of members by index."""
        for output, now in self.unsure:
            output.sha256 = output.sha256 or shas[output.source]
            now.sha256 = now.sha256 or disk.sha256(output.path)
            if now.sha256 != output.sha256:
                self.steps.append(Step(CONTENT, output.path, output, now))
            elif self._differs(output, now):
                self.steps.append(Step(ATTRIBUTES, output.path, output, now))
        self.unsure = []
        self.steps.sort(key=lambda step: step.path)

    def _differs(self, output: Output, now: State) -> bool:
        """Tell whether mode or owner differ; a directory that is no member is only made, not changed."""
        if output.source == -1:
            return False
        if now.mode != output.mode and output.kind != LINK:
            return True
        return self._ids[0] not in (-1, now.uid) or self._ids[1] not in (-1, now.gid)

    def prune(self, disk: "Disk", manifest: "Manifest") -> None:
        """Remove what earlier archives left; a directory only if nothing else is in it."""
        gone = set()  # type: set[str]
        for path, kind in sorted(manifest.paths().items(), reverse=True):
            if path in self._outputs:
                continue
            now = disk.look(path)
            if now is None or now.kind != kind or not _really_inside(disk, path):
                continue
            if kind == DIRECTORY and not all(path + "/" + name in gone for name in disk.entries(path)):
                continue
            gone.add(path)
            self.steps.append(Step(REMOVE, path, None, now))

    def replace_whole(self, disk: "Disk") -> None:
        """Where anything differs, take the destination as a whole: what the archive does not hold goes with it."""
        if not self.steps:
            return
        if disk.is_link():
            raise Trouble("failed", "the destination is a link, which swap would replace", "say where it leads as dest")
        top, now = self._outputs[""], disk.look("")
        if now is not None and self._rules.dir_mode is None:
            # A private destination stays private.
            top.mode = now.mode
        self.whole = top.mode
        gone = {one.path for one in self.steps if one.action == REMOVE}
        for path in sorted(disk.everything(), reverse=True):
            if path not in self._outputs and path not in gone:
                self.steps.append(Step(REMOVE, path, None, disk.look(path)))

    def everything(self) -> "list[Step]":
        """Return the steps that make all of it where nothing is."""
        return [Step(CREATE, path, self._outputs[path], None) for path in sorted(self._outputs)]

    def token(self, digest: str) -> str:
        """Return what stands for these very steps on this very state of the disk."""
        lines = [[one.action, one.path, one.before.seen if one.before else None] for one in self.steps]
        return hashlib.sha256(json.dumps([digest, lines]).encode("ascii")).hexdigest()


def _really_inside(disk: "Disk", path: str) -> bool:
    """Tell whether no directory above a path was replaced by a link."""
    parent = path.rpartition("/")[0]
    while parent:
        now = disk.look(parent)
        if now is None or now.kind != DIRECTORY:
            return False
        parent = parent.rpartition("/")[0]
    return True


def _recall(
    output: Output, now: State, record: "Optional[Record]", written: "dict[str, tuple[list[int], Optional[str]]]"
) -> bool:
    """Tell whether a file is known to be as it should without reading it; note what else is known of it."""
    known = record.outputs.get(output.path) if record is not None else None
    if known is not None and known.kind == FILE:
        output.sha256 = known.sha256
    seen, sha256 = written.get(output.path, ([], None))
    if now.seen and seen == now.seen:
        now.sha256 = sha256
    return output.sha256 is not None and output.sha256 == now.sha256


def unknown_sources(unsure: "Iterable[tuple[Output, State]]") -> "set[int]":
    """Return the members whose checksums must be known."""
    return {output.source for output, _ in unsure if output.sha256 is None}
