# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for a file by HTTP: the one client for hosts, to which it is sent, and for the control machine. Python 3.6.

A request is a dictionary, so that it can travel as JSON: see `request.py`, which makes it.
"""

import email.utils
import errno
import fcntl
import hashlib
import http.client
import json
import os
import random
import socket
import ssl
import stat
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Request = dict[str, Any]
    Reply = dict[str, Any]

BLOCK = 256 * 1024
MOST_REDIRECTS = 10
LONGEST_BACKOFF = 30.0
"""Seconds; what a server asks for by Retry-After may be longer, up to the request's `longest_wait`."""
REPORT_EVERY = 5.0
PASSING = frozenset([408, 425, 429, 500, 502, 503, 504])
_NO_HEAD = frozenset([400, 403, 404, 405, 501])
_KEPT_ON_REDIRECT = frozenset(["accept", "accept-language", "user-agent"])
_COMPRESSED_NAMES = (".gz", ".tgz", ".z", ".svgz")


class Refused(Exception):
    """This address will not give the file, however often it is asked."""


class Trouble(Exception):
    """It may go better in a while; `after` is how many seconds the server asked for."""

    def __init__(self, message: str, after: "float | None" = None) -> None:
        Exception.__init__(self, message)
        self.after = after


class Impossible(Exception):
    """No address can help: the disk is full, or the place cannot be written to."""


def shown(url: str) -> str:
    """Return an address without its query, which may hold a key."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, "…" if parts.query else "", ""))


def origin(url: str) -> "tuple[str, str, int]":
    """Return what must stay the same for credentials to be sent on."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MOST_REDIRECTS

    def redirect_request(
        self, req: "Any", fp: "Any", code: int, msg: str, headers: "Any", newurl: str
    ) -> "urllib.request.Request":
        here, there = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if here.scheme == "https" and there.scheme == "http":
            raise Refused(f"it redirects to {shown(newurl)}, which is not encrypted")
        known = dict(req.headers)
        if origin(req.full_url) != origin(newurl):
            known = {name: value for name, value in known.items() if name.lower() in req.travels}
        return _request(newurl, req.get_method(), known, req.travels)

    def http_error_302(self, req: "Any", fp: "Any", code: int, msg: str, headers: "Any") -> "Any":
        """Follow a redirect, once it is seen to lead to a web address."""
        there = urllib.parse.urljoin(req.full_url, headers.get("Location") or "")
        if urllib.parse.urlsplit(there).scheme not in ("http", "https"):
            raise Refused(f"it redirects to {shown(there)}, which is no web address")
        return urllib.request.HTTPRedirectHandler.http_error_302(self, req, fp, code, msg, headers)

    # Python knows 308 only since 3.11.
    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _request(url: str, method: str, headers: "dict[str, str]", travels: "frozenset[str]") -> "urllib.request.Request":
    made = urllib.request.Request(url, headers=headers, method=method)
    made.travels = travels  # type: ignore[attr-defined]
    return made


def _tls(request: "Request") -> "ssl.SSLContext":
    try:
        context = ssl.create_default_context(cadata=request.get("ca") or None)
    except (ssl.SSLError, ValueError) as error:
        raise Impossible(f"ca_file holds no certificate that can be used: {error}")
    if not request.get("verify", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Session:
    """Asks on behalf of one request; `report` hears what is going on, at most every few seconds."""

    def __init__(self, request: "Request", report: "Callable[[str], None] | None" = None) -> None:
        self.request = request
        self.timeout = float(request.get("timeout") or 30)
        self._report = report
        self._reported = time.time()
        proxy = request.get("proxy")
        proxies = {"http": proxy, "https": proxy} if proxy else None
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=_tls(request)), _Redirects()
        )

    def tell(self, message: str) -> None:
        """Report, where the last report was some seconds ago."""
        now = time.time()
        if self._report is not None and now - self._reported >= REPORT_EVERY:
            self._reported = now
            self._report(message)

    def open(self, url: str, extra: "dict[str, str] | None" = None, method: str = "GET") -> "Any":
        """Return the answer, whatever its status; raises Refused or Trouble where there is none."""
        given = {"Accept-Encoding": "identity", "User-Agent": "jetpack-download"}
        given.update(self.request.get("headers") or {})
        own = dict(extra or {})
        given.update(own)
        if self.request.get("authorization") and self._may_hear(url):
            given["Authorization"] = self.request["authorization"]
        travels = _KEPT_ON_REDIRECT | {name.lower() for name in own} | {"accept-encoding"}
        try:
            asked = _request(url, method, given, frozenset(travels))
            return self._opener.open(asked, timeout=self.timeout)
        except urllib.error.HTTPError as answer:
            return answer
        except urllib.error.URLError as error:
            raise _failure(error.reason)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failure(error)

    def _may_hear(self, url: str) -> bool:
        """Tell whether an address is one of those that the credentials were given for."""
        only = self.request.get("credentials_for")
        return only is None or origin(url) == origin(only)


def _failure(reason: object) -> "Exception":
    if isinstance(reason, (Refused, Trouble, Impossible)):
        return reason
    if isinstance(reason, ssl.SSLError):
        detail = getattr(reason, "verify_message", "") or reason.reason or str(reason)
        if isinstance(reason, getattr(ssl, "SSLCertVerificationError", ssl.CertificateError)) or "CERT" in detail:
            return Refused(f"its certificate is not trusted ({detail})")
        return Trouble(f"the encrypted connection failed ({detail})")
    if isinstance(reason, ssl.CertificateError):
        return Refused(f"its certificate is not trusted ({reason})")
    if isinstance(reason, socket.timeout) or "timed out" in str(reason):
        return Trouble("it does not answer in time")
    if isinstance(reason, (OSError, http.client.HTTPException)):
        return Trouble(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__)
    return Refused(str(reason))


def _retry_after(answer: "Any") -> "float | None":
    text = (answer.headers.get("Retry-After") or "").strip()
    if text.isdigit():
        return float(text)
    when = email.utils.parsedate_tz(text) if text else None
    return None if when is None else max(0.0, email.utils.mktime_tz(when) - time.time())


def _judge(answer: "Any") -> None:
    """Raise what an answer's status means, unless it is a good one."""
    status = answer.getcode()
    if 200 <= status < 300:
        return
    answer.close()
    if status in PASSING:
        raise Trouble(f"it answers {status} {_words(answer)}", _retry_after(answer))
    raise Refused(f"it answers {status} {_words(answer)}")


def _words(answer: "Any") -> str:
    return "".join(char for char in str(getattr(answer, "reason", "") or "")[:100] if char.isprintable())


def _facts(answer: "Any") -> "Reply":
    headers = answer.headers
    length = headers.get("Content-Length") or ""
    encoded = (headers.get("Content-Encoding") or "identity").lower() != "identity"
    return {
        "status": answer.getcode(),
        "etag": headers.get("ETag"),
        "last_modified": headers.get("Last-Modified"),
        "size": int(length) if length.isdigit() and not encoded else None,
        "final_url": shown(answer.geturl()),
    }


def strong(etag: "str | None") -> bool:
    """Tell whether a validator vouches for every byte (RFC 9110, 8.8.3)."""
    return bool(etag) and not str(etag).startswith("W/") and str(etag).startswith('"')


def conditions(record: "dict[str, Any] | None") -> "dict[str, str]":
    """Return the headers that ask for a file only if it is not the one recorded."""
    headers = {}
    if record:
        if record.get("etag"):
            headers["If-None-Match"] = str(record["etag"])
        if record.get("last_modified"):
            headers["If-Modified-Since"] = str(record["last_modified"])
    return headers


def address_key(url: str) -> str:
    """Return what stands for an address in records, which may be read by others."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()


def recorded_url(urls: "list[str]", record: "dict[str, Any] | None") -> "str | None":
    """Return the address that gave the recorded file, where it is still wanted."""
    wanted = (record or {}).get("url")
    return next((url for url in urls if address_key(url) == wanted), None)


def check(session: "Session", record: "dict[str, Any] | None") -> "Reply":
    """Ask whether the file is still the recorded one, without taking it; raises Refused, Trouble, Impossible."""
    urls = session.request["urls"]
    chosen = recorded_url(urls, record)
    if chosen is None:
        return _in_turn(session, urls, lambda url: _ask(session, url, {}))
    return _in_turn(session, [chosen], lambda url: _ask(session, url, conditions(record)))


def _ask(session: "Session", url: str, headers: "dict[str, str]") -> "Reply":
    answer = session.open(url, headers, "HEAD")
    if answer.getcode() in _NO_HEAD:
        # Some servers, and addresses signed for GET alone, refuse to say anything without the file.
        answer.close()
        answer = session.open(url, headers)
    with answer:
        if answer.getcode() != 304:
            _judge(answer)
        facts = _facts(answer)
        facts["conditional"] = bool(headers)
        return facts


def read(session: "Session", limit: int) -> "Reply":
    """Return a small text; raises Refused, Trouble, Impossible."""
    return _in_turn(session, session.request["urls"], lambda url: _read(session, url, limit))


def _read(session: "Session", url: str, limit: int) -> "Reply":
    with session.open(url) as answer:
        _judge(answer)
        body = b""
        for block in _body(answer, url):
            body += block
            if len(body) > limit:
                raise Refused(f"it is larger than {limit} bytes")
        facts = _facts(answer)
        facts["text"] = body.decode("utf-8", "replace")
        return facts


class Turns:
    """Whom to ask next: one address after the other, and those that may yet answer again after a while."""

    def __init__(self, urls: "list[str]", request: "Request") -> None:
        self._urls = urls
        self._request = request
        self._attempt = 0
        self._refused = set()  # type: set[str]
        self._said = {}  # type: dict[str, str]
        self._waits = []  # type: list[float]

    def waiting(self) -> "list[str]":
        """Return the addresses to ask in this round."""
        return [url for url in self._urls if url not in self._refused]

    def failed(self, url: str, error: Exception) -> None:
        """Note why an address did not help."""
        self._said[url] = str(error)
        if not isinstance(error, Trouble):
            self._refused.add(url)
            return
        longest = float(self._request.get("longest_wait") or 0)
        if error.after is not None and error.after > longest:
            self._refused.add(url)
            self._said[url] += f", and asks to wait {error.after:.0f} s, which is too long"
            return
        backoff = min(LONGEST_BACKOFF, float(self._request.get("delay") or 0) * 2.0**self._attempt)
        self._waits.append(max(error.after or 0.0, backoff * random.uniform(0.5, 1.0)))  # noqa: S311

    def pause(self) -> "float | None":
        """Begin another round; returns the seconds to wait before it, or None when there is to be none."""
        if not self.waiting() or self._attempt >= int(self._request.get("retries") or 0):
            return None
        self._attempt += 1
        waits, self._waits = self._waits, []
        return min(waits) if waits else 0.0

    def reason(self) -> str:
        """Return what all of them said."""
        return "; ".join(f"{shown(url)}: {self._said[url]}" for url in self._urls if url in self._said)


def _in_turn(session: Session, urls: "list[str]", ask: "Callable[[str], Reply]") -> "Reply":
    turns = Turns(urls, session.request)
    while True:
        for url in turns.waiting():
            try:
                return ask(url)
            except (Refused, Trouble) as error:
                turns.failed(url, error)
        pause = turns.pause()
        if pause is None:
            raise Refused(turns.reason())
        session.tell(turns.reason())
        time.sleep(pause)


class Part:
    """The file that grows while it is fetched: private, locked, and beside its destination.

    :param path: Its name; only what this user made itself and nobody else may write to is gone on with.
    :param note: Where it is noted which address and validator it came from.
    """

    def __init__(self, path: str, note: "str | None") -> None:
        self.path = path
        self.note = note
        self.fd = self._open()
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.fd)
            raise Trouble(f"another download is writing {path}")

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            for _ in range(3):
                try:
                    fd = os.open(self.path, flags, 0o600)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                        raise
                else:
                    if self._is_ours(os.fstat(fd)):
                        return fd
                    os.close(fd)
                os.unlink(self.path)
        except OSError as error:
            raise Impossible(f"{self.path}: {(error.strerror or str(error)).lower()}")
        raise Impossible(f"{self.path}: somebody else keeps making it")

    @staticmethod
    def _is_ours(info: "os.stat_result") -> bool:
        mine = info.st_uid == os.geteuid() and info.st_nlink == 1
        return stat.S_ISREG(info.st_mode) and mine and not stat.S_IMODE(info.st_mode) & 0o077

    def known(self, url: str) -> "tuple[int, str]":
        """Return how many bytes of the address's file are here, and the validator they belong to."""
        size = os.fstat(self.fd).st_size
        try:
            with open(self.note or "", encoding="utf-8") as file:
                noted = json.load(file)
            if size and noted["url"] == address_key(url) and strong(noted["etag"]):
                return size, str(noted["etag"])
        except (OSError, ValueError, KeyError, TypeError):
            # No note, or one that nobody can read: then nothing is known.
            return 0, ""
        return 0, ""

    def promise(self, url: str, etag: "str | None") -> None:
        """Note what the bytes to come belong to, so that they can be gone on with."""
        if not self.note:
            return
        if etag is None or not strong(etag):
            _forget(self.note)
            return
        try:
            if not os.path.isdir(os.path.dirname(self.note)):
                os.makedirs(os.path.dirname(self.note), 0o700)
            fd = os.open(self.note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w") as file:
                json.dump({"url": address_key(url), "etag": etag}, file)
        except OSError:
            # Without the note the next attempt begins at the beginning, and that is all.
            self.note = None

    @property
    def resumable(self) -> bool:
        """Tell whether what is here can be gone on with."""
        return bool(self.note) and os.path.exists(self.note or "") and os.fstat(self.fd).st_size > 0

    def drop(self) -> None:
        """Remove it."""
        _forget(self.path)
        if self.note:
            _forget(self.note)

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # It is gone already, or the disk is: either way nothing more can be done.
        return


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
        reply = _in_turn(session, urls, lambda url: _take(session, url, part, record if url == chosen else None))
        info = os.fstat(part.fd)
        reply.update({"part": part_path, "uid": info.st_uid, "gid": info.st_gid})
        reply["elapsed"] = round(time.time() - began, 3)
        done = reply["status"] != 304
        return reply
    except OSError as error:
        raise Impossible(f"{part_path}: {(error.strerror or str(error)).lower()}")
    finally:
        if done and note:
            _forget(note)
        elif not done and not part.resumable:
            part.drop()
        part.close()


def _take(session: "Session", url: str, part: Part, record: "dict[str, Any] | None") -> "Reply":
    offset, etag = part.known(url)
    headers = {"Range": f"bytes={offset}-", "If-Range": etag} if offset else conditions(record)
    with session.open(url, headers) as answer:
        if answer.getcode() == 304 and record and not offset:
            return dict(_facts(answer), url=url)
        if offset and answer.getcode() == 416:
            os.ftruncate(part.fd, 0)
            raise Trouble("it cannot go on where the last transfer ended", 0.0)
        _judge(answer)
        if answer.getcode() == 206:
            _check_range(answer, offset, part)
        else:
            offset = 0
            os.ftruncate(part.fd, 0)
        return _keep(session, url, answer, part, offset)


def _check_range(answer: "Any", offset: int, part: Part) -> None:
    said = answer.headers.get("Content-Range") or ""
    if not said.replace(" ", "").lower().startswith(f"bytes{offset}-"):
        os.ftruncate(part.fd, 0)
        raise Trouble("it sends another part than it was asked for", 0.0)


def _keep(session: "Session", url: str, answer: "Any", part: Part, offset: int) -> "Reply":
    facts = _facts(answer)
    limit = session.request.get("max_size")
    whole = None if facts["size"] is None else facts["size"] + offset
    if limit is not None and whole is not None and whole > limit:
        raise Refused(f"the file has {whole} bytes, and max_size is {limit}")
    encoded = (answer.headers.get("Content-Encoding") or "identity").lower() != "identity"
    part.promise(url, None if encoded else facts["etag"])
    digests = _Digests(session.request.get("checksum"))
    if offset:
        digests.add_file(part.fd, offset)
    size = offset
    os.lseek(part.fd, offset, os.SEEK_SET)
    try:
        for block in _body(answer, url):
            size += len(block)
            if limit is not None and size > limit:
                raise Refused(f"the file has more than the {limit} bytes of max_size")
            _write(part.fd, block)
            digests.add(block)
            session.tell("{} of {} bytes".format(size, "?" if whole is None else whole))
    except (TimeoutError, ssl.SSLError, http.client.HTTPException, ConnectionError, zlib.error) as error:
        raise _failure(error) if not isinstance(error, zlib.error) else Trouble("what it sends is no valid gzip")
    os.fsync(part.fd)
    _verify(digests, part, resumed=bool(offset))
    facts.update({"url": url, "size": size, "sha256": digests.sha256, "resumed": offset, "received": size - offset})
    return facts


def _verify(digests: "_Digests", part: Part, resumed: bool) -> None:
    wrong = digests.wrong()
    if wrong is None:
        return
    os.ftruncate(part.fd, 0)
    if part.note:
        _forget(part.note)
    if resumed:
        raise Trouble("the file changed during the transfer", 0.0)
    raise Refused(wrong)


class _Digests:
    """The digests of what was received."""

    def __init__(self, wanted: "list[str] | None") -> None:
        self._wanted = wanted
        self._sha256 = hashlib.sha256()
        other = wanted is not None and wanted[0] != "sha256"
        self._other = hashlib.new(wanted[0]) if wanted is not None and other else None

    def add(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._other is not None:
            self._other.update(block)

    def add_file(self, fd: int, size: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        while size > 0:
            block = os.read(fd, min(BLOCK, size))
            if not block:
                break
            size -= len(block)
            self.add(block)

    @property
    def sha256(self) -> str:
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


def _body(answer: "Any", url: str) -> "Iterator[bytes]":
    """Yield the file's bytes; raises Trouble where it ends too early."""
    encoding = (answer.headers.get("Content-Encoding") or "identity").lower()
    blocks = _raw(answer)
    # Servers often call a compressed file an encoded one; what was asked for is the file as it is stored.
    stored = urllib.parse.urlsplit(url).path.lower().endswith(_COMPRESSED_NAMES)
    if encoding == "identity" or (stored and "gzip" in encoding):
        return blocks
    if encoding not in ("gzip", "x-gzip"):
        raise Refused(f"it sends the file encoded as {encoding}, which nobody asked for")
    return _unzipped(blocks)


def _raw(answer: "Any") -> "Iterator[bytes]":
    length = answer.headers.get("Content-Length") or ""
    missing = int(length) if length.isdigit() else None
    while True:
        try:
            block = answer.read(BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(error)
        if not block:
            break
        if missing is not None:
            missing -= len(block)
        yield block
    if missing is not None and missing > 0:
        raise Trouble(f"the connection ended {missing} bytes too early")


def _unzipped(blocks: "Iterator[bytes]") -> "Iterator[bytes]":
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for block in blocks:
        rest = block
        while rest:
            # Never more than a block at once, however much a few bytes stand for.
            out = reader.decompress(rest, BLOCK)
            rest = reader.unconsumed_tail
            if out:
                yield out
    out = reader.flush()
    if out:
        yield out
    if not reader.eof:
        raise Trouble("the compressed file ended too early")


def carry_out(request: "Request", state: str, report: "Callable[[str], None] | None" = None) -> "Reply":
    """Do what a request says; failures are part of the reply.

    :param state: The file with the record of the last download.
    """
    try:
        session = Session(request, report)
        action = request["action"]
        if action == "check":
            if not os.path.exists(request["dest"]):
                return {"skipped": True}
            return check(session, load_record(state))
        if action == "read":
            return read(session, int(request["limit"]))
        return fetch(session, request["part"], request.get("note"))
    except (Refused, Trouble, Impossible) as error:
        return {"failed": str(error)}


def load_record(path: str) -> "dict[str, Any] | None":
    """Return what is recorded of a file, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def main() -> None:
    """Carry out the request on standard input, on a host."""
    request = json.loads(sys.stdin.buffer.read().decode("ascii"))

    def report(message: str) -> None:
        print(message, file=sys.stderr)
        sys.stderr.flush()

    replies = [carry_out(one, sys.argv[1], report) for one in request]
    print(json.dumps(replies))


if __name__ == "__main__":
    main()
