# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines behind SSH: the system's own ssh carries what a local socket is told."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIAL: Final = "docker system dial-stdio"
"""Connects its input and output with the engine of the machine it runs on (as `docker -H ssh://` uses it)."""
_PERSIST: Final = 15
"""Seconds that a connection is kept for the next one."""
_PATIENCE: Final = 60
"""Seconds that logging in may take."""


class SshRelay:
    """A private local socket; whatever connects to it talks to the engine of a remote machine.

    The system's ssh is used, so that its configuration, keys, agent, jump hosts and known hosts count. It never asks
    anything, and a machine whose host key is not known is refused.
    """

    def __init__(self, address: str) -> None:
        self._argv = (*ssh_argv(address), _DIAL)
        _check_login(address)
        self._folder = tempfile.mkdtemp(prefix="jetpack-docker-")
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(f"{self._folder}/engine.sock")
        self._server.listen(128)
        threading.Thread(target=_serve, args=(self._server, self._argv), name="docker-ssh", daemon=True).start()

    @property
    def address(self) -> str:
        """Return where the engine is reached on this machine."""
        return f"unix://{self._folder}/engine.sock"

    def close_with(self, client: object) -> None:
        """Close the relay once a client is not used any more, at the latest when the program ends."""
        weakref.finalize(client, _close, self._server, self._folder)


def ssh_argv(address: str) -> tuple[str, ...]:
    """Return how a machine is reached. Raises JetpackError for what is no address."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if not parts.hostname or parts.hostname.startswith("-") or port == -1 or parts.path.strip("/"):
        raise JetpackError(f"{address!r} is no engine over SSH", hint="such as: ssh://ops@docker1, ssh://docker1:2222")
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ControlMaster": "auto",
        "ControlPath": f"{_control_folder()}/%C",
        "ControlPersist": str(_PERSIST),
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    user = ("-l", parts.username) if parts.username else ()
    return ("ssh", *flags, *user, *(("-p", str(port)) if port else ()), "--", parts.hostname)


def _check_login(address: str) -> None:
    """Log in once, so that all that follow share the connection. Raises JetpackError with what ssh says."""
    with tempfile.TemporaryFile() as said:
        try:
            argv = (*ssh_argv(address), f"{_DIAL} --help")
            # In a session of its own, as the connection that is kept outlives Ctrl-C.
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                timeout=_PATIENCE,
                check=False,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise JetpackError("there is no program ssh on this machine", hint="install OpenSSH's client") from error
        except subprocess.TimeoutExpired as error:
            raise JetpackError(f"{address} does not let us in within {_PATIENCE} s") from error
        said.seek(0)
        words = " ".join(said.read().decode("utf-8", "replace").split())
    if done.returncode:
        hint = f"try it yourself: ssh {' '.join(argv[argv.index('--') + 1 : -1])} docker version"
        if "Host key verification failed" in words:
            hint = "its host key must be in known_hosts: compare it, and connect once with ssh"
        raise JetpackError(f"{address} cannot be reached: {words or f'ssh ended with {done.returncode}'}", hint=hint)


def _control_folder() -> Path:
    """Return a folder that nobody else can put a socket into. Raises JetpackError."""
    # Under the home, the path could be too long for a socket.
    folder = Path(tempfile.gettempdir(), f"jetpack-ssh-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    now = folder.lstat()
    if now.st_uid != os.getuid() or now.st_mode & 0o077 or not folder.is_dir():
        raise JetpackError(f"{folder} is not private to this user", hint="remove it, or set TMPDIR")
    return folder


def _serve(server: socket.socket, argv: Sequence[str]) -> None:
    """Give each connection a program of its own that carries it."""
    running: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client:
                running = [one for one in running if one.poll() is None]
                # In a session of its own, so that Ctrl-C lets what was begun come to its end.
                running.append(
                    subprocess.Popen(
                        argv,
                        stdin=client.fileno(),
                        stdout=client.fileno(),
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )


def _close(server: socket.socket, folder: str) -> None:
    # A thread that waits for a connection wakes up by this only; the programs end with their connections.
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    server.close()
    shutil.rmtree(folder, ignore_errors=True)
