# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control machine asks of the extractor: a plan, or to carry one out. JSON in, JSON out. Python 3.6."""

import grp
import hashlib
import json
import os
import pwd
import stat

from jetpack_plugin_unpack.onhost import comparing, manifest, whole, writing
from jetpack_plugin_unpack.onhost.archives import FILE, Archive
from jetpack_plugin_unpack.onhost.comparing import Comparison, Disk, seen_of
from jetpack_plugin_unpack.onhost.manifest import Record
from jetpack_plugin_unpack.onhost.streams import Limits, copy_parts
from jetpack_plugin_unpack.onhost.trouble import Trouble
from jetpack_plugin_unpack.onhost.vetting import Output, Rules, vet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Optional

    from jetpack_plugin_unpack.onhost.archives import Member
    from jetpack_plugin_unpack.onhost.comparing import Step

_SHOWN = 1000


def rules_of(request: "dict[str, Any]") -> Rules:
    """Return the rules in a request."""
    limits = Limits(request["max_files"], request["max_size"], request["max_ratio"])
    return Rules(
        request["strip"],
        request["include"],
        request["exclude"],
        request["mode"],
        request["dir_mode"],
        limits,
        request["rename"],
    )


def signature_of(request: "dict[str, Any]") -> str:
    """Return what stands for everything in a request that decides what an archive makes."""
    names = ("strip", "include", "exclude", "rename", "mode", "dir_mode", "format", "name")
    limits = ("max_files", "max_size", "max_ratio")
    text = json.dumps([request[name] for name in names + limits], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def listing_of(archive: Archive, rules: Rules, digest: str, signature: str, thorough: bool = True) -> Record:
    """Read and vet an archive; if `thorough`, the contents of its members as well, which may lie about their sizes."""
    members = _measured(archive, rules.limits) if thorough else (member for member, _ in archive.members())
    listing = vet(members, rules, archive.size)
    record = Record(digest, [], signature, archive.format, listing.outputs)
    record.warnings = listing.warnings
    record.skipped = listing.skipped
    return record


def _measured(archive: Archive, limits: Limits) -> "Iterator[Member]":
    """Yield the members after their contents were read once. A tar archive is read to its end in any case."""
    total = 0
    for member, content in archive.members():
        if content is not None and archive.kind != "tar":
            size = 0
            for part in copy_parts(content, None if member.size < 0 else member.size):
                size += len(part)
                limits.check_size(total + size, archive.size)
            total += size
            member.size = size
        yield member


def checksums(archive: Archive, wanted: "set[int]", limits: Limits) -> "dict[int, str]":
    """Return the checksums of members, by index."""
    found = {}  # type: dict[int, str]
    if not wanted:
        return found
    size = 0
    for member, content in archive.members():
        if member.index not in wanted or content is None:
            continue
        total = hashlib.sha256()
        for part in copy_parts(content, None if member.size < 0 else member.size):
            total.update(part)
            size += len(part)
            limits.check_size(size, archive.size)
        found[member.index] = total.hexdigest()
    return found


def ids_of(owner: "Optional[str]", group: "Optional[str]") -> "tuple[int, int]":
    """Return the numbers of an owner and a group, -1 for None. Raises Trouble."""
    uid = gid = -1
    try:
        if owner is not None:
            uid = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        if group is not None:
            gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        hint = "make the account first, with !user or !group, or give its number"
        raise Trouble("failed", "there is no user or group {}".format(error.args[0]), hint)
    return uid, gid


class Job:
    """One request, carried out on the machine where the destination is."""

    def __init__(self, request: "dict[str, Any]") -> None:
        self._request = request
        self._rules = rules_of(request)
        self._signature = signature_of(request)
        self._dest = str(request["dest"])
        self._disk = Disk(self._dest)
        self._manifest = manifest.load(self._dest)
        self._ids = ids_of(request["owner"], request["group"])
        self._archive = None  # type: Optional[Archive]
        self._seen = []  # type: list[int]

    def plan(self) -> "dict[str, object]":
        """Say what would be done, and write nothing."""
        record = self._known_record() or self._read_record()
        if record is None:
            return {"need": "listing"}
        return self._reply(record, self._compare(record))

    def apply(self) -> "dict[str, object]":
        """Do what was planned. Raises Trouble `stale` when anything is not what the plan saw."""
        there = os.path.exists(self._request["archive"])
        # What is the same archive by its digest was read thoroughly for the plan.
        record = self._read_record(thorough=False) if there else self._known_record()
        if record is None:
            raise Trouble("stale", self._dest)
        known = self._manifest.records.get(self._request["src"])
        if known is not None and known.digest == record.digest and known.rules == record.rules:
            for path, output in record.outputs.items():
                output.sha256 = known.outputs[path].sha256 if path in known.outputs else None
        steps = self._compare(record)
        if steps.token(record.digest) != self._request["token"]:
            raise Trouble("stale", self._dest)
        if self._request["swap"]:
            size = whole.replace(self._dest, steps, self._archive, self._rules.limits, self._ids)
        else:
            size = writing.carry_out(self._dest, steps.steps, self._archive, self._rules.limits, self._ids)
        warning = self._note(record, steps)
        return {"bytes": size, "warnings": [warning] if warning else []}

    def _known_record(self) -> "Optional[Record]":
        """Return what the archive is known to make, where it is the same as before; else None."""
        record = self._manifest.records.get(self._request["src"])
        if record is None or record.rules != self._signature:
            return None
        path, digest = self._request["archive"], self._request["digest"]
        if digest is not None and digest != record.digest:
            return None
        if path is None:
            return record if digest is not None else None
        try:
            seen = seen_of(os.stat(path))
        except FileNotFoundError:
            # It was unpacked once, so it is needed again only when something is to be restored.
            return record
        return record if seen == record.seen else None

    def _read_record(self, thorough: bool = True) -> "Optional[Record]":
        if self._request["archive"] is None:
            return self._given_record()
        self._open()
        if self._archive is None:
            raise Trouble("failed", "there is no archive to unpack")
        digest = self._archive.digest()
        wanted = self._request["digest"]
        if wanted is not None and wanted != digest:
            message = "the SHA-256 of the archive is {}, not {}".format(digest, wanted)
            raise Trouble("refused", message, "fetch it again, or correct checksum")
        record = listing_of(self._archive, self._rules, digest, self._signature, thorough)
        record.seen = self._seen
        return record

    def _given_record(self) -> "Optional[Record]":
        """Return what the control machine found in its archive."""
        given = self._request["listing"]
        if given is None:
            return None
        outputs = {}
        for packed in given["outputs"]:
            output = Output(*packed)
            outputs[output.path] = output
        record = Record(self._request["digest"], [], self._signature, given["format"], outputs)
        record.warnings, record.skipped = given["warnings"], given["skipped"]
        return record

    def _open(self) -> None:
        path = self._request["archive"]
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                # A pipe would let us wait for somebody who writes into it.
                raise Trouble("failed", "{} is no file, so it is no archive".format(path))
            source = open(path, "rb")  # noqa: SIM115 - open until the program ends
        except FileNotFoundError:
            hint = "download it first, with !download or !copy, or say `from: control`"
            raise Trouble("missing", "there is no archive {}".format(path), hint)
        except OSError as error:
            raise Trouble("failed", "{} cannot be read: {}".format(path, str(error.strerror).lower()))
        self._seen = seen_of(os.fstat(source.fileno()))
        request = self._request
        self._archive = Archive(source, request["name"], self._rules.limits, request["format"], request["password"])

    def _compare(self, record: Record) -> Comparison:
        comparison = Comparison(
            record.outputs, self._rules, self._ids, self._request["keep_newer"], self._request["swap"]
        )
        comparison.add_parents()
        known = self._manifest.records.get(self._request["src"])
        same = known is not None and known.digest == record.digest and known.rules == record.rules
        comparison.run(self._disk, self._manifest, known if same else None)
        wanted = comparing.unknown_sources(comparison.unsure)
        if wanted and self._archive is None:
            self._open()
        shas = checksums(self._archive, wanted, self._rules.limits) if self._archive is not None else {}
        comparison.settle(shas, self._disk)
        if self._request["prune"]:
            comparison.prune(self._disk, self._manifest)
        if self._request["swap"]:
            comparison.replace_whole(self._disk)
        return comparison

    def _reply(self, record: Record, comparison: Comparison) -> "dict[str, object]":
        steps = comparison.steps
        easy = () if self._request["swap"] else (comparing.REMOVE, comparing.ATTRIBUTES)
        restoring = [one for one in steps if one.action not in easy]
        if restoring and self._request["archive"] is not None and not os.path.exists(self._request["archive"]):
            message = "{} differs from what was unpacked, and the archive {} is gone"
            raise Trouble("missing", message.format(restoring[0].path, self._request["archive"]), "bring it back")
        above = []  # type: list[str]
        parent = os.path.dirname(self._dest)
        while not os.path.lexists(parent):
            above.insert(0, parent)
            parent = os.path.dirname(parent)
        answer = reply(record, comparison, above)
        answer["there"] = self._request["archive"] is not None and os.path.exists(self._request["archive"])
        return answer

    def _note(self, record: Record, comparison: Comparison) -> "Optional[str]":
        """Keep what was made, and how each file looks now."""
        for path, output in record.outputs.items():
            now = self._disk.look(path)
            if output.kind != FILE or now is None or now.kind != FILE or path in comparison.kept:
                continue
            if output.sha256 is None:
                output.sha256 = self._disk.sha256(path)
            record.states[path] = now.seen
        if self._request["prune"] or self._request["swap"]:
            self._manifest.records.clear()
        self._manifest.records[self._request["src"]] = record
        return manifest.save(self._manifest)


def reply(record: Record, comparison: Comparison, above: "list[str]") -> "dict[str, object]":
    """Return a plan as JSON holds it; `above` are the directories that are missing above the destination."""
    return {
        "digest": record.digest,
        "format": record.form,
        "files": sum(1 for one in record.outputs.values() if one.kind == FILE),
        "skipped": record.skipped,
        "kept": len(comparison.kept),
        "whole": comparison.whole,
        "warnings": record.warnings,
        "above": above,
        "count": len(comparison.steps),
        "steps": [shown(step) for step in comparison.steps[:_SHOWN]],
        "token": comparison.token(record.digest),
    }


def shown(step: "Step") -> "dict[str, object]":
    """Return a step as JSON holds it."""
    after = step.output
    before = step.before
    return {
        "action": step.action,
        "path": step.path,
        "kind": after.kind if after is not None else None,
        "mode": after.mode if after is not None else None,
        "size": after.size if after is not None else None,
        "target": after.target if after is not None else None,
        "sha256": after.sha256 if after is not None else None,
        "before": None if before is None else [before.kind, before.mode, before.size, before.target, before.sha256],
    }


def run(request: "dict[str, Any]") -> "dict[str, object]":
    """Carry out one request; trouble is an answer as well."""
    os.umask(0o022)
    try:
        job = Job(request)
        return job.apply() if request["verb"] == "apply" else job.plan()
    except Trouble as trouble:
        return {"trouble": trouble.code, "message": trouble.message, "hint": trouble.hint}
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else request["dest"]
        return {"trouble": "failed", "message": "{}: {}".format(where, str(error.strerror).lower()), "hint": ""}
