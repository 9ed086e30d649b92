# SPDX-License-Identifier: GPL-3.0-or-later
"""What was unpacked before, kept on the host; without it all is compared anew. Python 3.6."""

import binascii
import hashlib
import json
import os
import pwd

from jetpack_plugin_unpack.onhost.vetting import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

VERSION = 1
SYSTEM_STATE = "/var/lib"


def state_directory(environment: "dict[str, str]", uid: int, home: str) -> str:
    """Return the directory of the manifests: that of the system for root, else the user's own."""
    base = environment.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = SYSTEM_STATE if uid == 0 else os.path.join(home, ".local", "state")
    return os.path.join(base, "jetpack", "unpack")


def own_state_directory() -> str:
    """Return the directory of the manifests of the user that runs this."""
    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        home = "/nonexistent"
    return state_directory(dict(os.environ), os.geteuid(), home)


def name_for(dest: str) -> str:
    """Return the name of the manifest of a destination."""
    return hashlib.sha256(dest.encode("utf-8", "surrogateescape")).hexdigest()[:40] + ".json"


class Record:
    """What one archive made of a destination."""

    def __init__(self, digest: str, seen: "list[int]", rules: str, form: str, outputs: "dict[str, Output]") -> None:
        self.digest = digest
        self.seen = seen
        """What tells cheaply that the archive is the same file: inode, size, times."""
        self.rules = rules
        self.form = form
        self.outputs = outputs
        self.states = {}  # type: dict[str, list[int]]
        """The same of each file as it was written."""
        self.warnings = []  # type: list[str]
        self.skipped = 0


class Manifest:
    """The records of one destination, by the archive's path."""

    def __init__(self, dest: str) -> None:
        self.dest = dest
        self.records = {}  # type: dict[str, Record]

    def paths(self) -> "dict[str, str]":
        """Return all that was ever made, with its kind, the directories above it included."""
        found = {}
        for record in self.records.values():
            for path, output in record.outputs.items():
                found[path] = output.kind
                parent = path.rpartition("/")[0]
                while parent:
                    found.setdefault(parent, "d")
                    parent = parent.rpartition("/")[0]
        return found

    def written(self) -> "dict[str, tuple[list[int], Optional[str]]]":
        """Return what each file was like when it was written, and its checksum."""
        found = {}
        for record in self.records.values():
            for path, output in record.outputs.items():
                found[path] = (record.states.get(path, []), output.sha256)
        return found

    def text(self) -> str:
        """Return it as it is kept."""
        records = {}
        for src, record in self.records.items():
            records[src] = {
                "digest": record.digest,
                "seen": record.seen,
                "rules": record.rules,
                "format": record.form,
                "warnings": record.warnings,
                "skipped": record.skipped,
                "outputs": [one.packed() + [record.states.get(one.path)] for one in record.outputs.values()],
            }
        return json.dumps({"version": VERSION, "dest": self.dest, "records": records})


def parse(text: str, dest: str) -> Manifest:
    """Return the manifest in a text; an empty one when it is damaged or of another kind, which only costs work."""
    manifest = Manifest(dest)
    try:
        data = json.loads(text)
        if data["version"] != VERSION or data["dest"] != dest:
            return manifest
        for src, one in data["records"].items():
            manifest.records[src] = _record(one)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Manifest(dest)
    return manifest


def _record(data: "dict[str, Any]") -> Record:
    outputs = {}
    states = {}
    for path, kind, source, size, mode, mtime, target, sha256, seen in data["outputs"]:
        # A manifest is no more trusted than an archive: only its own process wrote it, but who knows.
        if path.startswith("/") or ".." in path.split("/") or kind not in ("f", "d", "l"):
            raise ValueError(path)
        outputs[path] = Output(path, kind, source, size, mode, mtime, target, sha256)
        if seen is not None:
            states[path] = seen
    record = Record(data["digest"], data["seen"], data["rules"], data["format"], outputs)
    record.states = states
    record.warnings = data["warnings"]
    record.skipped = data["skipped"]
    return record


def load(dest: str) -> Manifest:
    """Read the manifest of a destination on this machine."""
    path = os.path.join(own_state_directory(), name_for(dest))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return Manifest(dest)
    with os.fdopen(fd, "r", encoding="utf-8", errors="surrogateescape") as stream:
        if os.fstat(stream.fileno()).st_uid not in (0, os.geteuid()):
            return Manifest(dest)
        return parse(stream.read(), dest)


def save(manifest: Manifest) -> "Optional[str]":
    """Keep a manifest on this machine; returns a warning when that fails, which is no failure of the work."""
    folder = own_state_directory()
    path = os.path.join(folder, name_for(manifest.dest))
    temporary = path + "." + binascii.hexlify(os.urandom(8)).decode("ascii")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(manifest.text())
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        return "what was unpacked could not be noted in {}, so the next run reads the archive: {}".format(
            path, error.strerror
        )
    return None
