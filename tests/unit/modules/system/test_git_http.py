# SPDX-License-Identifier: GPL-3.0-or-later
"""`git` from web servers: git's own program behind one, and one that only hands out files."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.system.git import Git
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from tests.unit.modules.system.test_git import changes, commit, git, host, origin, pristine, settings, where

pytestmark = pytest.mark.slow

__all__ = ["host", "origin", "pristine", "settings", "where"]


class Smart(BaseHTTPRequestHandler):
    """Runs `git http-backend` as a web server does (RFC 3875)."""

    protocol_version = "HTTP/1.0"

    def __init__(self, *args: object, root: Path, login: str = "") -> None:
        self.root, self.login = root, login
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def _answer(self) -> None:
        given = self.headers.get("Authorization", "")
        if self.login and given != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        env = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        ended = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = ended.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 - the base class calls them by these names


class Dumb(SimpleHTTPRequestHandler):
    """Hands out files."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path, origin: Path) -> Iterator[dict[str, str]]:
    """The addresses of one repository: from a clever server, from a plain one, and behind a password."""
    handlers: dict[str, Callable[..., BaseHTTPRequestHandler]] = {
        "smart": partial(Smart, root=tmp_path),
        "dumb": partial(Dumb, directory=str(tmp_path)),
        "locked": partial(Smart, root=tmp_path, login="me:secret"),
    }
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), handler) for name, handler in handlers.items()}
    threads = [threading.Thread(target=server.serve_forever) for server in servers.values()]
    for thread in threads:
        thread.start()
    yield {name: f"http://127.0.0.1:{server.server_address[1]}/origin/.git" for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("kind", ["smart", "dumb"])
@pytest.mark.parametrize("named", [{}, {"branch": "main"}], ids=["default", "main"])
def test_a_clone_and_an_update(
    host: TestHost, served: dict[str, str], origin: Path, where: Path, kind: str, named: dict[str, str]
) -> None:
    git(origin, "update-server-info")
    module = Git.model_validate({"repo": served[kind], "path": str(where), **named})
    first = git(origin, "rev-parse", "main")
    planned = host.plan(module, planning=True)
    plan, outcome = host.converge(module)
    assert (plan.kind, planned.changes) == (PlanKind.CREATE, plan.changes)
    assert outcome.result == {"commit": first}
    assert host.plan(module).kind is PlanKind.NONE
    second = commit(origin, "f", "three")
    git(origin, "update-server-info")
    planned = host.plan(module, planning=True)
    assert changes(planned) == {"commit": (first, second)}
    plan, outcome = host.converge(module)
    assert (plan.changes, outcome.result) == (planned.changes, {"commit": second})
    assert (where / "f").read_text() == "three"
    assert host.plan(module).kind is PlanKind.NONE


def test_tags_commits_and_depth(host: TestHost, served: dict[str, str], origin: Path, where: Path) -> None:
    git(origin, "config", "uploadpack.allowReachableSHA1InWant", "true")
    old = git(origin, "rev-parse", "v1^{}")
    for wanted in ({"tag": "v1"}, {"branch": "next", "depth": 1}, {"commit": old, "depth": 1}):
        host.converge(Git.model_validate({"repo": served["smart"], "path": str(where), **wanted}))
        assert git(where, "rev-parse", "HEAD") == old


def test_a_plain_server_has_no_depth_and_says_so(
    host: TestHost, served: dict[str, str], origin: Path, where: Path
) -> None:
    git(origin, "update-server-info")
    with pytest.raises(TaskError, match="dumb http transport does not support shallow"):
        host.converge(Git(repo=served["dumb"], path=str(where), depth=1))


def test_a_server_that_wants_a_password_is_not_waited_for(
    host: TestHost, served: dict[str, str], where: Path, settings: Path
) -> None:
    module = Git(repo=served["locked"], path=str(where))
    with pytest.raises(TaskError, match="could not read Username"):
        host.plan(module)
    keeper = settings.parent / "keeper"
    keeper.write_text(served["locked"].replace("//", "//me:secret@").rpartition("/origin")[0] + "\n")
    git(settings.parent, "config", "--file", str(settings), "credential.helper", f"store --file={keeper}")
    host.converge(module)
    assert "secret" not in (where / ".git" / "config").read_text()
    assert host.plan(module).kind is PlanKind.NONE


def test_a_page_that_is_no_repository_is_told(host: TestHost, served: dict[str, str], where: Path) -> None:
    for kind in ("smart", "dumb"):
        with pytest.raises(TaskError, match="not found"):
            host.plan(Git(repo=served[kind].replace("origin", "other"), path=str(where)))


def test_a_remote_that_chose_no_branch_wants_one_named(host: TestHost, origin: Path, where: Path) -> None:
    git(origin, "checkout", "-q", "--detach", "v1")
    with pytest.raises(TaskError, match="no branch of its own") as caught:
        host.plan(Git(repo=str(origin), path=str(where)))
    assert "branch" in caught.value.hint
    host.converge(Git(repo=str(origin), path=str(where), branch="main"))
