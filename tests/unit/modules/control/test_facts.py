# SPDX-License-Identifier: GPL-3.0-or-later
"""facts: one round trip with any POSIX shell, and parsing that no odd host can break."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.control.facts import Facts, facts_from, gathering_script
from jetpack_core.modules.control.facts_parsing.hardware import mounts, virtualization_of
from jetpack_core.modules.control.facts_parsing.names import FACTS
from jetpack_core.modules.control.facts_parsing.network import network_facts
from jetpack_core.modules.control.facts_parsing.sections import split_sections
from jetpack_core.modules.control.facts_parsing.system import flavor, os_release, system_facts
from jetpack_core.records import CommandResult, PlanKind
from jetpack_core.testing.scripted import ScriptedConnection
from tests.unit.modules.control.driving import Here

DOCS = Path(__file__).parents[4] / "docs" / "reference" / "facts.md"

RELEASES = {
    "Debian": [
        'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"',
        "ID=ubuntu\nID_LIKE=debian\nVERSION_ID='24.04'",
        'ID=linuxmint\nID_LIKE="ubuntu debian"',
        "ID=raspbian\nID_LIKE=debian",
    ],
    "EL": [
        'ID="rhel"\nID_LIKE="fedora"',
        'ID="rocky"\nID_LIKE="rhel centos fedora"',
        "ID=fedora",
        'ID="amzn"\nID_LIKE="fedora"',
        'ID="ol"\nID_LIKE="fedora"',
        'ID="cloudlinux"\nID_LIKE="rhel fedora centos"',
    ],
    "SUSE": [
        'ID="sles"\nID_LIKE="suse"',
        'ID="opensuse-leap"\nID_LIKE="suse opensuse"',
        'ID="opensuse-tumbleweed"',
    ],
    "Arch": ["ID=arch", "ID=manjaro\nID_LIKE=arch", "ID=archarm\nID_LIKE=arch"],
    "Alpine": ['NAME="Alpine Linux"\nID=alpine'],
    "Gentoo": ["ID=gentoo"],
    "Unknown": ["", "ID=something\nID_LIKE=else", "garbage", 'ID="'],
}


@pytest.mark.parametrize(("family", "text"), [(family, text) for family in RELEASES for text in RELEASES[family]])
def test_flavor_comes_from_id_and_what_it_is_like(family: str, text: str) -> None:
    assert flavor("Linux", os_release(text)) == family


def test_flavor_elsewhere_is_the_system() -> None:
    assert (flavor("MacOS", {}), flavor("FreeBSD", {"ID": "freebsd"})) == ("OSX", "FreeBSD")


def test_release_values_lose_their_quotes_and_escapes() -> None:
    text = '# comment\nA=plain\nB="two words"\nC=\'it is\'\nD="a \\"b\\" \\$c"\nE=\nF\ng=small\nH="open'
    assert os_release(text) == {
        "A": "plain",
        "B": "two words",
        "C": "it is",
        "D": 'a "b" $c',
        "E": "",
        "H": '"open',
    }


def test_system_of_a_debian_host() -> None:
    facts = system_facts(
        {
            "uname": "Linux\nweb1.example.com\n6.1.0-18-amd64\n#1 SMP Debian 6.1.76\nx86_64",
            "os-release": RELEASES["Debian"][0],
            "fqdn": "web1.example.com",
            "user": "deploy\n1000\n/home/deploy",
            "users": "root:x:0:0:root:/root:/bin/bash\n# odd\n+::::::\nbroken:x:1\n"
            "deploy:x:1000:1000:,,,:/home/deploy:/bin/sh",
            "python": "/usr/bin/python3\nPython 3.11.2",
            "init": "systemd\nsystemd",
            "package-managers": "apt-get\ndnf",
            "selinux": "none",
            "reboot-required": "yes",
        }
    )
    assert facts["jet_users"] == {
        "root": {"uid": 0, "gid": 0, "home": "/root", "shell": "/bin/bash"},
        "deploy": {"uid": 1000, "gid": 1000, "home": "/home/deploy", "shell": "/bin/sh"},
    }
    del facts["jet_users"]
    assert facts == {
        "jet_os_type": "Linux",
        "jet_os_flavor": "Debian",
        "jet_os_name": "Debian GNU/Linux 12 (bookworm)",
        "jet_os_version": "12",
        "jet_os_release_id": "debian",
        "jet_os_release_pretty_name": "Debian GNU/Linux 12 (bookworm)",
        "jet_os_release_version_id": "12",
        "jet_arch": "x86_64",
        "jet_kernel": "6.1.0-18-amd64",
        "jet_kernel_version": "#1 SMP Debian 6.1.76",
        "jet_hostname": "web1",
        "jet_fqdn": "web1.example.com",
        "jet_python": "/usr/bin/python3",
        "jet_python_version": "3.11.2",
        "jet_init": "systemd",
        "jet_package_manager": "apt",
        "jet_user_name": "deploy",
        "jet_user_uid": 1000,
        "jet_user_home": "/home/deploy",
        "jet_selinux": "disabled",
        "jet_reboot_required": True,
    }


def test_system_of_a_mac() -> None:
    said = {
        "uname": "Darwin\nmini.local\n23.4.0\nDarwin Kernel\narm64",
        "macos": "ProductName:\t\tmacOS\nProductVersion:\t\t14.4\nBuildVersion:\t\t23E214",
        "package-managers": "brew",
        "reboot-required": "",
    }
    facts = system_facts(said)
    told = {name: facts[f"jet_{name}"] for name in ("os_type", "os_flavor", "os_version", "init", "package_manager")}
    assert told == {
        "os_type": "MacOS",
        "os_flavor": "OSX",
        "os_version": "14.4",
        "init": "launchd",
        "package_manager": "homebrew",
    }


@pytest.mark.parametrize(
    ("family", "said", "required"),
    [("ID=debian", "yes", True), ("ID=debian", "", False), ("ID=fedora", "", None), ("", "", None)],
)
def test_restart_is_claimed_only_where_it_can_be_known(family: str, said: str, required: bool | None) -> None:
    facts = system_facts({"uname": "Linux", "os-release": family, "reboot-required": said})
    assert facts["jet_reboot_required"] is required


IP = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever
2: eth0@if7    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever
2: eth0    inet 192.0.2.11/24 scope global secondary eth0:1\\
2: eth0    inet6 2001:db8::10/64 scope global \\
2: eth0    inet6 fe80::1/64 scope link \\
3: wg0    inet 10.9.0.1 peer 10.9.0.2/32 scope global wg0
"""
BUSYBOX_IFCONFIG = """\
eth0      Link encap:Ethernet  HWaddr 02:42:AC:11:00:02
          inet addr:192.0.2.10  Bcast:192.0.2.255  Mask:255.255.255.0
          inet6 addr: 2001:db8::10/64 Scope:Global
          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1

lo        Link encap:Local Loopback
          inet addr:127.0.0.1  Mask:255.0.0.0
"""
BSD_IFCONFIG = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x1
eth0: flags=8863<UP,BROADCAST> mtu 1500
\tether 02:42:ac:11:00:02
\tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255
\tinet6 2001:db8::10 prefixlen 64 autoconf
"""
PROC = """\
20010db8000000000000000000000010 02 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
           |-- 127.0.0.1
              /32 host LOCAL
--
           |-- 192.0.2.10
              /32 host LOCAL
"""
ROUTES = """\
wlan0 00000000 010200C0 0003 0 0 600 00000000 0 0 0
eth0  00000000 010200C0 0003 0 0 100 00000000 0 0 0
"""
ROUTES6 = (
    f"{'0' * 32} 00 {'0' * 32} 00 20010db8{'0' * 23}1 00000400 00000002 00000000 00000003     eth0\n"
    f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo"
)


@pytest.mark.parametrize("addresses", [IP, BUSYBOX_IFCONFIG, BSD_IFCONFIG, PROC])
def test_addresses_are_read_from_whatever_tool_there_is(addresses: str) -> None:
    facts = network_facts({"addresses": addresses, "routes": ROUTES, "routes6": ROUTES6})
    ipv4 = facts["jet_ipv4_addresses"]
    assert isinstance(ipv4, list)
    assert ipv4[0] == "192.0.2.10"
    assert "127.0.0.1" not in ipv4
    assert facts["jet_ipv6_addresses"] == ["2001:db8::10"]
    assert facts["jet_default_ipv4"] == {"address": "192.0.2.10", "interface": "eth0", "gateway": "192.0.2.1"}
    assert facts["jet_default_ipv6"] == {"address": "2001:db8::10", "interface": "eth0", "gateway": "2001:db8::1"}


def test_interfaces_hold_all_their_addresses() -> None:
    links = "/sys/class/net/eth0/address:02:42:AC:11:00:02\n/sys/class/net/lo/address:00:00:00:00:00:00\nodd"
    interfaces = network_facts({"addresses": IP, "links": links})["jet_interfaces"]
    assert isinstance(interfaces, dict)
    assert interfaces["eth0"] == {
        "mac": "02:42:ac:11:00:02",
        "ipv4": ["192.0.2.10", "192.0.2.11"],
        "ipv6": ["2001:db8::10", "fe80::1"],
    }
    assert interfaces["wg0"] == {"mac": None, "ipv4": ["10.9.0.1"], "ipv6": []}
    assert set(interfaces) == {"lo", "eth0", "wg0"}


def test_host_without_a_way_out_has_no_default() -> None:
    facts = network_facts({"addresses": IP, "routes": "", "routes6": ROUTES6.split("\n")[1]})
    assert (facts["jet_default_ipv4"], facts["jet_default_ipv6"]) == (None, None)


def test_mounts_are_those_that_hold_files_with_their_sizes() -> None:
    found = mounts(
        {
            "mounts": "proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw,relatime 0 0\n"
            "nas:/a\\040b /mnt/a\\040b nfs4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/sdb /run ext4 ro 0 0\nshort",
            "sizes": "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
            "/dev/sda1 10485760 1048576 9437184 10% /\nnas:/a b 2048 1024 1024 50% /mnt/a b\nodd",
        }
    )
    assert [(one["path"], one["device"], one["size_mb"], one["available_mb"]) for one in found] == [
        ("/", "/dev/sda1", 10240, 9216),
        ("/mnt/a b", "nas:/a b", 2, 1),
        ("/run", "/dev/sdb", None, None),
    ]


@pytest.mark.parametrize(
    ("said", "vendor", "expected"),
    [
        ("detected lxc\ncontainer lxc\nflags\nhypervisor", "", "lxc"),
        ("detected kvm\nflags\nhypervisor", "QEMU", "kvm"),
        ("detected none\nflags", "Dell Inc.", "none"),
        ("detected \nflags", "Dell Inc.", "none"),
        ("container docker\nflags\nhypervisor", "", "docker"),
        ("flags\nhypervisor", "VMware, Inc.", "vmware"),
        ("flags\nhypervisor", "", "vm-other"),
        ("flags", "Dell Inc.", "none"),
        ("", "", None),
    ],
)
def test_virtualization_is_told_or_guessed_or_unknown(said: str, vendor: str, expected: str | None) -> None:
    assert virtualization_of({"virtualization": said, "vendor": vendor}) == expected


def test_sections_are_split_at_the_mark_only() -> None:
    said = "banner\n\nM one\na\nMone\n\nM two words\n\nb\n M one\n"
    assert split_sections(said, "M") == {"one": "a\nMone", "two words": "b\n M one"}


def documented(name: str) -> bool:
    return name in FACTS or name.startswith("jet_os_release_")


@given(st.text(alphabet=st.sampled_from('M \n:/=.0aF|-{}"\\\0é²') | st.characters()))
def test_nothing_that_a_host_says_can_break_the_parsing(said: str) -> None:
    headings = re.findall(r"^section ([a-z0-9-]+)$", gathering_script(), re.MULTILINE)
    text = "".join(f"\nM {heading}\n{said}" for heading in [*headings, "local x.json", "facter"])
    facts, _ = facts_from(text, "M", ("facter",))
    assert all(documented(name) for name in facts)
    assert {name for name in FACTS if name not in {"ohai", "jet_os_release_*"}} <= facts.keys()


SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "sh"], ["/bin/sh"]) if shutil.which(shell[0])]


@pytest.mark.parametrize("shell", SHELLS)
def test_script_runs_in_every_shell_and_finds_everything_out(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "plain.json").write_text('{"rack": 7}')
    (tmp_path / "ignored.txt").write_text("{}")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd name.json").write_text("{}")
    executable = tmp_path / "made-up"
    executable.write_text('#!/bin/sh\necho "[\\"$(id -u)\\"]"\n')
    executable.chmod(0o755)
    argv = [*shell, "-c", gathering_script(), "facts", "MARK", str(tmp_path), "", ""]
    ended = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    facts, warnings = facts_from(ended.stdout, "MARK")
    local = facts["jet_local"]
    assert isinstance(local, dict)
    assert (local["plain"], set(local)) == ({"rack": 7}, {"plain", "made_up"})
    assert warnings == ["facts.d/broken.json gave no JSON, so its facts are missing"]
    assert ended.stderr == ""
    for name in ("jet_os_type", "jet_arch", "jet_cpus", "jet_memory_mb", "jet_hostname", "jet_user_name"):
        assert facts[name], name


def test_facts_take_one_round_trip_and_become_variables() -> None:
    host = Here()
    plan = host.plan(Facts())
    (run,) = host.asked
    assert isinstance(run, Run)
    assert (host.frames, run.read_only, plan.kind) == (1, True, PlanKind.PASSIVE)
    assert Facts.sets_variables
    assert plan.outcome.result["jet_os_type"] == "Linux"
    assert "facter" not in plan.outcome.result


def test_programs_that_are_missing_warn_and_fail_nothing() -> None:
    outcome = Here().apply(Facts(facter=True, ohai=True))
    assert (outcome.result["facter"], outcome.result["ohai"]) == ({}, {})
    assert outcome.warnings == (
        "facter is not there or gave no JSON",
        "ohai is not there or gave no JSON",
    )


def test_host_that_says_nothing_at_all_is_a_failure() -> None:
    silent = ScriptedConnection().on(Run, CommandResult(("sh",), 126, "", "permission denied"))
    with pytest.raises(TaskError, match="permission denied"):
        Here(connect=lambda: silent).plan(Facts())


def test_forged_section_stays_text() -> None:
    mark = "f" * 32
    said = f"\n{mark} uname\nLinux\n{'e' * 32} uname\nEvil\n"
    facts, _ = facts_from(said, mark)
    assert facts["jet_os_type"] == "Linux"


def test_reference_page_lists_exactly_the_facts_there_are() -> None:
    rows = re.findall(r"^\| `([a-z_0-9*]+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    assert dict(rows) == FACTS
    assert len(rows) == len(FACTS)
