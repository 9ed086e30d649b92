# SPDX-License-Identifier: GPL-3.0-or-later
"""What Proxmox refuses, in its own words, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from jetpack_core.errors import JetpackError

_PERMISSION: Final = re.compile(r"Permission check failed(?: \((?P<path>[^,()]+),\s*(?P<privilege>[^()]+)\))?")
_LOCKED: Final = re.compile(r"is locked \(|can't lock file .* got timeout|got lock timeout", re.DOTALL)
_TAKEN: Final = re.compile(r"already exists|config file already exists|File exists")
_MISSING: Final = re.compile(r"Configuration file '[^']*' does not exist|no such (?:VM|CT)|does not exist")
_ROOT_ONLY: Final = re.compile(r"only (?:allowed )?(?:for )?root(?:@pam)?|Only root can", re.IGNORECASE)
_PROXIED: Final = frozenset(range(595, 600))
"""How the node that answers says that the node it asked did not."""


class ApiError(JetpackError):
    """A call that Proxmox refused, or did not answer.

    :param status: The HTTP status; 0 where there was no answer.
    :param text: Proxmox's own words.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0, text: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.text = text

    @property
    def unanswered(self) -> bool:
        """Tell whether the call may have been carried out, as nobody said that it was not."""
        return self.status == 0 or self.proxied

    @property
    def proxied(self) -> bool:
        """Tell whether the cluster answers, but not the node that was asked."""
        return self.status in _PROXIED

    @property
    def locked(self) -> bool:
        """Tell whether another task holds the guest."""
        return _LOCKED.search(self.text) is not None

    @property
    def taken(self) -> bool:
        """Tell whether the identifier belongs to another guest."""
        return _TAKEN.search(self.text) is not None

    @property
    def missing(self) -> bool:
        """Tell whether there is no such guest."""
        return _MISSING.search(self.text) is not None

    def says(self, *words: str) -> bool:
        """Tell whether Proxmox said any of these."""
        return any(word in self.text for word in words)


def refused(what: str, who: str, status: int, reason: str, errors: object) -> ApiError:
    """Return the error of a call that was answered with a refusal.

    :param what: What was tried, such as `starting web1 (101)`.
    :param who: The user or token that tried it.
    """
    text = _worded(reason, errors)
    permission = _PERMISSION.search(text)
    if permission is not None:
        return _forbidden(what, who, status, text, permission)
    if status == 401:  # noqa: PLR2004 - Unauthorized
        hint = "look at jet_proxmox_token, or jet_proxmox_user and jet_proxmox_password, of the cluster's host"
        return ApiError(f"{what}: Proxmox does not know {who}: {text}", hint=hint, status=status, text=text)
    return ApiError(f"{what}: {text}", hint=_hint(text, status), status=status, text=text)


def _forbidden(what: str, who: str, status: int, text: str, permission: re.Match[str]) -> ApiError:
    path, privilege = permission["path"], permission["privilege"]
    if not path or not privilege:
        hint = _hint(text, status) or "`pveum user permissions` shows what it may do"
        return ApiError(f"{what}: {who} may not do that: {text}", hint=hint, status=status, text=text)
    needed = " or ".join(privilege.replace("|", ",").replace(",", " ").split())
    kind = "--tokens" if "!" in who else "--users"
    hint = f"grant it: pveum acl modify {path} {kind} '{who}' --roles ROLE, with a role that has {needed}"
    return ApiError(f"{what}: {who} lacks the privilege {needed} on {path}", hint=hint, status=status, text=text)


_HINTS: Final = (
    (_ROOT_ONLY, "only root@pam itself may do that, logged in with a password: no token counts as root@pam"),
    (_LOCKED, "another task is at work on it, or was killed; `lock_timeout` waits longer"),
    (re.compile("no quorum"), "too few nodes of the cluster are up"),
    (re.compile("not available with API token"), "use jet_proxmox_user and jet_proxmox_password for this"),
    (re.compile("changed by other user"), "somebody else changed the guest at the same moment; run it again"),
)


def _hint(text: str, status: int) -> str:
    found = next((hint for pattern, hint in _HINTS if pattern.search(text)), "")
    return found or ("the node did not answer; is it up?" if status in _PROXIED else "")


def _worded(reason: str, errors: object) -> str:
    """Return the reason with what is wrong with each parameter."""
    words = reason.strip()
    if isinstance(errors, Mapping) and errors:
        words += " " + "; ".join(f"{name}: {str(why).strip()}" for name, why in errors.items())
    return words or "it said nothing"


def task_failed(what: str, who: str, status: str, log: str) -> ApiError:
    """Return the error of a task that began and failed, with the end of its log."""
    error = refused(what, who, 500, f"{status}\n{log}" if _PERMISSION.search(log) else status, None)
    told = "the end of the task's log: " + " | ".join(log.splitlines()) if log else ""
    hint = "; ".join(part for part in (error.hint, told) if part)
    message = error.message if "\n" not in error.message else f"{what}: {status}"
    return ApiError(message, hint=hint, status=500, text=f"{status}\n{log}")
