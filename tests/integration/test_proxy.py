# SPDX-License-Identifier: GPL-3.0-or-later
"""The delaying proxy delays, loses and cuts as it says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.integration.fleet import DelayingProxy


def _echo(listener: socket.socket) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo_one, args=(peer,), daemon=True).start()


def _echo_one(peer: socket.socket) -> None:
    with peer:
        try:
            while data := peer.recv(65536):
                peer.sendall(data)
        except OSError:
            return


@pytest.fixture
def echo_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo_port: int) -> Iterator[DelayingProxy]:
    with DelayingProxy("127.0.0.1", echo_port) as started:
        yield started


def _connect(proxy: DelayingProxy) -> socket.socket:
    client = socket.create_connection((proxy.address, proxy.port), timeout=5)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _receive(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (data := client.recv(size - len(received))):
        received += data
    return received


def test_delay_counts_both_ways_once_for_what_is_sent_together(proxy: DelayingProxy) -> None:
    proxy.delay = 0.2
    with _connect(proxy) as client:
        started = time.monotonic()
        for _ in range(50):
            client.sendall(b"x" * 1000)
        assert _receive(client, 50_000) == b"x" * 50_000
        assert 0.4 <= time.monotonic() - started < 5
        assert proxy.turns == 1
        client.sendall(b"again")
        assert _receive(client, 5) == b"again"
        assert time.monotonic() - started >= 0.8
    assert (proxy.turns, proxy.connections, proxy.bytes_up, proxy.bytes_down) == (2, 1, 50_005, 50_005)


def test_large_transfers_arrive_whole_and_in_order(proxy: DelayingProxy) -> None:
    sent = bytes(range(256)) * 40_000
    with _connect(proxy) as client:
        sender = threading.Thread(target=client.sendall, args=(sent,))
        sender.start()
        assert _receive(client, len(sent)) == sent
        sender.join(5)


def test_end_of_stream_is_handed_on(proxy: DelayingProxy) -> None:
    with _connect(proxy) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        assert _receive(client, 1000) == b"last words"
        assert client.recv(1) == b""


def test_black_hole_keeps_silent_until_restored(proxy: DelayingProxy) -> None:
    with _connect(proxy) as client:
        proxy.black_hole()
        client.sendall(b"lost?")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        proxy.restore()
        client.settimeout(5)
        assert _receive(client, 5) == b"lost?"


def test_cut_ends_open_connections_and_lets_new_ones_in(proxy: DelayingProxy) -> None:
    with _connect(proxy) as client:
        client.sendall(b"a")
        assert _receive(client, 1) == b"a"
        proxy.cut()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    with _connect(proxy) as client:
        client.sendall(b"b")
        assert _receive(client, 1) == b"b"


def test_target_that_refuses_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    with (
        DelayingProxy("127.0.0.1", free) as proxy,
        _connect(proxy) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""
