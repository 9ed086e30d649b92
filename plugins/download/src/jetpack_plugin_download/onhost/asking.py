# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file has changed, and small texts. Python 3.6."""

from jetpack_plugin_download.onhost.body import body
from jetpack_plugin_download.onhost.session import Session, conditions, facts_of, judge, recorded_url
from jetpack_plugin_download.onhost.trouble import Refused
from jetpack_plugin_download.onhost.turns import in_turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Reply = dict[str, Any]

_NO_HEAD = frozenset([202, 204, 400, 403, 404, 405, 501])


def check(session: "Session", record: "dict[str, Any] | None") -> "Reply":
    """Ask whether the file is still the recorded one, without taking it; raises Refused, Trouble, Impossible."""
    urls = session.request["urls"]
    chosen = recorded_url(urls, record)
    if chosen is None:
        return in_turn(session, urls, lambda url: _ask(session, url, {}))
    return in_turn(session, [chosen], lambda url: _ask(session, url, conditions(record)))


def _ask(session: "Session", url: str, headers: "dict[str, str]") -> "Reply":
    answer = session.open(url, headers, "HEAD")
    if answer.getcode() in _NO_HEAD:
        # Some servers, and addresses signed for GET alone, refuse to say anything without the file.
        answer.close()
        answer = session.open(url, headers)
    with answer:
        if answer.getcode() != 304:
            judge(answer)
        facts = facts_of(answer)
        facts["conditional"] = bool(headers)
        return facts


def read(session: "Session", limit: int) -> "Reply":
    """Return a small text; raises Refused, Trouble, Impossible."""
    return in_turn(session, session.request["urls"], lambda url: _read(session, url, limit))


def _read(session: "Session", url: str, limit: int) -> "Reply":
    with session.open(url) as answer:
        judge(answer)
        found = b""
        for block in body(answer, url):
            found += block
            if len(found) > limit:
                raise Refused(f"it is larger than {limit} bytes")
        facts = facts_of(answer)
        facts["text"] = found.decode("utf-8", "replace")
        return facts
