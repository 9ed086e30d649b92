# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that give tests real hosts, and say why where there can be none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.fleet.engine import why_no_engine
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.images import ImageUnavailableError, ensure_image
from tests.integration.fleet.session import Fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The hosts of this session; skipped with the reason where no container can be started."""
    reason = why_no_engine()
    if reason is not None:
        pytest.skip(reason)
    try:
        ensure_image("debian")
    except ImageUnavailableError as error:
        pytest.skip(f"the test images cannot be made here: {error}")
    started = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def debian_host(fleet: Fleet) -> SshHost:
    """A Debian host with Python, shared by the session: leave it as it was."""
    return fleet.start("debian", name="debian")


@pytest.fixture(scope="session")
def nopython_host(fleet: Fleet) -> SshHost:
    """A Debian host without Python, shared by the session: leave it as it was."""
    return fleet.start("nopython", name="nopython")


@pytest.fixture(scope="session")
def busybox_host(fleet: Fleet) -> SshHost:
    """A host whose shell and tools are busybox's, shared by the session: leave it as it was."""
    return fleet.start("busybox", name="busybox")


@pytest.fixture
def lasting_host(fleet: Fleet) -> Iterator[Callable[..., SshHost]]:
    """Start hosts for one test alone that keep their address over a restart."""
    mine: list[SshHost] = []

    def start(image: str = "debian", *run_args: str) -> SshHost:
        mine.append(fleet.start(image, extra_run_args=run_args, alone=True))
        return mine[-1]

    yield start
    for host in mine:
        fleet.remove(host)


@pytest.fixture
def new_host(fleet: Fleet) -> Iterator[Callable[[str], SshHost]]:
    """Start hosts of an image for one test alone, which may break them."""
    mine: list[SshHost] = []

    def start(image: str = "debian") -> SshHost:
        mine.append(fleet.start(image))
        return mine[-1]

    yield start
    for host in mine:
        fleet.remove(host)
