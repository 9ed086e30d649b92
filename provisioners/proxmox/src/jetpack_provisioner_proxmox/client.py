# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the API: parameters as it takes them, its refusals as errors, its tasks to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from jetpack_provisioner_proxmox.access import LoginError, resource
from jetpack_provisioner_proxmox.refusals import ApiError, refused, task_failed

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Surroundings
    from jetpack_provisioner_proxmox.access import Access

Parameters = Mapping[str, object]
_FIRST_DELAY: Final = 0.05
_LONGEST_DELAY: Final = 2.0
_GROWTH: Final = 1.6
_BIRTH: Final = 10.0
"""Seconds in which a task that was just begun may not be known yet."""
_LAST_WORDS: Final = 15
"""Lines of a failed task's log that are told."""
_SECRET: Final = frozenset({"password", "cipassword"})
"""Parameters that are never repeated."""


class Client:
    """Speaks to one cluster; used in one thread at a time.

    :param around: Returns what tells what is waited for, and whether the user wants the run to end.
    :param lock_timeout: Seconds to wait for a guest that another task holds.
    """

    def __init__(
        self,
        access: Access,
        around: Callable[[], Surroundings],
        *,
        lock_timeout: float,
    ) -> None:
        self.access = access
        self.around = around
        self._lock_timeout = lock_timeout
        self._api: Any = None
        self._secrets = {secret for secret in (access.password, access.token) if secret}

    # Calls.

    def get(self, what: str, *path: object, **parameters: object) -> Any:
        """Return what a path holds; tried again while the cluster does not answer. Raises ApiError."""
        pause = Pause(self.access.patience)
        while True:
            try:
                return self._once("GET", what, path, parameters)
            except ApiError as error:
                # A certificate that is not trusted has no status either, and is not better a moment later.
                if not error.unanswered or isinstance(error, UntrustedError) or pause.over:
                    raise
            pause.wait()

    def change(self, method: str, what: str, *path: object, parameters: Parameters) -> Any:
        """Return the answer to a call that changes something; guests that are locked are waited for. Raises ApiError.

        :param method: `POST`, `PUT` or `DELETE`.
        """
        pause = Pause(self._lock_timeout)
        while True:
            try:
                return self._once(method, what, path, parameters)
            except ApiError as error:
                if not error.locked or pause.over:
                    raise
                self.around().say(f"waiting for a lock: {error.text}")
            self.around().check()
            pause.wait()

    def work(
        self, method: str, what: str, *path: object, parameters: Parameters, timeout: float, patient: bool = True
    ) -> None:
        """Do a call that begins a task, and wait until the task ended. Raises ApiError.

        :param timeout: Seconds that the task may take.
        :param patient: Do not leave the task alone when the user interrupts.
        """
        pause = Pause(self._lock_timeout)
        while True:
            answer = self.change(method, what, *path, parameters=parameters)
            try:
                return self.wait(answer, what, timeout=timeout, patient=patient)
            except ApiError as error:
                if not error.locked or pause.over:
                    raise
                self.around().say(f"waiting for a lock: {error.text.splitlines()[0]}")
            self.around().check()
            pause.wait()

    def wait(self, upid: object, what: str, *, timeout: float, patient: bool = True) -> None:
        """Wait until a task ended; what is no task ended already. Raises ApiError with the end of its log."""
        if not isinstance(upid, str) or not upid.startswith("UPID:"):
            return
        node, began = upid.split(":")[1], time.monotonic()
        pause = Pause(timeout)
        while (status := self._task_status(node, upid, what, began)) is None:
            if pause.over:
                hint = f"it goes on; look at it with: pvenode task log '{upid}'"
                raise ApiError(f"{what}: the task has not ended after {timeout:g} s", hint=hint)
            if not patient:
                self.around().check()
            pause.wait()
        if status != "OK" and not status.startswith("WARNINGS"):
            raise task_failed(what, self.access.user, self._clean(status), self._clean(self._log(node, upid)))

    def _task_status(self, node: str, upid: str, what: str, began: float) -> str | None:
        """Return how a task ended; None while it runs."""
        try:
            status = self.get(what, "nodes", node, "tasks", upid, "status")
        except ApiError as error:
            if error.says("no such task") and time.monotonic() - began < _BIRTH:
                return None
            raise
        return None if status.get("status") != "stopped" else str(status.get("exitstatus") or "unexpected status")

    def _log(self, node: str, upid: str) -> str:
        try:
            lines = self.get("reading the task's log", "nodes", node, "tasks", upid, "log", limit=5000)
        except ApiError:
            return ""
        return "\n".join(str(line.get("t", "")) for line in lines[-_LAST_WORDS:])

    # One call.

    def _once(self, method: str, what: str, path: tuple[object, ...], parameters: Parameters) -> Any:
        import requests
        from proxmoxer.core import ResourceException

        data = {key: _plain(value) for key, value in parameters.items() if value is not None}
        self._secrets |= {str(data[key]) for key in _SECRET & data.keys()}
        segments = [quote(str(segment), safe="") for segment in path]
        try:
            if self._api is None:
                self._api = resource(self.access)
            call = getattr(self._api(segments), method.lower())
            return call(**data)
        except ResourceException as error:
            answer = refused(what, self.access.user, error.status_code, error.content, error.errors)
        except LoginError as error:
            answer = refused(f"logging in to {self.access.where}", self.access.user, error.status, error.reason, None)
        except requests.exceptions.SSLError as error:
            raise untrusted(self.access, error) from None
        except (requests.RequestException, OSError) as error:
            raise self._silent(what, error) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"{what}: {self.access.where} does not answer as Proxmox does: {type(error).__name__}"
            raise ApiError(message, hint="is jet_proxmox_url right?", status=-1) from None
        message, hint, text = (self._clean(one) for one in (answer.message, answer.hint, answer.text))
        raise ApiError(message, hint=hint, status=answer.status, text=text) from None

    def _silent(self, what: str, error: Exception) -> ApiError:
        """Return the error of a call that got no answer; the words of the libraries are long, and name no host."""
        name = type(error).__name__
        why = "it did not answer in time" if "Timeout" in name else _reason(error)
        hint = "is jet_proxmox_url right, and is the node up?"
        return ApiError(f"{what}: {self.access.where} does not answer: {self._clean(why)}", hint=hint, text=name)

    def _clean(self, text: str) -> str:
        """Return a text without our secrets, should anybody repeat them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class UntrustedError(ApiError):
    """The cluster showed a certificate that is not trusted; nothing was sent to it."""


def untrusted(access: Access, error: Exception) -> ApiError:
    """Return the error of a certificate that is not trusted."""
    if access.fingerprint is not None and "ingerprint" in str(error):
        found = str(error).rpartition("got ")[2].strip("\"')] ")
        shown = ":".join(found[at : at + 2] for at in range(0, len(found), 2)).upper()
        hint = "compare it on the node: pvenode cert info; jet_proxmox_fingerprint has another one"
        return UntrustedError(f"{access.where} shows another certificate than the one pinned: {shown}", hint=hint)
    hint = (
        "jet_proxmox_ca names the file of the cluster's authority (/etc/pve/pve-root-ca.pem of a node), "
        "or jet_proxmox_fingerprint pins its certificate"
    )
    return UntrustedError(f"the certificate of {access.where} is not trusted: {_reason(error)}", hint=hint)


def _reason(error: Exception) -> str:
    """Return the innermost of what the HTTP libraries say."""
    inner: object = error
    while isinstance(inner, BaseException):
        deeper = getattr(inner, "reason", None) or (inner.args[0] if inner.args else None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = getattr(inner, "verify_message", None) or getattr(inner, "strerror", None) or str(inner)
    words = str(text).rpartition(">: ")[2]
    return words.rpartition("] ")[2] if "[Errno" in words else words or type(error).__name__


def _plain(value: object) -> object:
    """Return a value as the API takes it: only 0 and 1 count as yes and no."""
    return int(value) if isinstance(value, bool) else value


class Pause:
    """Waits longer each time, until time is up.

    :param limit: Seconds.
    """

    def __init__(self, limit: float) -> None:
        self._until = time.monotonic() + limit
        self._delay = _FIRST_DELAY

    @property
    def over(self) -> bool:
        """Tell whether time is up."""
        return time.monotonic() >= self._until

    def wait(self) -> None:
        """Wait, but not beyond the end."""
        time.sleep(max(0.0, min(self._delay, self._until - time.monotonic())))
        self._delay = min(self._delay * _GROWTH, _LONGEST_DELAY)
