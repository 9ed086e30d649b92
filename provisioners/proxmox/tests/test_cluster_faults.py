# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, latency and changes behind the API's back, as tests ask the test cluster for them."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from provisioners.proxmox.tests.cluster import DEBIAN_TEMPLATE, Cluster, ClusterError
from provisioners.proxmox.tests.cluster.raw import RawAnswer, RawClient

LXC = "/nodes/pve1/lxc"
PATIENCE = 30.0


def create(client: RawClient, vmid: int = 100) -> RawAnswer:
    values = {"vmid": vmid, "ostemplate": f"local:vztmpl/{DEBIAN_TEMPLATE}", "rootfs": "local-lvm:1"}
    return client.call("POST", LXC, values)


def test_a_call_fails_as_told_and_then_no_more(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("GET", "/version", status=596, message="Connection timed out")
    answer = client.call("GET", "/version")
    assert (answer.status, answer.reason) == (596, "Connection timed out")
    assert client.call("GET", "/version").status == 200


def test_errors_of_parameters_can_be_told(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("GET", "/nodes/*/tasks/*/status", status=400, errors={"upid": "no such task"})
    assert client.call("GET", "/nodes/pve1/tasks/UPID/status").errors == {"upid": "no such task"}


def test_later_calls_fail_as_counted(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("*", "/**", skip=1, times=2)
    seen = [client.call("GET", path).status for path in ("/version", "/nodes", "/version", "/nodes")]
    assert seen == [200, 500, 500, 200]


def test_faults_that_are_forgotten_do_not_happen(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("GET", "/version", times=-1)
    assert client.call("GET", "/version").status == 500
    cluster.clear_faults()
    assert client.call("GET", "/version").status == 200


def test_a_connection_dropped_before_a_call_leaves_nothing(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("POST", LXC, drop="before")
    with pytest.raises((http.client.HTTPException, OSError)):
        create(client)
    assert cluster.guests == {}


def test_a_connection_dropped_after_a_call_hides_what_it_did(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_next("POST", LXC, drop="after")
    with pytest.raises((http.client.HTTPException, OSError)):
        create(client)
    assert list(cluster.guests) == [100]


def test_a_task_fails_with_its_log_and_leaves_nothing(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_task("vzcreate", "unable to extract\narchive", log=["tar: short read"])
    answer = create(client)
    assert client.finish(answer) == "unable to extract archive"
    log = client.get(f"/nodes/pve1/tasks/{quote(answer.data, safe='')}/log")
    assert [line["t"] for line in log] == ["tar: short read", "TASK ERROR: unable to extract archive"]
    assert cluster.guests == {}
    assert client.finish(create(client)) == "OK"


def test_a_failed_task_may_leave_its_remains(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_task("vzcreate", leave_remains=True)
    assert client.finish(create(client)) == "injected fault"
    assert cluster.guests[100]["config"]["lock"] == "create"


def test_a_task_that_only_warns_does_its_work(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_task("vzcreate", "WARNINGS: 1", log=["WARN: old template"])
    assert client.finish(create(client)) == "WARNINGS: 1"
    assert "lock" not in cluster.guests[100]["config"]


def test_tasks_of_one_guest_are_told_from_others(cluster: Cluster, client: RawClient) -> None:
    cluster.fail_task("vzcreate", vmid=101)
    assert client.finish(create(client, 100)) == "OK"
    assert client.finish(create(client, 101)) == "injected fault"


def test_calls_can_be_slow(cluster: Cluster, client: RawClient) -> None:
    cluster.change_settings(latency=0.5)
    began = time.monotonic()
    assert client.call("GET", "/version").status == 200
    assert time.monotonic() - began >= 0.5


def test_every_call_is_recorded_with_its_answer(cluster: Cluster, client: RawClient) -> None:
    client.call("GET", "/cluster/resources", type="vm")
    client.call("POST", "/pools", poolid="no pool")
    listed, refused = cluster.calls
    assert (listed.method, listed.path, listed.parameters) == ("GET", "/cluster/resources", {"type": "vm"})
    assert (listed.status, listed.data, listed.who) == (200, [], "root@pam!jetpack")
    assert (refused.status, refused.errors) == (
        400,
        {"poolid": "invalid format - pool name 'no pool' contains invalid characters"},
    )


def test_guests_are_changed_by_hand(cluster: Cluster, client: RawClient) -> None:
    cluster.add_guest(150, hostname="stranger", memory="64", cores="1")
    cluster.change_guest(150, config={"memory": "128", "cores": None}, running=True)
    shown = client.get(f"{LXC}/150/config")
    assert (shown["memory"], shown["rootfs"]) == (128, "local-lvm:vm-150-disk-0,size=8G")
    assert "cores" not in shown
    assert client.get(f"{LXC}/150/status/current")["status"] == "running"
    cluster.remove_guest(150)
    assert cluster.guests == {}


def test_the_controls_are_the_owners(cluster: Cluster) -> None:
    answer = RawClient(cluster).send("POST", "/control/guests", b"{}", {})
    assert answer.status == 403
    with pytest.raises(ClusterError, match="no_such_thing"):
        cluster.control("no_such_thing")
    with pytest.raises(ClusterError, match="no_such_setting"):
        cluster.change_settings(no_such_setting=1)


def test_the_server_ends_with_the_test_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "starts.py"
    script.write_text(
        "import os, sys, time\n"
        "from provisioners.proxmox.tests.cluster import Cluster\n"
        "cluster = Cluster().__enter__()\n"
        "print(cluster._process.pid, cluster.ca_file, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, str(script)], cwd=root, env=environment, stdout=subprocess.PIPE, text=True
    ) as test:
        assert test.stdout is not None
        number, ca_file = test.stdout.readline().split()
        assert Path(ca_file).is_file()
        test.send_signal(signal.SIGKILL)
        test.wait()
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{number}").exists() or Path(ca_file).exists():
        assert time.monotonic() < deadline, "the server outlived its test"
        time.sleep(0.1)
