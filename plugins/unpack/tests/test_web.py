# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives at an address: fetched once for all hosts, and only when they are needed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from plugins.download.tests.server import Site, serving
from plugins.unpack.tests import making
from plugins.unpack.tests.making import file, tar
from plugins.unpack.tests.tasks import APP_TREE, tree, unpack

PACKED = gzip.compress(making.APP, mtime=0)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of the control machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.put("/app.tgz", PACKED, etag='"1"')
        yield site


@pytest.fixture
def next_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Begin another run: what the hosts of one share is not the next one's."""
    return lambda name: monkeypatch.setattr("jetpack_plugin_download.cache.run_id", lambda: name)


def test_one_transfer_serves_all_hosts_and_the_next_run_only_asks(
    host: TestHost, site: Site, tmp_path: Path, next_run: Callable[[str], None]
) -> None:
    next_run("one")
    tasks = [
        unpack(tmp_path, src=site.url("/app.tgz"), dest=str(tmp_path / name), strip_components="1")
        for name in ("one", "two")
    ]
    for task in tasks:
        host.converge(task)
        assert tree(Path(task.dest)) == APP_TREE
        assert host.plan(task).kind is PlanKind.NONE
    assert [asked.sent for asked in site.log] == [len(PACKED)]
    next_run("two")
    assert host.plan(tasks[0]).kind is PlanKind.NONE
    assert [(asked.status, asked.sent) for asked in site.log[1:]] == [(304, 0)]


def test_with_a_checksum_nobody_is_asked(host: TestHost, site: Site, tmp_path: Path, cache: Path) -> None:
    right = hashlib.sha256(PACKED).hexdigest()
    task = unpack(tmp_path, src=site.url("/app.tgz"), checksum=right, strip_components="1")
    host.converge(task)
    (cache / "jetpack" / "download" / "files" / right).unlink()
    if any("python" in " ".join(map(str, getattr(one, "argv", ()))) for one in host.operations):
        site.log.clear()
        assert host.plan(task).kind is PlanKind.NONE
    (tmp_path / "dest" / "empty").unlink()
    host.converge(task)
    assert tree(tmp_path / "dest") == APP_TREE


def test_a_wrong_checksum_is_refused(host: TestHost, site: Site, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="sha256 is"):
        host.plan(unpack(tmp_path, src=site.url("/app.tgz"), checksum="0" * 64))


def test_a_new_version_at_the_address_is_unpacked(
    host: TestHost, site: Site, tmp_path: Path, next_run: Callable[[str], None]
) -> None:
    next_run("one")
    task = unpack(tmp_path, src=site.url("/app.tgz"), strip_components="1", prune="true")
    host.converge(task)
    site.put("/app.tgz", making.APP_2, etag='"2"')
    next_run("two")
    host.converge(task)
    assert sorted(tree(tmp_path / "dest")) == ["bin/run", "conf/app.conf", "new"]


def test_credentials_are_those_of_access_and_are_noted_nowhere(
    host: TestHost, site: Site, tmp_path: Path, state: Path
) -> None:
    site.put("/app.tgz", PACKED, needs="Bearer s3cret")
    url = site.url("/app.tgz") + "?key=hush"
    with pytest.raises(TaskError, match="401"):
        host.plan(unpack(tmp_path, src=url))
    host.converge(unpack(tmp_path, src=url, access={"token": "s3cret"}, strip_components="1"))
    assert tree(tmp_path / "dest") == APP_TREE
    noted = "".join(path.read_text() for path in state.rglob("*.json"))
    assert noted
    assert "hush" not in noted
    assert "s3cret" not in noted


def test_a_hostile_one_never_reaches_the_host(host: TestHost, site: Site, tmp_path: Path) -> None:
    site.put("/app.tgz", tar(file("../evil")))
    with pytest.raises(TaskError, match="leads out"):
        host.converge(unpack(tmp_path, src=site.url("/app.tgz")))
    assert host.changes == []
