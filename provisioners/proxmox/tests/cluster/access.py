# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, tokens, tickets and what they may do where."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from provisioners.proxmox.tests.cluster.errors import ApiError
from provisioners.proxmox.tests.cluster.settings import Settings

_BY_AREA = {
    "Datastore": ("Allocate", "AllocateSpace", "AllocateTemplate", "Audit"),
    "Mapping": ("Audit", "Modify", "Use"),
    "Permissions": ("Modify",),
    "Pool": ("Allocate", "Audit"),
    "SDN": ("Allocate", "Audit", "Use"),
    "Sys": ("AccessNetwork", "Audit", "Console", "Incoming", "Modify", "PowerMgmt", "Syslog"),
    "User": ("Modify",),
    "VM": ("Allocate", "Audit", "Backup", "Clone", "Console", "Migrate", "Monitor", "PowerMgmt", "Snapshot"),
    "VM.Config": ("CDROM", "CPU", "Cloudinit", "Disk", "HWType", "Memory", "Network", "Options"),
    "VM.GuestAgent": ("Audit", "Unrestricted"),
    "VM.Snapshot": ("Rollback",),
}
PRIVILEGES = frozenset(f"{area}.{name}" for area, names in _BY_AREA.items() for name in names)
ROLES = {
    "Administrator": PRIVILEGES,
    "NoAccess": frozenset[str](),
    "PVEAuditor": frozenset(one for one in PRIVILEGES if one.endswith(".Audit")),
    "PVEVMAdmin": frozenset(one for one in PRIVILEGES if one.startswith("VM.")),
    "PVEDatastoreUser": frozenset({"Datastore.AllocateSpace", "Datastore.Audit"}),
    "PVETemplateUser": frozenset({"VM.Audit", "VM.Clone"}),
    "PVESDNUser": frozenset({"SDN.Audit", "SDN.Use"}),
}
# PVE, the user and the time.
_TICKET_PARTS = 3
_GRACE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes a call: a user, or a token of one."""

    name: str

    @property
    def user(self) -> str:
        """The user, whose token it may be."""
        return self.name.partition("!")[0]

    @property
    def is_token(self) -> bool:
        """Say whether this is a token."""
        return "!" in self.name

    @property
    def is_root(self) -> bool:
        """Say whether this is root itself, which no token ever is."""
        return self.name == "root@pam"


@dataclass(slots=True)
class Access:
    """The users and tokens of a cluster."""

    settings: Settings
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def login(self, username: str, password: str) -> Identity:
        """Return who logs in by password, or by a ticket in its place."""
        known = self.settings.users.get(username)
        if password.startswith("PVE:") and known is not None and self._ticket_user(password) == username:
            return Identity(username)
        if known is None or not hmac.compare_digest(str(known["password"]), password):
            raise ApiError("authentication failure", 401)
        return Identity(username)

    def issue_ticket(self, who: Identity) -> str:
        """Return a ticket for a user, valid from now."""
        plain = f"PVE:{who.name}:{int(time.time()):08X}"
        return f"{plain}::{self._sign(plain)}"

    def issue_csrf_token(self, who: Identity) -> str:
        """Return the token that a user's changing calls have to bring."""
        stamp = f"{int(time.time()):08X}"
        return f"{stamp}:{self._sign(stamp + who.name)}"

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Return who makes a call, from its token or its ticket."""
        authorization = headers.get("authorization", "")
        if authorization.startswith("PVEAPIToken="):
            return self._token_owner(authorization.removeprefix("PVEAPIToken="))
        ticket = _cookie(headers.get("cookie", ""), "PVEAuthCookie")
        if ticket is None:
            raise ApiError("No ticket", 401)
        user = self._ticket_user(ticket)
        if user is None:
            raise ApiError("Authentication failed!", 401)
        return Identity(user)

    def check_csrf_token(self, who: Identity, token: str) -> None:
        """Raise when a changing call does not bring its user's token."""
        stamp, _, signature = token.partition(":")
        if not hmac.compare_digest(self._sign(stamp + who.name), signature):
            raise ApiError("Permission denied - invalid csrf token", 401)

    def privileges(self, who: Identity, path: str) -> frozenset[str]:
        """Return what somebody may do on a path; a token with privileges of its own may do no more than its user."""
        own = _resolve(self.settings.users.get(who.user, {}).get("acl", {}), path)
        if not who.is_token:
            return own
        token = self.settings.tokens[who.name]
        return own & _resolve(token.get("acl", {}), path) if token.get("privsep", True) else own

    def paths(self) -> set[str]:
        """Return every path that somebody was given privileges on."""
        entries: Iterable[Mapping[str, Any]] = [*self.settings.users.values(), *self.settings.tokens.values()]
        return {"/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms"} | {
            path for entry in entries for path in entry.get("acl", {})
        }

    def _token_owner(self, given: str) -> Identity:
        name, _, secret = given.partition("=")
        known = self.settings.tokens.get(name)
        if known is None or not hmac.compare_digest(str(known["secret"]), secret):
            raise ApiError("Authentication failed!", 401)
        return Identity(name)

    def _ticket_user(self, ticket: str) -> str | None:
        plain, _, signature = ticket.partition("::")
        parts = plain.split(":")
        if len(parts) != _TICKET_PARTS or not hmac.compare_digest(self._sign(plain), signature):
            return None
        age = time.time() - int(parts[2], 16)
        return parts[1] if age <= self.settings.ticket_seconds and age >= -_GRACE_SECONDS else None

    def _sign(self, text: str) -> str:
        return base64.b64encode(hmac.digest(self.key, text.encode(), hashlib.sha256)).decode()


def _resolve(acl: Mapping[str, Iterable[str]], path: str) -> frozenset[str]:
    """Return the privileges on a path: those of the nearest path above it that has any entry."""
    current = path.rstrip("/") or "/"
    while current not in acl and current != "/":
        current = current.rpartition("/")[0] or "/"
    granted = acl.get(current, ())
    return frozenset(one for name in granted for one in ROLES.get(name, frozenset({name})))


def _cookie(header: str, wanted: str) -> str | None:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return unquote(value.strip('"'))
    return None
