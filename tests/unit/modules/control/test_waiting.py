# SPDX-License-Identifier: GPL-3.0-or-later
"""wait_for, wait_for_http and wait_for_host: look until it is so, against real sockets, files and pages."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import HostUnreachableError, TaskError, UnknownValueError
from jetpack_core.modules.control.probes import listening_ports
from jetpack_core.modules.control.wait_for import WaitFor
from jetpack_core.modules.control.wait_for_host import WaitForHost
from jetpack_core.modules.control.wait_for_http import WaitForHttp
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import Recorder
from jetpack_core.testing.scripted import ScriptedConnection
from tests.unit.modules.control.driving import Here

LOCAL = {"jet_ssh_hostname": "127.0.0.1"}


def wait(**parameters: object) -> WaitFor:
    return WaitFor.model_validate({"timeout": 60, "delay": 0.05, **parameters})


def later(act: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(0.3, act)
    timer.start()
    return timer


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Keep a port where nothing listens, which nobody else can take meanwhile."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept


@pytest.fixture
def closed_port(silent: socket.socket) -> int:
    port: int = silent.getsockname()[1]
    return port


@pytest.mark.parametrize("seen_from", ["control", "host"])
def test_open_port_is_seen_and_a_closed_one_waited_for(
    listener: socket.socket, closed_port: int, seen_from: str
) -> None:
    port = listener.getsockname()[1]
    assert Here(LOCAL).apply(wait(port=port, **{"from": seen_from})).changed is False
    with pytest.raises(TaskError, match=f"{closed_port}.*after 0.2 seconds"):
        Here(LOCAL).apply(wait(port=closed_port, timeout=0.2, **{"from": seen_from}))


def test_port_that_opens_meanwhile_ends_the_wait(silent: socket.socket, closed_port: int) -> None:
    timer = later(silent.listen)
    elapsed = Here().apply(wait(port=closed_port, address="127.0.0.1")).result["elapsed"]
    assert isinstance(elapsed, float)
    assert 0 < elapsed < 60
    timer.join()


def test_absent_waits_for_the_port_to_close(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(TaskError, match=f"port {port} is still there"):
        Here(LOCAL).apply(wait(port=port, absent=True, timeout=0.1))
    timer = later(listener.close)
    Here(LOCAL).apply(wait(port=port, absent=True))
    timer.join()


def test_path_that_appears_and_path_that_goes(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    timer = later(path.touch)
    Here().apply(wait(path=str(path)))
    timer.join()
    timer = later(path.unlink)
    Here().apply(wait(path=str(path), absent=True))
    timer.join()


def test_dangling_link_is_not_a_path_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(TaskError, match="there is no"):
        Here().apply(wait(path=f"{tmp_path}/link", timeout=0))


def test_command_is_asked_until_it_succeeds(tmp_path: Path) -> None:
    ready, asked = tmp_path / "ready", tmp_path / "asked"

    def make_ready() -> None:
        while not asked.exists():
            time.sleep(0.01)
        ready.touch()

    thread = threading.Thread(target=make_ready)
    thread.start()
    host = Here()
    host.apply(wait(command=["sh", "-c", 'test -e "$1" || { touch "$2"; exit 1; }', "sh", str(ready), str(asked)]))
    thread.join()
    assert len(host.asked) > 1
    assert all(isinstance(asked, Run) and asked.read_only for asked in host.asked)


def test_command_that_cannot_run_is_waited_for_and_named() -> None:
    with pytest.raises(TaskError, match="no-such-program"):
        Here().apply(wait(command=["/no-such-program"], timeout=0.1))


@pytest.mark.parametrize("parameters", [{"path": "/no/such/thing"}, {"command": ["false"]}])
def test_plan_mode_looks_once_and_does_not_wait(parameters: dict[str, object]) -> None:
    began = time.monotonic()
    host = Here(planning=True)
    with pytest.raises(UnknownValueError, match="plan mode does not wait"):
        host.apply(wait(timeout=300, **parameters))
    assert host.frames == 1
    assert time.monotonic() - began < 10
    assert Here(planning=True).apply(wait(path="/")).changed is False


def test_planning_a_run_looks_at_nothing_yet() -> None:
    host = Here()
    plan = host.plan(wait(path="/no/such/thing"))
    assert (plan.kind, plan.read_only, host.frames) == (PlanKind.EXECUTE, True, 0)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"port": 22, "path": "/x"},
        {"port": 0},
        {"port": "70000"},
        {"path": "relative"},
        {"path": "/x", "address": "y"},
        {"path": "/x", "from": "host"},
        {"port": 22, "address": "y", "from": "host"},
        {"port": 22, "from": "moon"},
        {"http": "file:///etc/passwd"},
        {"http": "https://me:secret@example.com/"},
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        wait(**parameters)


class Pages(BaseHTTPRequestHandler):
    """Answers by path: /ok, /secret (401), /broken (500), /moved (to /ok)."""

    def do_GET(self) -> None:
        status = {"/ok": 200, "/secret": 401, "/moved": 302}.get(self.path, 500)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/ok")
        self.end_headers()
        self.wfile.write(b'{"state": "ok"}')

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "expected", "problem"),
    [
        ("/ok", None, None),
        ("/moved", None, None),
        ("/ok", '"state": "ok"', None),
        ("/ok", "200", None),
        ("/secret", "401", None),
        ("/secret", None, "answers 401"),
        ("/ok", "204", "answers 200, not 204"),
        ("/ok", "ready", "without 'ready'"),
        ("/broken", "state", "answers 500"),
    ],
)
def test_pages_are_judged_by_status_and_text(site: str, path: str, expected: str | None, problem: str | None) -> None:
    module = WaitForHttp(url=site + path, expected=expected, timeout=0)
    same = wait(http=site + path, expected=expected, timeout=0)
    if problem is None:
        Here().apply(module)
        Here().apply(same)
        return
    for each in (module, same):
        with pytest.raises(TaskError, match=problem):
            Here().apply(each)


def test_page_that_does_not_answer_tells_why(closed_port: int) -> None:
    with pytest.raises(TaskError, match=r"does not answer .*refused"):
        Here().apply(WaitForHttp(url=f"http://127.0.0.1:{closed_port}/", timeout=0))


def test_server_that_speaks_no_http_is_not_answering(listener: socket.socket) -> None:
    def greet() -> None:
        client, _ = listener.accept()
        client.sendall(b"SSH-2.0-OpenSSH\r\n")
        client.close()

    thread = threading.Thread(target=greet)
    thread.start()
    with pytest.raises(TaskError, match="does not answer"):
        Here().apply(WaitForHttp(url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0))
    thread.join()


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 1 1 0 100 0 0 10 0
   1: 0100007F:1539 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 0 0 0
"""


def test_only_listening_ports_count() -> None:
    assert listening_ports(TCP) == {0x1538, 22}


@given(st.text())
def test_any_text_can_be_read_for_ports(text: str) -> None:
    assert all(port >= 0 for port in listening_ports(text))


def test_host_that_is_back_is_logged_in_to_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    async def reconnect(_: Recorder, timeout: float, delay: float) -> None:
        asked.append((timeout, delay))

    monkeypatch.setattr(Recorder, "reconnect", reconnect)
    assert Here().apply(WaitForHost(timeout=9, delay=2)).changed is False
    assert asked == [(9, 2)]


def test_host_that_is_away_is_unknown_in_plan_mode() -> None:
    def away() -> ScriptedConnection:
        return ScriptedConnection().on(Run, HostUnreachableError("here: no route"))

    with pytest.raises(UnknownValueError, match="no route, and plan mode does not wait"):
        Here(planning=True, connect=away).apply(WaitForHost())
    assert Here(planning=True).apply(WaitForHost()).changed is False
