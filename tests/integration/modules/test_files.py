# SPDX-License-Identifier: GPL-3.0-or-later
"""The file modules on real hosts as root: with and without Python, with busybox's tools only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.contracts.fields import Mode
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.directory import Directory
from jetpack_core.modules.files.fetch import Fetch
from jetpack_core.modules.files.file import File
from jetpack_core.modules.files.line import Line
from jetpack_core.modules.files.link import Link
from jetpack_core.modules.files.stat import Stat
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from tests.integration.fleet import DEPLOY_USER, Fleet, SshHost
from tests.integration.fleet.images import IMAGES
from tests.unit.modules.files import test_conformance as suites

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


@contextmanager
def reached(fleet: Fleet, host: SshHost, user: str = "root") -> Iterator[TestHost]:
    endpoint = Endpoint(
        host.name,
        address=host.address,
        port=host.port,
        user=user,
        credentials=Credentials(private_key_file=fleet.keys.plain),
        host_keys=host.host_keys,
    )
    with TestHost(SshConnection(endpoint), name=host.name) as target:
        yield target


@pytest.fixture(scope="module")
def machines(debian_host: SshHost, nopython_host: SshHost, busybox_host: SshHost) -> dict[str, SshHost]:
    return {host.image: host for host in (debian_host, nopython_host, busybox_host)}


@pytest.fixture(params=IMAGES, scope="module")
def reached_host(request: pytest.FixtureRequest, fleet: Fleet, machines: dict[str, SshHost]) -> Iterator[TestHost]:
    """One connection for all tests of an image."""
    with reached(fleet, machines[request.param]) as target:
        yield target


class OverSsh:
    """Runs a suite on the fleet instead of on this machine."""

    @pytest.fixture
    def host(self, reached_host: TestHost) -> TestHost:
        """The host to act on."""
        return reached_host


class TestCopyOfContent(OverSsh, suites.TestCopyOfContent):
    """`copy` with `content`."""


class TestCopyOfFile(OverSsh, suites.TestCopyOfFile):
    """`copy` of one file."""


class TestCopyOfTree(OverSsh, suites.TestCopyOfTree):
    """`copy` of a folder."""


class TestFile(OverSsh, suites.TestFile):
    """`file`."""


class TestDirectory(OverSsh, suites.TestDirectory):
    """`directory`."""


class TestLink(OverSsh, suites.TestLink):
    """`link`."""


class TestLine(OverSsh, suites.TestLine):
    """`line`."""


class TestBlock(OverSsh, suites.TestBlock):
    """`block`."""


@pytest.fixture
def host(reached_host: TestHost) -> TestHost:
    return reached_host


@pytest.fixture
def box(host: TestHost) -> Iterator[Sandbox]:
    box = Sandbox(host)
    yield box
    box.close()


def owners(box: Sandbox, name: str) -> tuple[str, str]:
    now = box.stat(name)
    return now.owner, now.group


def test_a_new_file_gets_its_owner_and_an_old_one_a_new_owner(host: TestHost, box: Sandbox) -> None:
    module = Copy(content="x", dest=box.path("f"), owner=DEPLOY_USER, group=DEPLOY_USER, mode=Mode(0o640))
    host.converge(module)
    assert owners(box, "f") == (DEPLOY_USER, DEPLOY_USER)
    host.converge(File(path=box.path("f"), owner="root", group="0"))
    assert owners(box, "f") == ("root", "root")
    plan, _ = host.converge(module)
    assert [(change.field, change.before, change.after) for change in plan.changes] == [
        ("owner", "root", DEPLOY_USER),
        ("group", "root", DEPLOY_USER),
    ]
    assert host.plan(module).kind is PlanKind.NONE


def test_a_file_that_is_rewritten_keeps_its_owner(host: TestHost, box: Sandbox) -> None:
    box.write("f", "old\n")
    host.converge(File(path=box.path("f"), owner=DEPLOY_USER))
    host.converge(Line(path=box.path("f"), line="new", backup=True))
    (backup,) = [now for now in host.ask(host.list(box.path())) if now.path.endswith(".bak")]
    assert (box.stat("f").owner, backup.owner) == (DEPLOY_USER, DEPLOY_USER)


def test_setuid_survives_a_new_owner(host: TestHost, box: Sandbox) -> None:
    box.write("f", "x", mode=0o4755)
    module = File(path=box.path("f"), owner=DEPLOY_USER)
    host.converge(module)
    assert (box.stat("f").mode, box.stat("f").owner) == (0o4755, DEPLOY_USER)


def test_recursion_gives_owners_to_links_and_not_to_what_they_point_to(host: TestHost, box: Sandbox) -> None:
    box.write("outside")
    box.make_directory("d/sub")
    box.write("d/sub/f")
    box.link("d/sub/link", "../../outside")
    module = Directory(path=box.path("d"), owner=DEPLOY_USER, recurse=True)
    host.converge(module)
    assert {box.stat(name).owner for name in ("d", "d/sub", "d/sub/f", "d/sub/link")} == {DEPLOY_USER}
    assert box.stat("outside").owner == "root"
    assert host.plan(module).kind is PlanKind.NONE


def test_an_unknown_owner_is_named(host: TestHost, box: Sandbox) -> None:
    for module in (
        Copy(content="x", dest=box.path("f"), owner="no-such-user"),
        Directory(path=box.path("d"), group="no-such-user"),
    ):
        with pytest.raises(TaskError, match="no user or group 'no-such-user'"):
            host.converge(module)
    assert len(box.snapshot()) == 1


@pytest.mark.parametrize("image", IMAGES)
def test_a_user_who_may_not_is_told_what_to_do(image: str, fleet: Fleet, machines: dict[str, SshHost]) -> None:
    machine = machines[image]
    with reached(fleet, machine, DEPLOY_USER) as host:
        for module in (
            Copy(content="x", dest="/etc/motd"),
            Copy(content="x", dest="/root/f"),
            File(path="/etc/not-mine"),
            File(path="/etc/passwd", mode=Mode(0o600)),
            File(path="/etc/passwd", remove=True),
            Directory(path="/etc/not-mine"),
            Link(path="/etc/not-mine", target="x"),
            Line(path="/etc/passwd", line="x"),
        ):
            with pytest.raises(TaskError, match="permission denied") as caught:
                host.converge(module)
            assert "sudo" in caught.value.hint
    assert not machine.exists("/etc/not-mine")
    assert machine.exists("/etc/passwd")


@pytest.mark.parametrize("image", IMAGES)
def test_an_unreadable_file_of_ones_own_is_changed_and_removed(
    image: str, fleet: Fleet, machines: dict[str, SshHost]
) -> None:
    with reached(fleet, machines[image], DEPLOY_USER) as host:
        box = Sandbox(host)
        path = box.write("f", "secret", mode=0)
        opened = File(path=path, mode=Mode(0o200))
        assert host.plan(opened, planning=True).changes == host.plan(opened).changes
        host.converge(opened)
        assert host.ask(host.stat(path)).mode == 0o200
        removed = File(path=path, remove=True)
        assert host.plan(removed, planning=True).kind is PlanKind.REMOVE
        host.converge(removed)
        assert not host.ask(host.stat(path)).exists
        box.close()


def test_fetching_brings_the_bytes(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    module = Fetch(src=box.write("f", content), dest=f"{tmp_path}/")
    host.converge(module)
    assert (tmp_path / host.name / box.path("f").lstrip("/")).read_bytes() == content
    assert host.plan(module).kind is PlanKind.NONE


def test_stat_says_the_same_everywhere(host: TestHost, box: Sandbox) -> None:
    result = host.plan(Stat(path=box.write("f", "text", mode=0o4640), checksum=True)).outcome.result
    assert result["checksum"] == "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
    assert (result["mode"], result["owner"], result["group"], result["size"]) == ("0o4640", "root", "root", 4)


def test_a_large_file_survives_the_way(host: TestHost, box: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(range(256)) * 40_000)
    module = Copy(src=source, dest=box.path("f"))
    host.converge(module)
    assert host.plan(module).kind is PlanKind.NONE
    assert box.stat("f").size == 10_240_000


def test_a_rejected_sudoers_file_is_not_put_in_place(host: TestHost, box: Sandbox) -> None:
    """As `visudo -cf %s` would; the images have no sudo."""
    dest = box.write("sudoers", "root ALL=(ALL) ALL\n", mode=0o440)
    check = ["grep", "-q", "^root ", "%s"]
    with pytest.raises(TaskError, match="did not pass grep"):
        host.converge(Copy(content="typo\n", dest=dest, validate_with=check))
    host.converge(Copy(content="root ALL=(ALL) NOPASSWD: ALL\n", dest=dest, validate_with=check))
    assert (box.read("sudoers"), box.stat("sudoers").mode) == (b"root ALL=(ALL) NOPASSWD: ALL\n", 0o440)
