# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster is, how it is trusted, and how it trusts us: from the variables of its inventory host."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from requests import PreparedRequest, Session

PORT: Final = 8006
TIMEOUT: Final = 60.0
"""Seconds for one call."""
PATIENCE: Final = 30.0
"""Seconds for which reading is tried again while the cluster does not answer."""
_RENEWAL: Final = 3600.0
"""Seconds after which a ticket is renewed; it holds two hours."""
_FINGERPRINT: Final = re.compile(r"(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}")
_TOKEN: Final = re.compile(r"(?P<user>[^!=]+@[^!=]+)!(?P<name>[^!=]+)")


@dataclass(frozen=True, slots=True)
class Access:
    """How the API of one cluster is used."""

    url: str
    """Such as `https://pve1.example.org:8006`."""
    user: str
    """`USER@REALM`, or `USER@REALM!TOKEN`."""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """The token's value."""
    ca: str | None = None
    """File with the authority of the cluster's certificates; the system's authorities if None."""
    fingerprint: str | None = None
    """SHA-256 of the only certificate that is trusted."""
    timeout: float = TIMEOUT
    patience: float = PATIENCE

    @property
    def where(self) -> str:
        """Return host and port, for messages."""
        return urlsplit(self.url).netloc


def access_of(name: str, variables: Mapping[str, object]) -> Access:
    """Return how a cluster is used, as its inventory host's variables say. Raises JetpackError.

    :param name: The inventory host.
    """
    look = _Variables(name, variables)
    user, password, token = look.text("user"), look.text("password"), look.text("token")
    if token and "=" in token:
        user, _, token = token.partition("=")
    if not user or bool(password) == bool(token):
        hint = "either jet_proxmox_token: 'USER@REALM!NAME=VALUE', or jet_proxmox_user and jet_proxmox_password"
        raise JetpackError(f"the variables of {name} do not say how to log in to its API", hint=hint)
    if token and _TOKEN.fullmatch(user) is None:
        hint = "write the whole token: 'root@pam!jetpack=VALUE'"
        raise JetpackError(f"{name}: jet_proxmox_token does not say whose token it is", hint=hint)
    return Access(
        url=_url(look, name, variables),
        user=user,
        password=password or "",
        token=token or "",
        ca=look.file("ca"),
        fingerprint=look.fingerprint(),
        timeout=look.seconds("timeout", TIMEOUT),
        patience=look.seconds("patience", PATIENCE),
    )


def _url(look: _Variables, name: str, variables: Mapping[str, object]) -> str:
    given = look.text("url")
    address = str(variables.get("jet_ssh_hostname") or name)
    url = (given or f"https://{f'[{address}]' if ':' in address else address}").rstrip("/").removesuffix("/api2/json")
    parts = urlsplit(url)
    try:
        port = parts.port or PORT
    except ValueError:
        port = 0
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.path or not port:
        raise JetpackError(f"{name}: {url!r} is no address of an API", hint="such as: https://pve1.example.org:8006")
    return f"https://{f'[{parts.hostname}]' if ':' in parts.hostname else parts.hostname}:{port}"


class _Variables:
    """Reads variables, and names the one that is wrong without its value."""

    def __init__(self, name: str, variables: Mapping[str, object]) -> None:
        self._name = name
        self._variables = variables

    def text(self, key: str) -> str | None:
        value = self._variables.get(f"jet_proxmox_{key}")
        if value is None or (isinstance(value, str) and value and "{{" not in value):
            return value
        hint = "templates are not rendered here" if isinstance(value, str) and value else ""
        raise JetpackError(f"{self._name}: jet_proxmox_{key} must be text", hint=hint)

    def file(self, key: str) -> str | None:
        value = self.text(key)
        path = Path(value).expanduser() if value is not None else None
        if path is not None and not path.is_file():
            raise JetpackError(f"{self._name}: jet_proxmox_{key}: there is no file {path}")
        return None if path is None else str(path)

    def fingerprint(self) -> str | None:
        value = self.text("fingerprint")
        if value is not None and _FINGERPRINT.fullmatch(value) is None:
            hint = "pvenode cert info shows it; SHA-256, 32 pairs of digits"
            raise JetpackError(f"{self._name}: jet_proxmox_fingerprint is no fingerprint", hint=hint)
        return value

    def seconds(self, key: str, default: float) -> float:
        value = self._variables.get(f"jet_proxmox_{key}", default)
        try:
            number = float(str(value))
        except ValueError:
            number = 0.0
        if number <= 0:
            raise JetpackError(f"{self._name}: jet_proxmox_{key} must be a number of seconds, not {value!r}")
        return number


def resource(access: Access) -> Any:
    """Return proxmoxer's view of the API; nothing is asked of it yet."""
    from proxmoxer.backends.https import JsonSerializer, ProxmoxHTTPApiTokenAuth, ProxmoxHttpSession
    from proxmoxer.core import ProxmoxResource

    session = _guarded(access, ProxmoxHttpSession())
    session.headers["accept"] = "application/json"
    base, verify = f"{access.url}/api2/json", _verify(access)
    if access.token:
        user, _, name = access.user.partition("!")
        session.auth = ProxmoxHTTPApiTokenAuth(user, name, access.token, verify_ssl=verify, timeout=access.timeout)
    else:
        session.auth = _ticket_auth(access)
    return ProxmoxResource(base_url=base, session=session, serializer=JsonSerializer())


def _verify(access: Access) -> str | bool:
    # A pinned certificate needs no authority; the adapter below refuses all others.
    return access.ca or access.fingerprint is None


def _guarded(access: Access, session: Session) -> Any:
    """Let a session trust the cluster's certificate only, and follow nobody elsewhere with our credentials."""
    from requests.adapters import HTTPAdapter

    class Pinned(HTTPAdapter):
        """Accepts one certificate."""

        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            """Make the pool compare fingerprints before anything is sent."""
            super().init_poolmanager(*args, **{**more, "assert_fingerprint": access.fingerprint})

    if access.fingerprint is not None:
        session.mount("https://", Pinned())
    session.max_redirects = 0
    return session


def _ticket_auth(access: Access) -> Any:
    """Return what logs in with a password; proxmoxer's own would not compare fingerprints when it does."""
    from requests import Session
    from requests.auth import AuthBase
    from requests.cookies import cookiejar_from_dict

    class Ticket(AuthBase):
        """A ticket, and the token that guards it against forged requests."""

        timeout = access.timeout
        cert = None
        verify_ssl = _verify(access)

        def __init__(self) -> None:
            self._ticket, self._csrf, self._since = "", "", 0.0

        def get_cookies(self) -> Any:
            """Return the ticket as a cookie, a new one where it grew old."""
            if not self._ticket or time.monotonic() - self._since > _RENEWAL:
                self._log_in()
            return cookiejar_from_dict(  # type: ignore[no-untyped-call]
                {"PVEAuthCookie": self._ticket}
            )

        def __call__(self, request: PreparedRequest) -> PreparedRequest:
            """Guard what changes something."""
            if request.method != "GET":
                request.headers["CSRFPreventionToken"] = self._csrf
            return request

        def _log_in(self) -> None:
            data = {"username": access.user, "password": access.password}
            with _guarded(access, Session()) as session:
                answer = session.post(
                    f"{access.url}/api2/json/access/ticket", data=data, timeout=self.timeout, verify=self.verify_ssl
                )
            if not answer.ok:
                raise LoginError(answer.status_code, str(answer.reason))
            given = answer.json()["data"]
            if given.get("NeedTFA"):
                raise LoginError(401, "a second factor is asked for; make an API token for Jetpack instead")
            self._ticket, self._csrf = str(given["ticket"]), str(given["CSRFPreventionToken"])
            self._since = time.monotonic()

    return Ticket()


class LoginError(Exception):
    """The password was refused.

    :param status: The HTTP status.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
