# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server, this machine as the host, and folders for records and the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jetpack_plugin_download.module import Download

from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.server import Site, serving

Maker = Callable[..., Download]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep records and the cache in the test's own folder, and stay away from proxies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server."""
    with serving() as site:
        yield site


@pytest.fixture
def host(folders: Path) -> Iterator[TestHost]:
    """This machine."""
    with TestHost() as host:
        yield host


@pytest.fixture
def box(host: TestHost) -> Iterator[Sandbox]:
    """A private directory on it."""
    box = Sandbox(host)
    yield box
    box.close()


@pytest.fixture
def next_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what begins another run: what the hosts of one share is not the next one's."""
    runs = iter(range(1000))

    def begin() -> None:
        name = f"run {next(runs)}"
        monkeypatch.setattr("jetpack_plugin_download.cache.run_id", lambda: name)

    return begin


@pytest.fixture(params=["host", "control"])
def via(request: pytest.FixtureRequest) -> str:
    """Where the file is fetched."""
    return str(request.param)


@pytest.fixture
def download(site: Site, box: Sandbox) -> Maker:
    """Make a download of /file to `f`, quick to try again."""

    def make(**parameters: object) -> Download:
        given = {"url": site.url("/file"), "dest": box.path("f"), "retry_delay": 0.01, "timeout": 5, **parameters}
        return Download.model_validate(given)

    return make
