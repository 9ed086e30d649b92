# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a server for something, once: redirects, credentials, certificates, and what its answer means. Python 3.6."""

import email.utils
import hashlib
import http.client
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from jetpack_plugin_download.onhost.local import local_answer
from jetpack_plugin_download.onhost.pinning import PinnedHandler
from jetpack_plugin_download.onhost.trouble import Impossible, Refused, Trouble, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Request = dict[str, Any]
    Reply = dict[str, Any]

BLOCK = 256 * 1024
MOST_REDIRECTS = 10
REPORT_EVERY = 1.0
WITH_A_FILE = frozenset([200, 203, 206])
"""Not 202 or 204, which announce that there is none."""
PASSING = frozenset([408, 425, 429, 500, 502, 503, 504])
_KEPT_ON_REDIRECT = frozenset(["accept", "accept-language", "user-agent"])


def origin(url: str) -> "tuple[str, str, int]":
    """Return what must stay the same for credentials to be sent on."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def login_for(request: "Request", url: str) -> "str | None":
    """Return the header that logs in at an address: the one for all of them, else the one for its host."""
    logins = request.get("logins") or {}
    return request.get("authorization") or logins.get(urllib.parse.urlsplit(url).hostname or "")


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
    if request.get("min_tls"):
        _require_version(context, request["min_tls"])
    if request.get("client"):
        _show_certificate(context, request["client"])
    if not request.get("verify", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _https(request: "Request", context: "ssl.SSLContext") -> "urllib.request.HTTPSHandler":
    if request.get("pins"):
        return PinnedHandler(context, request["urls"], request["pins"])
    return urllib.request.HTTPSHandler(context=context)


def _require_version(context: "ssl.SSLContext", version: str) -> None:
    if not hasattr(ssl, "TLSVersion"):
        raise Impossible("min_tls takes Python 3.7 or newer")
    context.minimum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]  # novm


def _show_certificate(context: "ssl.SSLContext", pem: str) -> None:
    """Load certificate and key; Python takes them from a file only, which is private and gone at once."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pem)
        file.flush()
        try:
            context.load_cert_chain(file.name, password=_no_passphrase)
        except (ssl.SSLError, ValueError) as error:
            raise Impossible(f"client_cert and client_key are no pair that can be used: {error}")


def _no_passphrase() -> str:
    """Refuse a key with a passphrase, for which Python would ask on the terminal."""
    raise ValueError("the key has a passphrase")


class Session:
    """Asks on behalf of one request; `report` hears what is going on, at most every few seconds."""

    def __init__(self, request: "Request", report: "Callable[[str], None] | None" = None) -> None:
        self.request = request
        self.timeout = float(request.get("timeout") or 30)
        self._report = report
        self._reported = time.time()
        proxy = request.get("proxy")
        tls = _tls(request)
        proxies = {"http": proxy, "https": proxy} if proxy else None
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), _https(request, tls), _Redirects()
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
        login = self._login(url)
        if login:
            given["Authorization"] = login
        if urllib.parse.urlsplit(url).scheme == "file":
            return local_answer(url, own)
        travels = _KEPT_ON_REDIRECT | {name.lower() for name in own} | {"accept-encoding"}
        try:
            asked = _request(url, method, given, frozenset(travels))
            return self._opener.open(asked, timeout=self.timeout)
        except urllib.error.HTTPError as answer:
            return answer
        except urllib.error.URLError as error:
            raise failure(error.reason)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise failure(error)

    def _login(self, url: str) -> "str | None":
        """Return the credentials for an address, if they were given for it."""
        only = self.request.get("credentials_for")
        if only is not None and origin(url) != origin(only):
            return None
        return login_for(self.request, url)


def failure(reason: object) -> "Exception":
    """Return what the failure of a connection means."""
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


def judge(answer: "Any") -> None:
    """Raise what an answer's status means, unless it is a good one."""
    status = answer.getcode()
    if status in WITH_A_FILE:
        return
    answer.close()
    if status in PASSING:
        raise Trouble(f"it answers {status} {_words(answer)}", _retry_after(answer))
    raise Refused(f"it answers {status} {_words(answer)}")


def _words(answer: "Any") -> str:
    return "".join(char for char in str(getattr(answer, "reason", "") or "")[:100] if char.isprintable())


def facts_of(answer: "Any") -> "Reply":
    """Return what an answer says of the file."""
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
