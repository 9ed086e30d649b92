# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to a server of this process: in what order things are asked, and what is said when it goes wrong."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    MSG_CHANNEL_OPEN,
    MSG_USERAUTH_REQUEST,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
    cMSG_DISCONNECT,
    cMSG_EXT_INFO,
    cMSG_SERVICE_ACCEPT,
    cMSG_UNIMPLEMENTED,
)
from paramiko.server import InteractiveQuery

from jetpack_core.connections.ssh_login import Login
from jetpack_core.connections.ssh_settings import SshSettings, read_config, settings
from jetpack_core.connections.ssh_transport import EagerTransport
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import AuthenticationError

PASSWORD = "open sesame"
PATIENCE = 60.0
OPENSSH = "SSH-2.0-OpenSSH_"
GIVES_UP = 10.0
"""Seconds after which a server hangs up on a client that only asks for the service."""


class Door(paramiko.ServerInterface):
    """Who is let in, by what."""

    def __init__(self, methods: str = "publickey", keys: Sequence[paramiko.PKey] = (), *, both: bool = False) -> None:
        self._methods = methods
        self._keys = keys
        self._both = both
        """Whether a key alone is not enough."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return self._methods

    def check_auth_none(self, username: str) -> int:
        return AUTH_SUCCESSFUL if "none" in self._methods else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if key not in self._keys:
            return AUTH_FAILED
        return AUTH_PARTIALLY_SUCCESSFUL if self._both else AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if "password" in self._methods and password == PASSWORD else AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> InteractiveQuery:
        return InteractiveQuery("", "", "Password: ")

    def check_auth_interactive_response(self, responses: Sequence[str]) -> int:
        return AUTH_SUCCESSFUL if list(responses) == [PASSWORD] else AUTH_FAILED


class Porter(AuthHandler):
    """The server's side of logging in: it notes what it is asked for."""

    def __init__(self, transport: Server) -> None:
        super().__init__(transport)
        self._server = transport
        self._waiting = threading.Timer(GIVES_UP, transport.close)
        self._waiting.daemon = True

    def _parse_service_request(self, message: paramiko.Message) -> None:
        self._server.asked.append("service")
        if self._server.holds_back:
            self._waiting.start()
        else:
            self._server.answer_service()

    def _parse_userauth_request(self, message: paramiko.Message) -> None:
        self._waiting.cancel()
        if self._server.holds_back and "login" not in self._server.asked:
            self._server.answer_service()
        self._server.asked.append("login")
        super()._parse_userauth_request(message)  # type: ignore[misc]


class Server(paramiko.Transport):
    """A server that grants the login service only once somebody has asked to be let in by it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, server_sig_algs=False)
        self.asked: list[str] = []
        self.holds_back = True
        self.refuses = False
        self.forgetful = False
        """Whether it takes no channel that is asked for with a login, though it lets somebody in."""
        self.takes = ""
        """How keys are to sign, which it tells at the last moment."""

    def _ensure_authed(self, kind: int, message: paramiko.Message) -> paramiko.Message | None:
        self.asked += ["channel"] * (kind == MSG_CHANNEL_OPEN)
        if self.forgetful and self.asked.count("channel") == 1:
            return self._unknown(message)
        refused: paramiko.Message | None = super()._ensure_authed(kind, message)  # type: ignore[misc]
        if refused is None or not self.local_version.startswith(OPENSSH):
            return refused
        return self._unknown(message)

    def _unknown(self, message: paramiko.Message) -> paramiko.Message:
        answer = paramiko.Message()
        answer.add_byte(cMSG_UNIMPLEMENTED)
        answer.add_int(message.seqno)
        return answer

    def _parse_newkeys(self, message: paramiko.Message) -> None:
        super()._parse_newkeys(message)  # type: ignore[misc]
        self.auth_handler = Porter(self)

    def answer_service(self) -> None:
        """Grant the login service, or hang up."""
        if self.refuses:
            self._tell(cMSG_DISCONNECT, 7, "Service not\r\navailable \x1b[31m", "en")
            self.close()
            return
        if self.takes:
            # Late enough for a client that does not wait for it to have signed in another way.
            time.sleep(0.5)
            self._tell(cMSG_EXT_INFO, 1, "server-sig-algs", self.takes)
        self._tell(cMSG_SERVICE_ACCEPT, "ssh-userauth")

    def _tell(self, kind: bytes, *values: int | str) -> None:
        message = paramiko.Message()
        message.add_byte(kind)
        for value in values:
            if isinstance(value, int):
                message.add_int(value)
            else:
                message.add_string(value)
        self._send_message(message)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three keys."""
    folder = tmp_path_factory.mktemp("keys")
    for name, kind in (("known", "ed25519"), ("unknown", "ed25519"), ("rsa", "rsa")):
        argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / name)]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return {path.name: path for path in folder.iterdir() if not path.suffix}


Connect = Callable[..., tuple[EagerTransport, Server]]


@pytest.fixture
def connect(keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Connect]:
    """Shake hands with a server of this process; there is no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    opened: list[paramiko.Transport] = []

    def start(door: Door, **changes: object) -> tuple[EagerTransport, Server]:
        ours, theirs = socket.socketpair()
        server, client = Server(theirs), Slow(ours, 1 << 21, for_session=True)
        opened.extend((client, server))
        for name, value in changes.items():
            setattr(server, name, value)
        server.add_server_key(paramiko.PKey.from_path(keys["unknown"]))
        server.start_server(event=threading.Event(), server=door)
        client.auth_timeout = PATIENCE
        client.start_client(timeout=PATIENCE)
        return client, server

    yield start
    for transport in opened:
        transport.close()


class Slow(EagerTransport):
    """A transport that is so slow that the answer to a login is there before anybody waits for it."""

    def _send_message(self, message: paramiko.Message) -> None:
        super()._send_message(message)  # type: ignore[misc]
        if message.asbytes()[0] == MSG_USERAUTH_REQUEST:
            end = time.monotonic() + 0.2
            while self.is_active() and not self.is_authenticated() and time.monotonic() < end:
                time.sleep(0.01)


def log_in(client: EagerTransport, *identities: Path, password: str | None = None) -> None:
    target: SshSettings = settings(
        Endpoint("host", user="ops", credentials=Credentials(password=password)), read_config()
    )
    Login(client, replace(target, identity_files=identities)).run()


def load(path: Path) -> paramiko.PKey:
    return paramiko.PKey.from_path(path)


def test_the_service_and_the_login_are_asked_for_at_once(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door(keys=[load(keys["known"])]))
    log_in(client, keys["known"])
    assert client.is_authenticated()
    assert server.asked == ["service", "login"]


def test_the_service_is_asked_for_once_whatever_is_tried(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door("publickey,keyboard-interactive"))
    log_in(client, keys["known"], keys["unknown"], password=PASSWORD)
    assert client.is_authenticated()
    # Both keys, a password, which it does not take, and the answer to its question.
    assert server.asked == ["service", *["login"] * 4]


def test_a_key_and_a_password_together(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door("publickey,password", [load(keys["known"])], both=True))
    log_in(client, keys["known"], password=PASSWORD)
    assert client.is_authenticated()
    assert server.asked == ["service", "login", "login"]


def test_nothing_is_needed(connect: Connect) -> None:
    client, server = connect(Door("none"))
    log_in(client)
    assert client.is_authenticated()
    assert server.asked == ["service", "login"]


def test_nothing_is_there_to_log_in_with(connect: Connect) -> None:
    client, _ = connect(Door("publickey,password"))
    with pytest.raises(
        AuthenticationError, match="nothing, for there is no key and no password; it takes publickey, pass"
    ):
        log_in(client)


def test_keys_that_are_refused(keys: dict[str, Path], connect: Connect) -> None:
    client, _ = connect(Door())
    with pytest.raises(AuthenticationError, match=r"refused the login as ops: tried \S+/known, \S+/unknown\n"):
        log_in(client, keys["known"], keys["unknown"])


@pytest.mark.parametrize("holds_back", [True, False])
def test_a_server_without_logins_is_quoted(holds_back: bool, keys: dict[str, Path], connect: Connect) -> None:
    client, _ = connect(Door(), refuses=True, holds_back=holds_back)
    with pytest.raises(AuthenticationError, match="the host ended the login: Service not available") as caught:
        log_in(client, keys["known"])
    assert "\x1b" not in str(caught.value)


def test_an_rsa_key_signs_as_the_server_says_it_takes(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door(keys=[load(keys["rsa"])]), takes="rsa-sha2-256", holds_back=False)
    server.disabled_algorithms = {"pubkeys": ["rsa-sha2-512", "ssh-rsa"]}
    log_in(client, keys["rsa"])
    assert client.is_authenticated()
    assert server.asked == ["service", "login"]


def test_a_server_that_says_nothing_of_rsa_keys_is_asked_all_the_same(keys: dict[str, Path], connect: Connect) -> None:
    client, _ = connect(Door(keys=[load(keys["rsa"])]), holds_back=False)
    log_in(client, keys["rsa"])
    assert client.is_authenticated()


def asks_for_a_channel(server: Server, count: int) -> bool:
    """Wait until a server was asked for so many channels."""
    end = time.monotonic() + PATIENCE
    while server.asked.count("channel") < count and time.monotonic() < end:
        time.sleep(0.01)
    return server.asked.count("channel") == count


def test_openssh_is_asked_for_the_channel_with_the_login(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door(keys=[load(keys["known"])]), local_version=f"{OPENSSH}9.2p1 Debian-2")
    log_in(client, keys["known"])
    assert asks_for_a_channel(server, 1)
    channel = client.open_session(timeout=PATIENCE)
    assert server.asked == ["service", "login", "channel"]
    assert client.open_session(timeout=PATIENCE).get_id() != channel.get_id()


def test_openssh_is_asked_again_with_the_next_login(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door("publickey,password"), local_version=f"{OPENSSH}9.2p1")
    log_in(client, keys["known"], keys["unknown"], password=PASSWORD)
    assert asks_for_a_channel(server, 3)
    client.open_session(timeout=PATIENCE)
    assert server.asked == ["service", *["login", "channel"] * 3]


def test_one_that_only_calls_itself_openssh_is_asked_again(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door(keys=[load(keys["known"])]), local_version=f"{OPENSSH}like", forgetful=True)
    log_in(client, keys["known"])
    assert asks_for_a_channel(server, 1)
    client.open_session(timeout=6)
    assert server.asked == ["service", "login", "channel", "channel"]


def test_what_takes_several_steps_goes_before_the_channel(connect: Connect) -> None:
    client, server = connect(Door("keyboard-interactive"), local_version=f"{OPENSSH}9.2p1")
    log_in(client, password=PASSWORD)
    client.open_session(timeout=PATIENCE)
    assert server.asked == ["service", "login", "channel", "login", "channel"]


def test_others_are_not_asked_for_a_channel_before_they_let_us_in(keys: dict[str, Path], connect: Connect) -> None:
    client, server = connect(Door(keys=[load(keys["known"])]), local_version="SSH-2.0-dropbear_2022.83")
    log_in(client, keys["unknown"], keys["known"])
    assert server.asked == ["service", "login", "login"]
    client.open_session(timeout=PATIENCE)
    assert server.asked == ["service", "login", "login", "channel"]


def test_a_server_that_opens_no_channel(keys: dict[str, Path], connect: Connect) -> None:
    class Closed(Door):
        def check_channel_request(self, kind: str, chanid: int) -> int:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    client, _ = connect(Closed(keys=[load(keys["known"])]), local_version=f"{OPENSSH}9.2p1")
    log_in(client, keys["known"])
    with pytest.raises(paramiko.ChannelException, match="Administratively prohibited"):
        client.open_session(timeout=PATIENCE)
