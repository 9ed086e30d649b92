# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor finds on this machine and on hosts, and the remedies it names."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from jetpack_core.cli.doctor.findings import Finding, Level, tell
from jetpack_core.cli.doctor.hosts import HostFindings
from jetpack_core.events import HostResult
from jetpack_core.records import Status
from tests.unit.engine.site import Ran, Site

REMOTE = "jet_connection: ssh\njet_ssh_hostname: 127.0.0.1\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return Site(tmp_path)


def told(ran: Ran) -> dict[str, dict[str, str]]:
    """Return the findings by what they say."""
    return {one["what"]: one for one in json.loads(ran.out)}


def examined(site: Site, *arguments: str, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    ran = site.run("doctor", "-i", "inventory", "--json", *arguments, **environment)
    return ran.code, told(ran)


def containing(findings: Mapping[str, dict[str, str]], text: str) -> dict[str, str]:
    (found,) = (one for what, one in findings.items() if text in what)
    return found


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port at which nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_all_is_fine_where_all_is_fine(site: Site) -> None:
    code, findings = examined(site)
    assert code == 0
    assert {one["level"] for one in findings.values()} == {"fine"}
    assert containing(findings, "logged in as")["subject"] == "a"


def test_a_host_that_cannot_be_reached_is_bad(site: Site, deaf: int) -> None:
    site.write("inventory/host_vars/a", f"{REMOTE}jet_ssh_port: {deaf}\n")
    code, findings = examined(site)
    assert code == 2
    refused = containing(findings, "refused the connection")
    assert (refused["subject"], refused["level"], refused["remedy"] != "") == ("a", "bad", True)


def test_limits_hold(site: Site, deaf: int) -> None:
    site.write("inventory/groups/web", "hosts: [a, b]\n")
    site.write("inventory/host_vars/b", f"{REMOTE}jet_ssh_port: {deaf}\n")
    assert examined(site, "--limit-hosts", "a")[0] == 0


def test_sudo_is_tried_where_it_is_wanted(site: Site) -> None:
    nobody = examined(site, "--sudo", "no-such-user")
    found = containing(nobody[1], "becoming no-such-user fails")
    assert (nobody[0], found["level"], "sudoers" in found["remedy"] or found["remedy"] != "") == (2, "bad", True)


def test_the_user_that_plays_become_is_the_one_that_is_tried(site: Site) -> None:
    site.write("site.yml", "- {name: p, groups: [web], sudo: no-such-user, tasks: [!facts {}]}\n")
    _, findings = examined(site, "-p", "site.yml")
    assert containing(findings, "becoming no-such-user fails")


def test_without_an_inventory_only_this_machine_is_looked_at(site: Site) -> None:
    ran = site.run("doctor")
    assert ran.code == 0
    assert "no inventory" in ran.out
    assert "Hosts" not in ran.out


def test_a_plugin_that_is_missing_is_named_with_the_command_that_brings_it(site: Site) -> None:
    site.write(".jetpack.yml", "inventory: [inventory]\nplugins: [jetpack-plugin-missing>=2]\n")
    ran = site.run("doctor")
    assert ran.code == 1
    assert "jetpack-plugin-missing is not installed" in ran.out
    assert "do: run: pip install" in ran.out


def key(site: Site, name: str = "id_ed25519", passphrase: str = "") -> Path:
    path = site.folder / "home" / ".ssh" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture
def remote(site: Site, deaf: int) -> Site:
    if shutil.which("ssh-keygen") is None or shutil.which("ssh-agent") is None:
        pytest.skip("there is no OpenSSH client")
    site.write("inventory/host_vars/a", f"{REMOTE}jet_ssh_port: {deaf}\n")
    return site


def test_no_key_at_all_is_told_with_how_to_make_one(remote: Site) -> None:
    _, findings = examined(remote)
    assert "ssh-keygen" in containing(findings, "there is no SSH key")["remedy"]
    assert "--accept-new-host-keys" in containing(findings, "no host's key is known")["remedy"]


def test_keys_are_looked_at(remote: Site) -> None:
    path = key(remote)
    assert containing(examined(remote)[1], "can be used")["level"] == "fine"
    path.chmod(0o644)
    exposed = containing(examined(remote)[1], "others may read it")
    assert exposed["remedy"] == f"chmod 600 {path}"
    path.chmod(0o600)
    path.write_text("nonsense\n")
    assert containing(examined(remote)[1], "not a usable private key")["level"] == "bad"


def test_a_key_with_a_passphrase_needs_an_agent(remote: Site) -> None:
    path = key(remote, passphrase="open sesame")
    code, findings = examined(remote)
    assert code == 1
    assert "ssh-add" in containing(findings, "every key needs a passphrase")["remedy"]
    where = remote.folder / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.DEVNULL)
    try:
        other = key(remote, "other")
        environment = {**os.environ, "SSH_AUTH_SOCK": str(where)}
        subprocess.run(["ssh-add", "-q", str(other)], check=True, env=environment, timeout=30)
        code, findings = examined(remote, SSH_AUTH_SOCK=str(where))
        assert containing(findings, "the SSH agent has 1 key")["level"] == "fine"
        assert not any("every key needs" in what for what in findings)
        assert code == 2
    finally:
        agent.kill()
        agent.wait()
    assert path.exists()


def test_an_agent_that_does_not_answer_is_told(remote: Site) -> None:
    _, findings = examined(remote, SSH_AUTH_SOCK=str(remote.folder / "nowhere"))
    assert "ssh-agent" in containing(findings, "does not answer")["remedy"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"jet_python_version": None}, "no Python that Jetpack can use"),
        ({"jet_python_version": "3.5.3"}, "no Python that Jetpack can use"),
        ({"jet_date_time": "2026-01-31T12:05:00+0000"}, "its clock is 300 s ahead"),
        ({"jet_date_time": "2026-01-31T13:55:00+0200"}, "its clock is 300 s behind"),
        ({"jet_mounts": [{"path": "/", "available_mb": 9000}, {"path": "/tmp", "available_mb": 12}]}, "12 MiB left"),
    ],
)
def test_what_facts_tell_of_a_host(facts: dict[str, Any], said: str) -> None:
    noon = 1769860800.0
    well = {
        "jet_os_name": "Debian",
        "jet_user_name": "ops",
        "jet_python_version": "3.11.2",
        "jet_date_time": "2026-01-31T12:00:10+0000",
        "jet_mounts": [{"path": "/", "available_mb": 9000}],
    }
    found: list[str] = []
    for result in (well, {**well, **facts}):
        view = HostFindings(None)
        view.handle(
            HostResult(play="look", host="a", task="t", module="facts", status=Status.PASSIVE, result=result, time=noon)
        )
        found = [one.what for one in view.findings if one.level is not Level.FINE]
        assert found == [] or result is not well
    assert any(said in what for what in found)


def test_an_inventory_that_cannot_be_read_is_a_finding_beside_the_others(site: Site) -> None:
    site.write("inventory/group_vars/web", "x: [\n")
    code, findings = examined(site)
    assert code == 1
    assert containing(findings, "the inventory cannot be read: ")["level"] == "bad"
    assert containing(findings, "on Python")["level"] == "fine"


def test_a_guest_that_is_not_there_is_told_with_how_it_is_made(site: Site, deaf: int) -> None:
    site.write("inventory/host_vars/a", f"{REMOTE}jet_ssh_port: {deaf}\nprovision: {{type: libvirt, image: x}}\n")
    _, findings = examined(site)
    found = containing(findings, "refused")
    assert "if it was not made yet: jetpack provision" in found["remedy"]
    assert not found["what"].startswith("a: ")


def test_hosts_are_told_in_the_order_people_count(site: Site) -> None:
    names = ", ".join(f"h{number}" for number in range(1, 13))
    site.write("inventory/groups/web", f"hosts: [{names}]\n")
    ran = site.run("doctor", "-i", "inventory")
    assert "h{1..12}: " in ran.out


def test_what_hosts_say_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell([Finding("a\x1b[2J", Level.BAD, "b\x1b]0;owned\x07\nfine", "c\x1b[31m")])
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "b^[]0;owned^G\\nfine" in told


def test_keys_of_hosts_are_no_note_where_they_are_accepted_now(remote: Site) -> None:
    _, strict = examined(remote)
    assert containing(strict, "no host's key is known yet")
    _, findings = examined(remote, "--accept-new-host-keys")
    assert not [what for what in findings if "no host's key is known yet" in what]


def test_the_hosts_that_failed_last_can_be_looked_at(site: Site) -> None:
    site.write("inventory/groups/web", "hosts: [a, b, c]\n")
    site.write(".jetpack.yml", "playbook: site.yml\ninventory: inventory\n")
    text = '- {name: p, groups: [web], tasks: [!command {cmd: [test, "{{ inventory_hostname }}", "!=", b]}]}\n'
    assert site.apply(text).code == 2
    ran = site.run("doctor", "--json", "--limit-hosts", "@last-failed")
    assert {one["subject"] for one in json.loads(ran.out)} == {"control machine", "b"}


@pytest.mark.parametrize("words", [("run", "web", "facts"), ("provision",)])
def test_where_no_playbook_runs_nothing_can_have_failed_last(site: Site, words: tuple[str, ...]) -> None:
    ran = site.run(*words, "-i", "inventory", "--limit-hosts", "@last-failed")
    assert ran.code == 1
    assert "goes by the last run of playbooks, and this verb takes none" in ran.err
