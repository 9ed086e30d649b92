# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at ports and pages, from the control machine and on the host."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    import ssl

PATIENCE: Final = 10.0
"""Seconds to wait for one answer."""
_LARGEST_PAGE: Final = 1024 * 1024

Port = Annotated[int, Field(ge=1, le=65535)]
"""A TCP port."""


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{url!r} is not a web address; write it as https://NAME/PATH"
        raise ValueError(message)
    if parts.username is not None or parts.password is not None:
        message = "a web address with a user or password would show in logs"
        raise ValueError(message)
    return url


WebAddress = Annotated[str, AfterValidator(_web_address)]
"""An http or https address."""


def port_is_open(address: str, port: int) -> bool:
    """Tell whether a TCP connection can be made from here; blocks for up to `PATIENCE` seconds."""
    try:
        socket.create_connection((address, port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


_LISTEN: Final = "0A"
_COLUMNS: Final = 4


def listening_ports(table: str) -> frozenset[int]:
    """Return the TCP ports that are listened on, from the text of /proc/net/tcp and tcp6 (proc(5))."""
    found = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < _COLUMNS or fields[3] != _LISTEN:
            continue
        digits = fields[1].rpartition(":")[2]
        if set(digits) <= set("0123456789ABCDEF") and digits:
            found.add(int(digits, 16))
    return frozenset(found)


_STATUS_DIGITS: Final = 3
_FINE: Final = range(200, 300)


def page_problem(url: str, expected: str | None, *, verify_tls: bool) -> str | None:
    """Ask for a page; return what is wrong with the answer, or None. Blocks, see `PATIENCE`.

    :param expected: A status code in digits, or text that must be in the page; None wants any 2xx.
    """
    from http.client import HTTPException

    try:
        status, page = _fetch(url, verify_tls=verify_tls)
    except (OSError, HTTPException) as error:
        return f"{url} does not answer ({getattr(error, 'reason', None) or error})"
    if expected is not None and expected.isdecimal() and len(expected) == _STATUS_DIGITS:
        return None if status == int(expected) else f"{url} answers {status}, not {expected}"
    if status not in _FINE:
        return f"{url} answers {status}"
    if expected is not None and expected not in page:
        return f"{url} answers, without {expected!r}"
    return None


def _fetch(url: str, *, verify_tls: bool) -> tuple[int, str]:
    from urllib.error import HTTPError
    from urllib.request import HTTPSHandler, Request, build_opener

    opener = build_opener(HTTPSHandler(context=_tls(verify=verify_tls)))
    request = Request(url, headers={"User-Agent": "jetpack"})  # noqa: S310 - the scheme was checked
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read(_LARGEST_PAGE).decode(errors="replace")
    except HTTPError as refusal:
        with refusal:
            return refusal.code, ""


def _tls(*, verify: bool) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
