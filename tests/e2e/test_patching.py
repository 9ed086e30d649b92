# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of the guide to patching, on two real hosts: in batches, with a restart only where one is needed."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject
from tests.integration.conftest import lasting_host  # noqa: F401 - a fixture
from tests.integration.fleet.engine import docker
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh, pytest.mark.slow]

TOP = Path(__file__).parents[2]
PREPARE = (TOP / "tests" / "integration" / "packages" / "debs.sh").read_bytes()
# A package of the security repository that wants a restart, and what stands in for shutdown(8) in a container.
MORE = """
set -e
build() {
    mkdir -p /tmp/tree/DEBIAN
    printf 'Package: jet-core\\nVersion: %s\\nArchitecture: all\\nMaintainer: T <t@x>\\nDescription: x\\n' "$1" \
        >/tmp/tree/DEBIAN/control
    printf '#!/bin/sh\\n%s\\n' "$3" >/tmp/tree/DEBIAN/postinst
    chmod -R 755 /tmp/tree
    dpkg-deb --root-owner-group --build /tmp/tree "/srv/apt/$2/jet-core_$1_all.deb" >/dev/null
    rm -rf /tmp/tree
}
build 1.0 main true
build 1.1 security 'touch /run/reboot-required'
for repository in main security; do
    cd "/srv/apt/$repository"
    apt-ftparchive packages . >Packages
    suite=$(sed -n 's/^Suite: //p' Release) label=$(sed -n 's/^Label: //p' Release)
    apt-ftparchive -o "APT::FTPArchive::Release::Suite=$suite" -o "APT::FTPArchive::Release::Label=$label" \
        release . >/tmp/Release
    mv /tmp/Release Release
done
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get -y -qq --allow-downgrades install $INSTALL >/dev/null 2>&1
rm -rf /var/lib/apt/lists/*
touch -d '2 hours ago' /var/lib/apt/lists
printf '#!/bin/sh\\nrm -f /run/reboot-required; touch /var/asked\\n' >/usr/local/sbin/shutdown
chmod 755 /usr/local/sbin/shutdown
"""


def restarted_when_asked(machine: SshHost, over: threading.Event) -> None:
    """Restart a host once it asked for that, as its firmware would."""
    while not over.is_set():
        if machine.exists("/var/asked"):
            machine.shell("rm /var/asked")
            docker("restart", "--time", "0", machine.container)
            return
        time.sleep(0.2)


def started(machine: SshHost) -> str:
    return docker("inspect", "--format", "{{.State.StartedAt}}", machine.container)


def test_the_example_patches_two_hosts(project: MakeProject, lasting_host: Callable[..., SshHost]) -> None:  # noqa: F811
    hosts = [lasting_host("packages"), lasting_host("packages")]
    wanted = ("jet-lib=1.0 jet-core=1.0", "jet-lib=1.0")
    for host, packages in zip(hosts, wanted, strict=True):
        host.exec(["sh", "-s"], stdin=PREPARE)
        host.shell(f"INSTALL='{packages}'; {MORE}")
    before = [started(host) for host in hosts]
    run = project(hosts)
    shutil.copy(TOP / "examples" / "patching" / "site.yml", run.folder / "site.yml")
    (run.folder / "inventory" / "groups" / "servers").write_text(json.dumps({"hosts": [host.name for host in hosts]}))

    planned = run.run("plan", "--json")
    assert planned.code == 0, planned.out + planned.err
    assert hosts[0].shell("dpkg-query -W -f '${Version} ' jet-lib jet-core") == "1.0 1.0 "
    told = {(task, host): status for task, host, status in planned.results("task", "host", "status")}
    assert {told["install what is new", host.name] for host in hosts} == {"modified"}
    assert {told["restart where packages wait for it", host.name] for host in hosts} == {"unknown"}

    over = threading.Event()
    firmware = [threading.Thread(target=restarted_when_asked, args=(host, over)) for host in hosts]
    for thread in firmware:
        thread.start()
    try:
        applied = run.run("apply", "--json")
    finally:
        over.set()
        for thread in firmware:
            thread.join()
    assert applied.code == 0, applied.out + applied.err
    told = {(task, host): status for task, host, status in applied.results("task", "host", "status")}
    assert told["restart where packages wait for it", hosts[0].name] == "executed"
    assert told["restart where packages wait for it", hosts[1].name] == "skipped"
    assert [started(host) != then for host, then in zip(hosts, before, strict=True)] == [True, False]
    # One batch is through before the next one begins.
    order = [str(event["host"]) for event in applied.events if event["event"] == "host_result"]
    assert order == sorted(order, key=[host.name for host in hosts].index)
    assert hosts[0].shell("dpkg-query -W -f '${Version} ' jet-lib jet-core") == "1.1 1.5 "

    again = run.run("apply", "--json")
    assert again.statuses() <= {"matched", "passive", "skipped"}, again.out
