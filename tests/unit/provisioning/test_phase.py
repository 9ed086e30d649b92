# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are made before plays touch them, seen from the command line."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.provisioning.conftest import Site

ALL = ["a id-a", "b id-b", "c id-c"]


def test_hosts_are_made_and_then_configured(site: Site) -> None:
    first = site("apply", "-p", "site.yml")
    assert first.returncode == 0, first.stderr
    assert site.log == ["create a", "create b", "create c"]
    assert site.done == ALL
    assert "created  a, b, c: shelf: create; memory: 256" in first.stdout
    second = site("apply", "-p", "site.yml")
    assert second.returncode == 0
    assert site.log == ["create a", "create b", "create c"]
    assert "matched  a, b, c" in second.stdout


def test_a_plan_makes_nothing_and_acts_on_the_guests_that_run(site: Site) -> None:
    assert site("provision", "b").returncode == 0
    log = site.log
    plan = site("plan", "-p", "site.yml", "--json")
    assert plan.returncode == 0
    assert site.log == log
    assert site.done == []
    results = [event for event in map(json.loads, plan.stdout.splitlines()) if event["event"] == "host_result"]
    guests = {one["host"]: one["status"] for one in results if one["play"] == "provisioning"}
    assert guests == {"a": "created", "b": "matched", "c": "created"}
    assert {one["host"] for one in results if one["play"] == "site"} == {"b"}
    said = [event["msg"] for event in map(json.loads, plan.stdout.splitlines()) if event["event"] == "warning"]
    assert said == ["the play 'site' is not planned for a, c: not there to look at yet"]
    assert all(one["planned"] for one in results)


def test_a_change_is_made_in_place_and_shown_field_by_field(site: Site) -> None:
    site("provision")
    plan = site("provision", "--plan", "-e", "provision.memory=512")
    assert "would modify  a, b, c: shelf: update; memory: 256 -> 512" in plan.stdout
    assert site.guest("a")["memory"] == 256  # type: ignore[index]
    assert site("provision", "-e", "provision.memory=512").returncode == 0
    assert site.guest("a")["memory"] == 512  # type: ignore[index]


def test_a_guest_that_was_stopped_is_started_and_takes_part(site: Site) -> None:
    site("provision")
    assert site("provision", "b", "-e", "provision.state=stopped").returncode == 0
    assert site.guest("b")["running"] is False  # type: ignore[index]
    applied = site("apply", "-p", "site.yml")
    assert "modified  b: shelf: start" in applied.stdout
    assert site.done == ALL


def test_hosts_stopped_by_intent_leave_the_plays_and_are_no_failure(site: Site) -> None:
    site.write("inventory/host_vars/b", "provision: {state: stopped}\n")
    applied = site("apply", "-p", "site.yml")
    assert applied.returncode == 0, applied.stdout
    assert site.done == ["a id-a", "c id-c"]
    assert site.guest("b")["running"] is False  # type: ignore[index]
    assert site("apply", "-p", "site.yml").returncode == 0
    assert site.log.count("stop b") == 1


def test_a_new_guest_that_is_not_to_be_started_stays_as_it_is(site: Site) -> None:
    site.write("inventory/host_vars/b", "provision: {start_on_create: false}\n")
    for _ in range(2):
        assert site("apply", "-p", "site.yml").returncode == 0
    assert site.guest("b")["running"] is False  # type: ignore[index]
    assert "start b" not in site.log
    assert site("provision", "b", "-e", "provision.state=started").returncode == 0
    assert site.guest("b")["running"] is True  # type: ignore[index]


def test_drift_is_reported_and_mended_only_when_told_to(site: Site) -> None:
    site("provision")
    seen = site("provision", "-e", "provision.disk=9")
    assert seen.returncode == 0
    assert "left as it is" in seen.stdout
    assert "differs" in seen.stdout
    assert "unchanged" not in seen.stdout
    assert "Nothing was changed, and 3 hosts left as they are though different." in seen.stdout
    assert "disk: 1 -> 9" in site("provision", "-e", "provision.disk=9", "-v").stdout
    assert "destroy a" not in site.log
    assert site("provision", "-e", "provision.disk=9", "-e", "provision.rebuild=true").returncode == 0
    assert site.guest("a")["disk"] == 9  # type: ignore[index]


@pytest.mark.parametrize(
    ("verb", "begin"), [("apply", "Nothing was changed, and "), ("plan", "Plan: nothing would change, and ")]
)
def test_the_end_does_not_say_that_drifted_guests_match(site: Site, verb: str, begin: str) -> None:
    site.write("look.yml", "- {name: look, groups: [web], tasks: [!stat {path: /, save: top}]}\n")
    site("provision")
    ran = site(verb, "-p", "look.yml", "--limit-hosts", "a", "-e", "provision.disk=9")
    assert ran.returncode == 0, ran.stderr
    assert f"{begin}1 host left as it is though different." in ran.stdout
    assert "match," not in ran.stdout


def test_a_replacement_is_said_before_and_done_then(site: Site) -> None:
    site("provision", "a")
    plan = site("provision", "a", "--plan", "-e", "provision.image=new")
    assert "a: shelf: replace; image: plain -> new" in plan.stdout
    site("provision", "a", "-e", "provision.image=new")
    assert site.guest("a")["image"] == "new"  # type: ignore[index]
    assert site.log == ["create a", "create a", "destroy a", "stop a"]


def test_one_failure_does_not_stop_the_others(site: Site) -> None:
    (site.shelf / "fail-create-b").touch()
    applied = site("apply", "-p", "site.yml")
    assert applied.returncode == 2
    assert site.done == ["a id-a", "c id-c"]
    assert "b: the platform refuses to create" in applied.stdout
    assert "hint: ask it why" in applied.stdout


@pytest.mark.parametrize("what", ["create", "stop"])
def test_a_provisioner_that_breaks_loses_its_guest_only(site: Site, what: str) -> None:
    site("provision", "b")
    (site.shelf / f"break-{what}-{'a' if what == 'create' else 'b'}").touch()
    site.write("inventory/host_vars/b", "provision: {state: stopped}\n")
    applied = site("apply", "-p", "site.yml")
    assert applied.returncode == 2
    assert "the provisioner shelf broke: ZeroDivisionError" in applied.stdout
    assert "c id-c" in site.done
    assert "Traceback" not in applied.stdout + applied.stderr


def test_destroying_needs_a_yes_without_a_terminal(site: Site) -> None:
    site("provision")
    refused = site("destroy", "a", "b")
    assert refused.returncode == 1
    assert "this destroys a, b" in refused.stderr
    assert "--yes" in refused.stderr
    assert site.guest("a") is not None
    assert site("destroy", "a", "b", "--yes").returncode == 0
    assert (site.guest("a"), site.guest("b")) == (None, None)
    assert site.guest("c") is not None
    again = site("destroy", "a", "b", "--yes")
    assert again.returncode == 0
    assert "matched" in again.stdout


def test_apply_asks_as_well_before_it_destroys(site: Site) -> None:
    site("provision")
    refused = site("apply", "-p", "site.yml", "-e", "provision.state=absent")
    assert refused.returncode == 1
    assert "this destroys a, b, c" in refused.stderr
    assert site("apply", "-p", "site.yml", "-e", "provision.state=absent", "--yes").returncode == 0
    assert [site.guest(host) for host in "abc"] == [None, None, None]


def test_a_guest_of_others_is_neither_changed_nor_destroyed(site: Site) -> None:
    site("provision")
    foreign = dict(site.guest("a") or {}, owned=False)
    (site.shelf / "a").write_text(json.dumps(foreign))
    applied = site("apply", "-p", "site.yml", "-e", "provision.memory=512")
    assert applied.returncode == 2
    assert "a guest a (id-a) that Jetpack did not make" in applied.stdout
    assert site.guest("a") == foreign
    assert site("destroy", "a", "--yes").returncode == 2
    assert site.guest("a") == foreign
    adopted = site("provision", "a", "-e", "provision.memory=512", "-e", "provision.adopt=true")
    assert adopted.returncode == 0, adopted.stdout
    assert site.guest("a")["memory"] == 512  # type: ignore[index]


def test_one_extra_variable_makes_no_guest_of_other_hosts(site: Site) -> None:
    site.write("inventory/groups/others", "hosts: [d]\n")
    site.write("inventory/host_vars/d", "jet_connection: local\ntold_by_shelf: none\n")
    site.write("site.yml", (site.folder / "site.yml").read_text().replace("[web]", "[web, others]"))
    applied = site("apply", "-p", "site.yml", "-e", "provision.state=absent", "--yes")
    assert applied.returncode == 0, applied.stderr
    assert site.done == ["d none"]


def test_what_the_user_says_beats_what_was_learned(site: Site) -> None:
    site.write("inventory/host_vars/a", "told_by_shelf: mine\n")
    site("apply", "-p", "site.yml")
    assert site.done == ["a mine", "b id-b", "c id-c"]


def test_the_cluster_is_a_host_of_the_inventory(site: Site) -> None:
    site.write("inventory/groups/clusters", "hosts: [pve]\n")
    site.write("inventory/host_vars/pve", "api: https://pve.example:8006\n")
    assert site("provision", "a", "-e", "provision.cluster=pve").returncode == 0
    assert site.guest("a")["api"] == "https://pve.example:8006"  # type: ignore[index]
    wrong = site("provision", "-e", "provision.cluster=pvee")
    assert wrong.returncode == 1
    assert "the inventory has no host 'pvee'" in wrong.stderr
    assert "did you mean `pve`?" in wrong.stderr


def test_ad_hoc_commands_make_no_guests(site: Site) -> None:
    site("provision", "a")
    log = site.log
    ran = site("run", "web", "--", "true")
    assert ran.returncode == 0
    assert site.log == log
    assert "b: it is not running, so it is left out" in ran.stdout


def test_an_interrupted_run_lets_guests_come_to_an_end_and_says_so(site: Site) -> None:
    (site.shelf / "hang-create-b").touch()
    process = site.start("apply", "-p", "site.yml")
    deadline = time.monotonic() + 30
    # The others are done by then, so that only one is under way.
    while not ("create b" in site.log and site.guest("a") and site.guest("c")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, output + complaint
    assert "b: interrupted" in output
    assert site.guest("b") is None
    assert site.done == []
