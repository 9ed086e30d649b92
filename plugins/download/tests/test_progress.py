# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a download is: as the client says it, and as a run shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jetpack_plugin_download.reporting import Reporter

from jetpack_core.events import HostProgress
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.playbooks import PlaybookRunner
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Fault, Site

BODY = bytes(2 << 20)


def test_a_slow_download_says_how_far_it_is(site: Site, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", BODY, faults=[Fault(pause=2.5)])
    host.converge(download(via=via))
    assert host.reported
    assert all(total == len(BODY) for _, total in host.reported)
    assert all(0 < done <= len(BODY) for done, _ in host.reported)


def test_a_run_sends_it_as_events(site: Site, run_playbook: PlaybookRunner, tmp_path: Path, via: str) -> None:
    site.put("/file", BODY, faults=[Fault(pause=2.5)])
    task = {"url": site.url("/file"), "dest": str(tmp_path / "f"), "via": via}
    run = run_playbook(f"- name: p\n  groups: [all]\n  tasks:\n    - !download {json.dumps(task)}\n")
    found = run.of(HostProgress)
    assert found
    assert {(event.host, event.total) for event in found} == {("localhost", len(BODY))}


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ([b"5 of 10 bytes\n"], [(5, 10)]),
        ([b"5 of ", b"10 bytes\n7 of ? by", b"tes\n"], [(5, 10), (7, None)]),
        ([b"something else\n\xff\n"], []),
        ([b"9" * 5000 + b" of 9 bytes\n"], []),
    ],
)
def test_only_what_the_client_says_counts(
    host: TestHost, printed: list[bytes], told: list[tuple[int, int | None]]
) -> None:
    reporter = Reporter(host)
    for part in printed:
        reporter.listen("stderr", part)
    reporter.listen("stdout", b"1 of 2 bytes\n")
    assert host.reported == told
