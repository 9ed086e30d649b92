# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove to a host who we are: keys from files and agents, passwords, and questions."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import AgentKey, AgentSSH

from jetpack_core.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jetpack_core.connections.ssh_settings import SshSettings

MOST_KEYS: Final = 5
"""Keys that are offered: sshd hangs up after six failures, unless MaxAuthTries says otherwise."""


class Login:
    """One attempt to log in, and what was tried, for the error message."""

    def __init__(self, transport: paramiko.Transport, settings: SshSettings) -> None:
        self._transport = transport
        self._settings = settings
        self._tried: list[str] = []
        self._notes: list[str] = []
        self._allowed: list[str] | None = None

    def run(self) -> None:
        """Log in. Raises AuthenticationError."""
        try:
            if self._by_keys() or self._by_password() or self._by_nothing():
                return
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._notes.append(f"the host ended the login: {str(error) or 'connection closed'}")
        raise self._refused()

    def _refused(self) -> AuthenticationError:
        tried = ", ".join(self._tried) or "nothing, for there is no key and no password"
        notes = "".join(f"; {note}" for note in self._notes)
        allowed = f"; it takes {', '.join(self._allowed)}" if self._allowed else ""
        return AuthenticationError(
            f"{self._settings.where} refused the login as {self._settings.user}: tried {tried}{allowed}{notes}",
            hint="give a key (jet_ssh_private_key_file, an agent, ~/.ssh/config) or --ask-login-password",
        )

    # Keys.

    def _by_keys(self) -> bool:
        budget = MOST_KEYS - (self._settings.credentials.password is not None)
        for name, key in self._keys():
            if budget == 0:
                self._notes.append("more keys were not offered (IdentitiesOnly or jet_ssh_key_comment picks one)")
                break
            budget -= 1
            self._tried.append(name)
            try:
                left = self._transport.auth_publickey(self._settings.user, key)
            except paramiko.BadAuthenticationType as error:
                self._allowed = list(error.allowed_types)
                return False
            except paramiko.AuthenticationException:
                if not self._transport.is_active():
                    raise
                continue
            if not left:
                return True
            self._allowed = list(left)
            return self._by_password()
        return False

    def _keys(self) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield the keys to offer, best first, each once."""
        seen = set()
        for name, key in self._candidates():
            if key.asbytes() not in seen:
                seen.add(key.asbytes())
                yield name, key

    def _candidates(self) -> Iterator[tuple[str, paramiko.PKey]]:
        credentials = self._settings.credentials
        agent = self._agent_keys()
        if credentials.key_comment is not None:
            found = [key for key in agent if key.comment == credentials.key_comment]
            if not found:
                self._notes.append(f"the agent has no key with the comment {credentials.key_comment!r}")
            yield from ((f"agent key {key.comment}", key) for key in found)
            return
        if credentials.private_key_file is not None:
            yield from self._file_key(credentials.private_key_file.expanduser(), agent, required=True)
            return
        if not self._settings.identities_only:
            yield from ((f"agent key {key.comment or key.get_name()}", key) for key in agent)
        for path in self._settings.identity_files:
            yield from self._file_key(path, agent, required=False)

    def _file_key(self, path: Path, agent: list[AgentKey], *, required: bool) -> Iterator[tuple[str, paramiko.PKey]]:
        passphrase = self._settings.credentials.passphrase
        try:
            yield str(path), load_key(path, passphrase)
        except FileNotFoundError:
            if required:
                self._notes.append(f"there is no key file {path}")
        except OSError as error:
            self._notes.append(f"{path}: {error.strerror}")
        except LockedKeyError as error:
            held = _held_by_agent(path, agent)
            if held is not None:
                yield f"{path} by the agent", held
            else:
                self._notes.append(f"{path} {error}")
        except (paramiko.SSHException, ValueError, TypeError, UnsupportedAlgorithm) as error:
            self._notes.append(f"{path} is not a usable private key ({error})")

    def _agent_keys(self) -> list[AgentKey]:
        path = self._settings.agent_socket
        path = os.environ.get("SSH_AUTH_SOCK", "") if path is None else path
        if not path:
            return []
        agent = AgentSSH()
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(10)
            connection.connect(path)
            agent._connect(connection)  # type: ignore[attr-defined]  # noqa: SLF001 - its only way to take a socket
        except (OSError, paramiko.SSHException) as error:
            connection.close()
            self._notes.append(f"the agent at {path} does not answer ({error})")
            return []
        return list(agent.get_keys())

    # Passwords.

    def _by_password(self) -> bool:
        password = self._settings.credentials.password
        if password is None:
            return False
        user = self._settings.user
        for method in self._password_methods():
            self._tried.append(method)
            with contextlib.suppress(paramiko.BadAuthenticationType):
                if method == "password":
                    left = self._transport.auth_password(user, password, fallback=False)
                else:
                    left = self._transport.auth_interactive(user, lambda _, __, asked: [password] * len(asked))
                return not left
        return False

    def _password_methods(self) -> list[str]:
        methods = ["password", "keyboard-interactive"]
        return [one for one in methods if self._allowed is None or one in self._allowed] or methods

    def _by_nothing(self) -> bool:
        """Ask for a login without proof, which some hosts grant, and all answer with what they take."""
        if self._tried:
            return False
        try:
            self._transport.auth_none(self._settings.user)
        except paramiko.BadAuthenticationType as error:
            self._allowed = list(error.allowed_types)
            return False
        return True


class LockedKeyError(Exception):
    """A private key needs a passphrase, or another one."""


def load_key(path: Path, passphrase: str | None) -> paramiko.PKey:
    """Read a private key of any kind and format. Raises OSError, LockedKeyError, SSHException, ValueError."""
    secret = passphrase.encode() if passphrase is not None else None
    try:
        return paramiko.PKey.from_path(path, secret)  # type: ignore[arg-type]
    except paramiko.PasswordRequiredException:
        raise LockedKeyError("needs a passphrase") from None
    except (TypeError, ValueError, paramiko.SSHException) as error:
        text = str(error).lower()
        if secret is None and ("password" in text or "encrypted" in text or "passphrase" in text):
            raise LockedKeyError("needs a passphrase") from None
        if secret is not None and "not encrypted" in text:
            return paramiko.PKey.from_path(path)
        if secret is not None and _looks_encrypted(path):
            raise LockedKeyError("does not open with the given passphrase") from None
        raise


def _looks_encrypted(path: Path) -> bool:
    text = path.read_bytes()
    return b"ENCRYPTED" in text or b"OPENSSH PRIVATE KEY" in text


def _held_by_agent(path: Path, agent: list[AgentKey]) -> AgentKey | None:
    """Return the agent's key for a locked file, known by the public key beside it."""
    try:
        words = path.with_name(path.name + ".pub").read_text(encoding="utf-8").split()
    except (OSError, UnicodeError):
        return None
    return next((key for key in agent if len(words) > 1 and key.get_base64() == words[1]), None)
