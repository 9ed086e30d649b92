# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a file, checked, and gone on with where an earlier attempt ended. Python 3.6."""

import hashlib
import os
import re
import time
import zlib

from jetpack_plugin_download.onhost.body import Pace, body
from jetpack_plugin_download.onhost.part import Part, forget
from jetpack_plugin_download.onhost.session import BLOCK, Session, conditions, facts_of, judge, recorded_url
from jetpack_plugin_download.onhost.trouble import Impossible, Refused, Trouble
from jetpack_plugin_download.onhost.turns import in_turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Reply = dict[str, Any]

_RANGE = re.compile(r"\s*bytes\s+(\d+)-(\d+)/(\d+|\*)\s*$", re.IGNORECASE)


def fetch(session: "Session", part_path: str, note: "str | None", record: "dict[str, Any] | None" = None) -> "Reply":
    """Take the file into `part_path`, checked; raises Refused or Impossible, after which no bad file is left.

    With a record the answer may be status 304, and no file.
    """
    began = time.time()
    urls = session.request["urls"]
    chosen = recorded_url(urls, record)
    part = Part(part_path, note if session.request.get("resume", True) else None)
    done = False
    try:
        reply = in_turn(session, urls, lambda url: _take(session, url, part, record if url == chosen else None))
        info = os.fstat(part.fd)
        reply.update({"part": part_path, "uid": info.st_uid, "gid": info.st_gid})
        reply["elapsed"] = round(time.time() - began, 3)
        done = reply["status"] != 304
        return reply
    except OSError as error:
        raise Impossible(f"{part_path}: {(error.strerror or str(error)).lower()}")
    finally:
        if done and note:
            forget(note)
        elif not done and not part.resumable:
            part.drop()
        part.close()


def _take(session: "Session", url: str, part: Part, record: "dict[str, Any] | None") -> "Reply":
    offset, etag = part.known(url)
    headers = {"Range": f"bytes={offset}-", "If-Range": etag} if offset else conditions(record)
    with session.open(url, headers) as answer:
        if answer.getcode() == 304 and record and not offset:
            return dict(facts_of(answer), url=url)
        if offset and answer.getcode() == 416:
            os.ftruncate(part.fd, 0)
            raise Trouble("it cannot go on where the last transfer ended", 0.0)
        judge(answer)
        if answer.getcode() == 206:
            whole = _whole_of(answer, offset, etag, part)
        else:
            offset, whole = 0, facts_of(answer)["size"]
            os.ftruncate(part.fd, 0)
        return _keep(session, url, answer, part, offset, whole)


def _whole_of(answer: "Any", offset: int, etag: str, part: Part) -> "int | None":
    """Return the size of the file that an answer is the rest of; raises Refused, and Trouble for another part."""
    if not offset:
        raise Refused("it sends a part of the file, and was asked for all of it")
    said = _RANGE.match(answer.headers.get("Content-Range") or "")
    if said is None or int(said.group(1)) != offset:
        os.ftruncate(part.fd, 0)
        raise Trouble("it sends another part than it was asked for", 0.0)
    # A server that does not know If-Range sends the rest of whatever it has now.
    if (answer.headers.get("ETag") or etag) != etag:
        os.ftruncate(part.fd, 0)
        raise Trouble("the file changed during the transfer", 0.0)
    return int(said.group(3)) if said.group(3) != "*" else None


def _keep(session: "Session", url: str, answer: "Any", part: Part, offset: int, whole: "int | None") -> "Reply":
    facts = facts_of(answer)
    limit = session.request.get("max_size")
    if limit is not None and whole is not None and whole > limit:
        raise Refused(f"the file has {whole} bytes, and max_size is {limit}")
    encoded = (answer.headers.get("Content-Encoding") or "identity").lower() != "identity"
    part.promise(url, None if encoded else facts["etag"])
    digests = Digests(session.request.get("checksum"))
    if offset:
        digests.add_file(part.fd, offset)
    size = offset
    pace = Pace(session.request)
    os.lseek(part.fd, offset, os.SEEK_SET)
    try:
        for block in body(answer, url):
            size += len(block)
            pace.add(len(block))
            if limit is not None and size > limit:
                raise Refused(f"the file has more than the {limit} bytes of max_size")
            _write(part.fd, block)
            digests.add(block)
            session.tell("{} of {} bytes".format(size, "?" if whole is None else whole))
    except zlib.error:
        raise Trouble("what it sends is no valid gzip")
    if whole is not None and size < whole:
        raise Trouble(f"the answer ended {whole - size} bytes too early")
    os.fsync(part.fd)
    _verify(digests, part, resumed=bool(offset))
    facts.update({"url": url, "size": size, "sha256": digests.sha256, "resumed": offset, "received": size - offset})
    return facts


def _verify(digests: "Digests", part: Part, resumed: bool) -> None:
    wrong = digests.wrong()
    if wrong is None:
        return
    os.ftruncate(part.fd, 0)
    if part.note:
        forget(part.note)
    if resumed:
        raise Trouble("the file changed during the transfer", 0.0)
    raise Refused(wrong)


class Digests:
    """The digests of what was received."""

    def __init__(self, wanted: "list[str] | None") -> None:
        self._wanted = wanted
        self._sha256 = hashlib.sha256()
        other = wanted is not None and wanted[0] != "sha256"
        self._other = hashlib.new(wanted[0]) if wanted is not None and other else None

    def add(self, block: bytes) -> None:
        """Count a block in."""
        self._sha256.update(block)
        if self._other is not None:
            self._other.update(block)

    def add_file(self, fd: int, size: int) -> None:
        """Count in the first bytes of a file."""
        os.lseek(fd, 0, os.SEEK_SET)
        while size > 0:
            block = os.read(fd, min(BLOCK, size))
            if not block:
                break
            size -= len(block)
            self.add(block)

    @property
    def sha256(self) -> str:
        """Return the SHA-256."""
        return self._sha256.hexdigest()

    def wrong(self) -> "str | None":
        """Return what is wrong with the checksum, or None."""
        if self._wanted is None:
            return None
        found = (self._other or self._sha256).hexdigest()
        if found == self._wanted[1]:
            return None
        return f"the file's {self._wanted[0]} is {found}, not {self._wanted[1]}"


def _write(fd: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError as error:
            raise Impossible(f"the file cannot be written: {(error.strerror or str(error)).lower()}")
