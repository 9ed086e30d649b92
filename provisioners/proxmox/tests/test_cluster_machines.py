# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines of the test cluster live as real ones do: made, changed, grown, copied and taken away."""

from __future__ import annotations

import re
from urllib.parse import quote

from provisioners.proxmox.tests.cluster import Cluster
from provisioners.proxmox.tests.cluster.raw import RawClient
from provisioners.proxmox.tests.guest_calls import QEMU, config, create_machine, refusal

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHSlctoV10JQeL1VmJt2xfU2CCL3spQGeQD5S1iqixil me@here"


def test_a_new_machine_is_stored_as_the_real_one_stores_it(client: RawClient) -> None:
    keys = quote(KEY, safe="")
    create_machine(client, sshkeys=keys, cipassword="hidden", ipconfig0="ip=dhcp", memory=2048, description="one")
    shown = config(client, f"{QEMU}/100")
    assert re.fullmatch(r"virtio=BC:24:11(:[0-9A-F]{2}){3},bridge=vmbr0,tag=20", shown["net0"])
    assert shown["scsi0"] == "local-lvm:vm-100-disk-0,size=3G"
    assert shown["ide2"] == "local-lvm:vm-100-cloudinit,media=cdrom,size=4M"
    assert (shown["sshkeys"], shown["cipassword"]) == (keys, "**********")
    assert (shown["memory"], shown["description"]) == ("2048", "one")
    assert {"smbios1", "vmgenid", "meta", "digest"} <= set(shown)


def test_a_disk_is_imported_only_from_what_is_there(client: RawClient) -> None:
    values = {"vmid": 100, "scsi0": "local-lvm:0,import-from=local:import/none.qcow2"}
    said = "volume 'local:import/none.qcow2' does not exist"
    assert refusal(client.call("POST", QEMU, values)) == (500, said)
    assert client.cluster.guests == {}


def test_the_agent_answers_when_it_is_wanted_and_up(cluster: Cluster, client: RawClient) -> None:
    create_machine(client, ipconfig0="ip=10.9.8.7/24")
    create_machine(client, 101, agent="enabled=0")
    path = f"{QEMU}/100/agent/network-get-interfaces"
    assert refusal(client.call("GET", path)) == (500, "VM 100 is not running")
    said = "No QEMU guest agent configured"
    assert refusal(client.call("POST", f"{QEMU}/101/agent/ping")) == (500, said)
    cluster.change_settings(boot_seconds=600.0)
    client.do("POST", f"{QEMU}/100/status/start")
    assert refusal(client.call("GET", path)) == (500, "QEMU guest agent is not running")
    cluster.change_settings(boot_seconds=0.0)
    card = client.get(path)["result"][1]
    assert {"ip-address": "10.9.8.7", "prefix": 24, "ip-address-type": "ipv4"} in card["ip-addresses"]
    began = client.call("POST", f"{QEMU}/100/agent/exec", command=["sh", "-c", "true"])
    assert client.get(f"{QEMU}/100/agent/exec-status", pid=began.data["pid"])["exited"] in {0, 1}
    assert client.call("GET", f"{QEMU}/100/agent/exec-status", pid=1).status == 500
    cluster.change_guest(100, agent_works=False)
    assert refusal(client.call("GET", path)) == (500, "QEMU guest agent is not running")


def test_machines_refuse_in_their_own_words(client: RawClient) -> None:
    create_machine(client)
    client.do("POST", f"{QEMU}/100/status/start")
    assert refusal(client.call("DELETE", f"{QEMU}/100")) == (500, "VM 100 is running - destroy failed")
    resize = f"{QEMU}/100/resize"
    said = "shrinking disks is not supported"
    assert refusal(client.call("PUT", resize, disk="scsi0", size="1G")) == (500, said)
    client.do("PUT", resize, disk="scsi0", size="3G")
    client.do("PUT", resize, disk="scsi0", size="10G")
    assert config(client, f"{QEMU}/100")["scsi0"] == "local-lvm:vm-100-disk-0,size=10G"
    client.do("POST", f"{QEMU}/100/status/stop")
    client.do("POST", f"{QEMU}/100/status/stop")
    client.do("DELETE", f"{QEMU}/100")


def test_7_4_grows_a_machines_disk_at_once() -> None:
    with Cluster(version="7.4.16") as old:
        client = RawClient.by_token(old)
        create_machine(client)
        assert client.call("PUT", f"{QEMU}/100/resize", disk="scsi0", size="4G").data is None
        assert config(client, f"{QEMU}/100")["scsi0"] == "local-lvm:vm-100-disk-0,size=4G"


def test_a_running_machine_waits_with_most_changes(client: RawClient) -> None:
    create_machine(client, cores=1)
    client.do("POST", f"{QEMU}/100/status/start")
    assert client.call("PUT", f"{QEMU}/100/config", cores=2, tags="b a").status == 200
    current = client.get(f"{QEMU}/100/config", current=1)
    assert (current["cores"], current["tags"]) == (1, "a;b")
    client.do("POST", f"{QEMU}/100/config", cores=4)
    assert config(client, f"{QEMU}/100")["cores"] == 4
    client.do("POST", f"{QEMU}/100/status/reboot")
    assert client.get(f"{QEMU}/100/config", current=1)["cores"] == 4


def test_templates_are_copied_whole_or_linked(client: RawClient) -> None:
    create_machine(client, 9000, name="debian")
    said = "Linked clone feature for 'local-lvm:vm-9000-disk-0' is not available"
    copying = f"{QEMU}/9000/clone"
    assert refusal(client.call("POST", copying, newid=100, full=0)) == (500, said)
    client.do("POST", f"{QEMU}/9000/template")
    assert config(client, f"{QEMU}/9000")["scsi0"] == "local-lvm:base-9000-disk-0,size=3G"
    client.do("POST", copying, newid=100, name="linked")
    client.do("POST", copying, newid=101, name="whole", full=1, storage="shared", format="qcow2")
    linked, whole = config(client, f"{QEMU}/100"), config(client, f"{QEMU}/101")
    assert (linked["name"], linked["scsi0"]) == ("linked", "local-lvm:vm-100-disk-0,size=3G")
    assert (whole["name"], whole["scsi0"]) == ("whole", "shared:101/vm-101-disk-0.qcow2,size=3G")
    assert len({shown["net0"] for shown in (linked, whole, config(client, f"{QEMU}/9000"))}) == 3
    said = "base volume 'local-lvm:base-9000-disk-0' is still in use by linked cloned"
    assert refusal(client.call("DELETE", f"{QEMU}/9000")) == (500, said)
    said = "unable to create VM 100: config file already exists"
    assert refusal(client.call("POST", copying, newid=100)) == (500, said)
    said = "parameter 'storage' not allowed for linked clones"
    assert refusal(client.call("POST", copying, newid=102, storage="shared")) == (500, said)
    assert refusal(client.call("POST", f"{QEMU}/9000/status/start")) == (500, "you can't start a vm if it's a template")
