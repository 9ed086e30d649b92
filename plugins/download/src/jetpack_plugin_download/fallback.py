# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads on hosts without Python, by the curl or wget they have; redirects are followed here, hop by hop."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from jetpack_core.contracts.host import Host
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.records import CommandResult
from jetpack_plugin_download.onhost.session import MOST_REDIRECTS, PASSING, conditions, login_for, origin, recorded_url
from jetpack_plugin_download.onhost.trouble import Refused, Trouble, shown
from jetpack_plugin_download.onhost.turns import Turns
from jetpack_plugin_download.request import Reply, Request

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FINE: Final = frozenset({200, 203})
_FIRST_FINAL: Final = 200
"""Answers below are followed by another one."""
_NOT_MODIFIED: Final = 304
_SAFE: Final = frozenset({"accept", "accept-encoding", "accept-language", "user-agent", "if-none-match"})
_CERTIFICATE: Final = frozenset({51, 60, 77, 83, 90})
_PASSING_ENDS: Final = frozenset({5, 6, 7, 18, 28, 35, 52, 55, 56, 92})
_WHOLE: Final = 20
"""Limits of silence after which a tool that cannot notice silence is stopped."""
_TOO_LARGE: Final = 63
_CANNOT_WRITE: Final = 23


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server."""

    status: int
    headers: Mapping[str, str]
    body: str = ""


async def take_turns(
    host: Host, request: Request, urls: Sequence[str], ask: Callable[[str], Awaitable[Reply]]
) -> Reply:
    """Ask one address after the other, and again, as the client does. Raises TaskError."""
    turns = Turns(list(urls), request)
    while True:
        for url in turns.waiting():
            try:
                return await ask(url)
            except (Refused, Trouble) as error:
                turns.failed(url, error)
        pause = turns.pause()
        if pause is None:
            raise TaskError(f"the download failed: {turns.reason()}")
        await host.sleep(pause)


class Curl:
    """The curl of a host. Its settings go to standard input, so that no secret shows in the process list.

    :param certificates: The path of `ca_file` on the host, where there is one.
    :param client: The path of `client_cert` with its key, likewise.
    """

    def __init__(
        self, host: Host, request: Request, certificates: str | None = None, client: str | None = None
    ) -> None:
        self._host = host
        self._request = request
        self._certificates = certificates
        self._client = client

    async def fetch(self, url: str, path: str) -> Reply:
        """Take a file to a private path. Raises Refused, Trouble."""
        answer, final = await self._follow(url, {}, ("output", path))
        if answer.status not in _FINE:
            raise _refusal(answer)
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused("it sends the file compressed, which nobody asked for; say `via: control`")
        return _facts(answer, url, final)

    async def check(self, urls: Sequence[str], record: Mapping[str, Any] | None) -> Reply:
        """Ask whether a file is still the recorded one. Raises TaskError."""
        chosen = recorded_url(list(urls), dict(record) if record else None)
        headers = conditions(dict(record) if record else None) if chosen else {}

        async def ask(url: str) -> Reply:
            answer, final = await self._follow(url, headers, ("head", ""))
            if answer.status != _NOT_MODIFIED and answer.status not in _FINE:
                raise _refusal(answer)
            return {**_facts(answer, url, final), "conditional": bool(headers)}

        return await take_turns(self._host, self._request, [chosen] if chosen else urls, ask)

    async def read(self, urls: Sequence[str], limit: int) -> Reply:
        """Return a small text. Raises TaskError."""

        async def ask(url: str) -> Reply:
            answer, final = await self._follow(url, {}, ("max-filesize", str(limit)))
            if answer.status not in _FINE:
                raise _refusal(answer)
            return {**_facts(answer, url, final), "text": answer.body}

        return await take_turns(self._host, self._request, urls, ask)

    async def _follow(self, url: str, headers: Mapping[str, str], how: tuple[str, str]) -> tuple[Answer, str]:
        here = url
        for _ in range(MOST_REDIRECTS):
            answer = await self._ask(here, headers, how, trusted=origin(here) == origin(url))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer, here
            there = urljoin(here, answer.headers["location"])
            _check_redirect(here, there)
            here = there
        raise Refused("it redirects without end")

    async def _ask(self, url: str, headers: Mapping[str, str], how: tuple[str, str], *, trusted: bool) -> Answer:
        settings = self._settings(url, headers, trusted=trusted)
        settings += [("head", None), ("output", "/dev/null")] if how[0] == "head" else [how]
        said = await self._host.run(
            ("curl", "--disable", "--config", "-"),
            stdin=_config(settings).encode("utf-8", "surrogateescape"),
            read_only=how[0] != "output",
        )
        _check_end(said)
        return _answer_in(said.stdout)

    def _settings(self, url: str, headers: Mapping[str, str], *, trusted: bool) -> list[tuple[str, str | None]]:
        request = self._request
        given = {"Accept-Encoding": "identity", "User-Agent": "jetpack-download", **(request.get("headers") or {})}
        login = login_for(dict(request), url)
        if login:
            given["Authorization"] = login
        if not trusted:
            given = {name: value for name, value in given.items() if name.lower() in _SAFE}
        given.update(headers)
        timeout = f"{max(1, round(request.get('timeout') or 30))}"
        settings: list[tuple[str, str | None]] = [
            ("url", url),
            ("silent", None),
            ("show-error", None),
            ("globoff", None),
            ("proto", "=http,https"),
            ("dump-header", "-"),
            ("suppress-connect-headers", None),
            ("connect-timeout", timeout),
            ("speed-time", timeout),
            ("speed-limit", str(request.get("min_speed") or 1)),
            *(("header", f"{name}: {value}") for name, value in given.items()),
        ]
        settings += [(name, value) for name, value in self._limits() if value]
        if not request.get("verify", True):
            settings.append(("insecure", None))
        if request.get("min_tls"):
            settings.append((f"tlsv{request['min_tls']}", None))
        if request.get("pins") and trusted:
            settings.append(("pinnedpubkey", ";".join(request["pins"])))
        return settings

    def _limits(self) -> list[tuple[str, str | None]]:
        limit = self._request.get("max_size")
        return [
            ("cacert", self._certificates),
            ("cert", self._client),
            ("proxy", self._request.get("proxy")),
            ("max-time", _text(self._request.get("max_time"))),
            ("max-filesize", None if limit is None else str(limit)),
        ]


def _text(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _config(settings: Sequence[tuple[str, str | None]]) -> str:
    lines = []
    for name, value in settings:
        if value is None:
            lines.append(name)
            continue
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
        lines.append(f'{name} = "{quoted}"')
    return "\n".join([*lines, ""])


def _check_end(said: CommandResult) -> None:
    """Raise what curl's exit code means: see EXIT CODES in curl(1)."""
    if said.ok:
        return
    why = said.stderr.strip().removeprefix(f"curl: ({said.rc})").strip() or f"curl ended with {said.rc}"
    if said.rc in _CERTIFICATE:
        raise Refused(f"its certificate is not trusted ({why})")
    if said.rc == _TOO_LARGE:
        raise Refused("the file is larger than max_size")
    if said.rc == _CANNOT_WRITE:
        raise TaskError(f"the file cannot be written: {why}")
    raise Trouble(why) if said.rc in _PASSING_ENDS else Refused(why)


def _answer_in(text: str) -> Answer:
    """Return the last answer's head and what follows it."""
    rest = text
    while True:
        head, _, rest = rest.replace("\r\n\r\n", "\n\n", 1).partition("\n\n")
        first, *lines = head.splitlines() or [""]
        words = first.split()
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - a status line
            raise Trouble("it answers something that is not HTTP")
        status = int(words[1])
        if status >= _FIRST_FINAL:
            pairs = (line.partition(":") for line in lines)
            return Answer(status, {name.strip().lower(): value.strip() for name, _, value in pairs}, rest)


def _refusal(answer: Answer) -> Exception:
    message = f"it answers {answer.status}"
    if answer.status not in PASSING:
        return Refused(message)
    after = answer.headers.get("retry-after", "")
    return Trouble(message, float(after) if after.isdecimal() else None)


def _check_redirect(here: str, there: str) -> None:
    scheme = urlsplit(there).scheme
    if scheme not in {"http", "https"}:
        raise Refused(f"it redirects to {shown(there)}, which is no web address")
    if scheme == "http" and urlsplit(here).scheme == "https":
        raise Refused(f"it redirects to {shown(there)}, which is not encrypted")


def _facts(answer: Answer, url: str, final: str) -> Reply:
    length = answer.headers.get("content-length", "")
    return {
        "status": answer.status,
        "etag": answer.headers.get("etag"),
        "last_modified": answer.headers.get("last-modified"),
        "size": int(length) if length.isdecimal() else None,
        "url": url,
        "final_url": shown(final),
    }


_NOT_FOR_WGET: Final = (
    "headers",
    "authorization",
    "logins",
    "client",
    "max_size",
    "max_time",
    "min_speed",
    "min_tls",
    "pins",
    "proxy",
)


def wget_will_do(tool: str, request: Request) -> bool:
    """Tell whether a wget can be trusted with a request.

    No wget keeps headers from other hosts, and none can be kept to a size. That of busybox takes the address from its
    arguments only and knows no certificates, so it fetches nothing but what is not encrypted and not secret anyway.
    """
    if any(request.get(name) for name in _NOT_FOR_WGET):
        return False
    if tool == "gnu-wget":
        return True
    parts = [urlsplit(url) for url in request["urls"]]
    checked = request.get("checksum") is not None
    return checked and all(part.scheme == "http" and not part.query for part in parts)


async def wget(host: Host, request: Request, tool: str, url: str, path: str, certificates: str | None) -> Reply:
    """Take a file to a private path by wget. Raises Refused, Trouble."""
    timeout = str(max(1, round(request.get("timeout") or 30)))
    if tool == "gnu-wget":
        argv = ["wget", "--no-config", "--server-response", "--tries=1", f"--timeout={timeout}", "--no-hsts"]
        argv += [f"--max-redirect={MOST_REDIRECTS}", "--no-verbose", "--header=Accept-Encoding: identity"]
        argv += [f"--ca-certificate={certificates}"] if certificates else []
        argv += [] if request.get("verify", True) else ["--no-check-certificate"]
        argv += [f"--output-document={path}", "--input-file=-"]
        said = await host.run(argv, stdin=url.encode() + b"\n")
    else:
        # Some of busybox's wgets crash when they are given a time limit (-T), so only the whole is limited.
        said = await host.run(["wget", "-q", "-O", path, url], timeout=_WHOLE * float(timeout))
        if said.ok:
            return {"status": 200, "url": url, "final_url": shown(url), "size": None}
    return _wget_reply(said, url)


_STATUS_LINE: Final = re.compile(r"^\s*HTTP/(?=\d)", re.MULTILINE)
_WGET_CERTIFICATE: Final = 5
_WGET_NO_USE: Final = frozenset({2, 3, 6})


def _wget_reply(said: CommandResult, url: str) -> Reply:
    """Read what wget told of the answers, and judge how it ended: see EXIT STATUS in wget(1)."""
    blocks = _STATUS_LINE.split(said.stderr.replace("\r", ""))[1:]
    trimmed = ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]
    answers = [_answer_in(f"HTTP/{block}\n\n") for block in trimmed]
    here = url
    for answer in answers:
        if answer.status in _REDIRECTS and "location" in answer.headers:
            there = urljoin(here, answer.headers["location"])
            _check_redirect(here, there)
            here = there
    if said.ok and answers and answers[-1].status in _FINE:
        return _facts(answers[-1], url, here)
    if answers and answers[-1].status not in _FINE:
        raise _refusal(answers[-1])
    lines = said.stderr.strip().splitlines()
    why = lines[-1].strip() if lines else f"wget ended with {said.rc}"
    if said.rc == _WGET_CERTIFICATE:
        raise Refused(f"its certificate is not trusted ({why})")
    raise Refused(why) if said.rc in _WGET_NO_USE else Trouble(why)


async def digest(host: Host, path: str, request: Request, *, length: int | None) -> tuple[str, int, int, int]:
    """Return SHA-256, size, uid and gid of a file that was fetched, once it passed. Raises Refused, Trouble."""
    now = await host.stat(path, checksum=True)
    if not now.is_file or now.checksum is None:
        raise Trouble("nothing arrived")
    if length is not None and now.size != length:
        raise Trouble(f"the connection ended {length - now.size} bytes too early")
    if request.get("max_size") is not None and now.size > request["max_size"]:
        raise Refused(f"the file has {now.size} bytes, and max_size is {request['max_size']}")
    wanted = request.get("checksum")
    if wanted is not None:
        found = now.checksum if wanted[0] == "sha256" else await _other_digest(host, path, wanted[0])
        if found != wanted[1]:
            raise Refused(f"the file's {wanted[0]} is {found}, not {wanted[1]}")
    return now.checksum, now.size, now.uid, now.gid


async def _other_digest(host: Host, path: str, kind: str) -> str:
    try:
        said = await host.run(("sh", "-c", '"$1" <"$2"', "sh", f"{kind}sum", path), read_only=True)
    except OperationError as error:
        if error.code is not OperationCode.NOT_FOUND:
            raise
        return ""
    return said.stdout.split(" ")[0].strip()
