# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub's API, as far as releases go: every page, conditional requests, rate limits. Runs on the control machine.

Facts: https://docs.github.com/en/rest/using-the-rest-api (rate limits, best practices, pagination).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from jetpack_plugin_download.onhost.session import PASSING, Session, origin
from jetpack_plugin_download.onhost.trouble import Refused, Trouble
from jetpack_plugin_download.onhost.turns import Turns

from jetpack_core.errors import TaskError

PUBLIC_API: Final = "https://api.github.com"
VERSION: Final = "2022-11-28"
ACCEPT: Final = "application/vnd.github+json"
_PAGE_LIMIT: Final = 64 * 1024 * 1024
_MOST_PAGES: Final = 100
_BLOCK: Final = 1024 * 1024
_NEXT: Final = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
_SECONDARY_WAIT: Final = 60.0
"""Seconds to wait after a refusal for too many requests that does not say how long, as the documentation has it."""
_OK, _NOT_MODIFIED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 200, 304, 401, 403, 404, 429


class Memory(Protocol):
    """Keeps answers with their validators between runs."""

    def recall(self, key: str) -> Mapping[str, Any] | None:
        """Return an answer: `etag`, `body` and `next`."""

    def remember(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer."""


@dataclass(slots=True)
class Spent:
    """What asking took."""

    requests: int = 0
    not_modified: int = 0
    """Of those, answered by "not modified"; these cost nothing of the rate limit, if a token was sent."""
    remaining: int | None = None
    """What is left of the rate limit."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where to ask, and as whom."""

    api_url: str = PUBLIC_API
    token: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    retries: int = 3
    retry_delay: float = 1.0
    max_wait: float = 60.0
    """Seconds that may be waited for a rate limit."""
    ca: str | None = None
    """Certificates to trust, as PEM."""
    verify: bool = True

    @property
    def fingerprint(self) -> str:
        """Return what tells one token from another, and not what it is."""
        return hashlib.sha256(f"jetpack github {self.token or ''}".encode()).hexdigest()

    def request(self, url: str, accept: str = ACCEPT) -> dict[str, Any]:
        """Return the request for the downloader's client; the token is for the API's own host alone."""
        return {
            "urls": [url],
            "headers": {"Accept": accept, "X-GitHub-Api-Version": VERSION, "User-Agent": "jetpack"},
            "authorization": f"Bearer {self.token}" if self.token else None,
            "credentials_for": self.api_url,
            "timeout": self.timeout,
            "retries": self.retries,
            "delay": self.retry_delay,
            "longest_wait": self.max_wait,
            "ca": self.ca,
            "verify": self.verify,
        }


def list_releases(account: Account, repo: str, memory: Memory | None) -> tuple[list[Any], Spent]:
    """Return every release of a repository, of all pages. Raises TaskError."""
    spent = Spent()
    found: list[Any] = []
    url: str | None = f"{account.api_url}/repos/{repo}/releases?per_page=100"
    for _ in range(_MOST_PAGES):
        if url is None:
            return found, spent
        page, url = _page(account, repo, url, memory, spent)
        found += page
    raise TaskError(f"{repo} has more than {_MOST_PAGES} pages of releases")


def _page(account: Account, repo: str, url: str, memory: Memory | None, spent: Spent) -> tuple[list[Any], str | None]:
    if origin(url) != origin(account.api_url):
        raise TaskError(f"{account.api_url} names another host as the next page: {urlsplit(url).hostname}")
    key = hashlib.sha256(f"{url}\n{ACCEPT}\n{VERSION}\n{account.fingerprint}".encode()).hexdigest()
    known = memory.recall(key) if memory is not None else None
    answer = _ask(account, repo, url, known, spent)
    if answer is None and known is not None:
        spent.not_modified += 1
        return list(known["body"]), known.get("next")
    body, etag, following = answer or ([], None, None)
    if memory is not None and etag:
        memory.remember(key, {"etag": etag, "body": body, "next": following})
    return body, following


_Answer = tuple[list[Any], str | None, str | None]


def _ask(account: Account, repo: str, url: str, known: Mapping[str, Any] | None, spent: Spent) -> _Answer | None:
    """Ask for a page; None stands for "as you know it". Waits and tries again as the account allows."""
    session = Session(account.request(url))
    headers = {"If-None-Match": str(known["etag"])} if known else {}
    turns = Turns([url], session.request)
    waited = 0.0
    while True:
        try:
            spent.requests += 1
            with session.open(url, headers) as answer:
                status = answer.getcode()
                spent.remaining = _number(answer.headers.get("X-RateLimit-Remaining"))
                if status == _NOT_MODIFIED and known is not None:
                    return None
                if status == _OK:
                    return _read(answer)
                pause = _limit(answer, status)
                if pause is None:
                    raise _refusal(account, repo, status)
            if waited + pause > account.max_wait:
                raise _out_of_requests(account, pause)
            waited += pause
            time.sleep(pause)
            continue
        except (Refused, Trouble) as error:
            turns.failed(url, error)
        again = turns.pause()
        if again is None:
            raise TaskError(f"GitHub cannot be asked about {repo}: {turns.reason()}")
        time.sleep(again)


def _read(answer: Any) -> _Answer:
    blocks, size = [], 0
    try:
        while block := answer.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > _PAGE_LIMIT:
                raise Refused("it answers more than anybody could use")
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(f"the connection ended ({error})") from error
    try:
        body = json.loads(b"".join(blocks))
    except (ValueError, RecursionError) as error:
        raise Trouble("it answers something that is no JSON") from error
    if not isinstance(body, list):
        raise Refused("it answers something that is no list of releases; is 'api_url' right?")
    following = _NEXT.search(answer.headers.get("Link") or "")
    return body, answer.headers.get("ETag"), following[1] if following else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _limit(answer: Any, status: int) -> float | None:
    """Return how many seconds a rate limit asks to wait; None where the refusal is about something else."""
    if status not in {_FORBIDDEN, _TOO_MANY}:
        return None
    after = _number(answer.headers.get("Retry-After"))
    if after is not None:
        # Not at once, or a server that always says 0 would be asked without end.
        return max(1.0, float(after))
    if answer.headers.get("X-RateLimit-Remaining") == "0":
        reset = _number(answer.headers.get("X-RateLimit-Reset"))
        # A second more, for the clocks need not agree.
        return max(1.0, reset - time.time() + 1.0) if reset is not None else _SECONDARY_WAIT
    try:
        said = answer.read(_BLOCK).lower()
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(f"the connection ended ({error})") from error
    return _SECONDARY_WAIT if status == _TOO_MANY or b"secondary rate limit" in said else None


def _out_of_requests(account: Account, pause: float) -> TaskError:
    when = time.strftime("%H:%M:%S UTC", time.gmtime(time.time() + pause))
    hint = "raise 'max_wait', or wait"
    if account.token is None:
        hint = "give 'github_token' (5000 requests an hour instead of 60), or raise 'max_wait'"
    return TaskError(
        f"GitHub's rate limit is used up until {when}, in {pause:.0f} s, and 'max_wait' is {account.max_wait:.0f} s",
        hint=hint,
    )


def _refusal(account: Account, repo: str, status: int) -> Exception:
    if status in PASSING:
        return Trouble(f"it answers {status}")
    if status == _UNAUTHORIZED:
        return TaskError("GitHub does not accept the token", hint="is it for this 'api_url', and has it expired?")
    if status == _NOT_FOUND:
        hint = "is the name right?" if account.token else "is the name right? A private one needs 'github_token'"
        return TaskError(f"{account.api_url} has no repository {repo}, or none for this token", hint=hint)
    if status == _FORBIDDEN:
        return TaskError(f"GitHub lets nobody with this token see the releases of {repo}")
    return Refused(f"it answers {status}")
