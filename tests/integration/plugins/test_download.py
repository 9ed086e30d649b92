# SPDX-License-Identifier: GPL-3.0-or-later
"""`download` on real hosts: with Python, without it, and with busybox's tools only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jetpack_plugin_download.module import Download

from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.server import Fault, Site
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.modules.test_files import machines, reached, reached_host
from tests.integration.plugins.web import reachable_site

__all__ = ["machines", "reached_host"]
pytestmark = [pytest.mark.docker, pytest.mark.ssh]
BODY = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(BODY).hexdigest()
Maker = Callable[..., Download]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the control machine's cache to the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def web(fleet: Fleet) -> Iterator[tuple[Site, str]]:
    with reachable_site() as found:
        yield found


@pytest.fixture
def site(web: tuple[Site, str]) -> Site:
    return web[0]


@pytest.fixture
def box(reached_host: TestHost) -> Iterator[Sandbox]:
    box = Sandbox(reached_host)
    yield box
    box.close()


@pytest.fixture
def download(web: tuple[Site, str], box: Sandbox) -> Maker:
    site, gateway = web

    def make(**parameters: object) -> Download:
        given = {"url": site.url("/file", gateway), "dest": box.path("f"), "retry_delay": 0.01, **parameters}
        return Download.model_validate(given)

    return make


@pytest.mark.parametrize("via", ["auto", "control"])
def test_a_file_arrives_and_is_matched_then(
    site: Site, box: Sandbox, reached_host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", BODY, etag='"a"')
    _, outcome = reached_host.converge(download(via=via, mode="0o640", owner=DEPLOY_USER))
    assert (box.read("f"), box.stat("f").mode, box.stat("f").owner) == (BODY, 0o640, DEPLOY_USER)
    assert (outcome.result["via"] == "control") is (via == "control" or reached_host.name != "debian")
    moved = site.sent()
    assert reached_host.plan(download(via=via), planning=True).kind is PlanKind.NONE
    assert reached_host.plan(download(via=via)).kind is PlanKind.NONE
    assert site.sent() == moved
    assert len(box.snapshot()) == 2


def test_a_bad_file_never_replaces_a_good_one(
    site: Site, box: Sandbox, reached_host: TestHost, download: Maker
) -> None:
    site.put("/file", b"evil", faults=[Fault(die_after=2)])
    box.write("f", "good")
    with pytest.raises(TaskError, match="sha256 is"):
        reached_host.converge(download(checksum=f"sha256:{SHA256}"))
    assert box.read("f") == b"good"
    assert len(box.snapshot()) == 2


def test_an_interrupted_transfer_is_completed(
    site: Site, box: Sandbox, reached_host: TestHost, download: Maker
) -> None:
    site.put("/file", BODY, etag='"a"', faults=[Fault(die_after=600_000), Fault(status=503)])
    reached_host.converge(download(checksum=f"sha256:{SHA256}", backup=True))
    assert box.read("f") == BODY


def test_a_secret_is_in_no_command(site: Site, box: Sandbox, reached_host: TestHost, download: Maker) -> None:
    site.put("/file", BODY, needs="Bearer hush-hush")
    reached_host.frames.clear()
    reached_host.converge(download(token="hush-hush"))
    words = [word for one in reached_host.operations for word in getattr(one, "argv", ())]
    assert words
    assert not any("hush" in word for word in words)


def test_one_transfer_serves_hosts_of_all_kinds(
    site: Site, web: tuple[Site, str], fleet: Fleet, machines: dict[str, SshHost]
) -> None:
    site.put("/file", BODY)
    for machine in machines.values():
        with reached(fleet, machine) as host:
            given = {"url": site.url("/file", web[1]), "dest": "/tmp/jetpack-download", "via": "control"}
            host.converge(Download.model_validate(given))
            assert hashlib.sha256(machine.read("/tmp/jetpack-download")).hexdigest() == SHA256
            machine.shell("rm /tmp/jetpack-download")
    assert len(site.log) == 1


def test_a_user_who_is_not_root_keeps_records_too(
    site: Site, web: tuple[Site, str], fleet: Fleet, machines: dict[str, SshHost]
) -> None:
    site.put("/file", BODY, etag='"a"')
    for machine in machines.values():
        with reached(fleet, machine, DEPLOY_USER) as host:
            box = Sandbox(host)
            module = Download.model_validate({"url": site.url("/file", web[1]), "dest": box.path("f")})
            host.converge(module)
            assert host.plan(module, planning=True).kind is PlanKind.NONE
            with pytest.raises(TaskError) as error:
                host.converge(Download.model_validate({"url": site.url("/file", web[1]), "dest": "/etc/motd.new"}))
            assert "sudo" in error.value.hint or "ermission" in error.value.message
            box.close()
