# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans that are saved, reviewed and applied as they are, by the command line on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.site import Ran, Site

PLAYBOOK = """
- name: settings
  groups: [web]
  defaults: {{mode: "0644"}}
  tasks:
    - !template {{name: Settings, src: settings.j2, dest: {folder}/settings, mode: "{{{{ mode }}}}"}}
    - !shell {{name: Note, cmd: 'echo done >>{folder}/log', unsafe: true}}
"""


class Planned(Site):
    """A project whose playbook writes a file and notes that it ran."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.text = PLAYBOOK.format(folder=folder)
        self.write("settings.j2", "port={{ port | default(80) }}\n")

    def plan(self, *arguments: str) -> Ran:
        return self.apply(self.text, "--out", "plan.json", *arguments, verb="plan")

    def carry_out(self, *arguments: str) -> Ran:
        return self.run("apply", "plan.json", "--json", *arguments)

    @property
    def saved(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "plan.json").read_text())
        return found

    def untouched(self) -> bool:
        return not (self.folder / "settings").exists() and not (self.folder / "log").exists()


@pytest.fixture
def site(tmp_path: Path) -> Planned:
    return Planned(tmp_path)


def test_a_plan_is_applied_as_it_was_saved(site: Planned) -> None:
    planned = site.plan()
    assert planned.code == 0
    assert "do exactly that with: jetpack apply plan.json" in planned.err
    assert site.untouched()
    ran = site.carry_out()
    assert ran.code == 0, ran.err
    assert "2 steps on 1 host" in ran.err
    assert ran.statuses() == ["created", "executed"]
    assert (site.folder / "settings").read_text() == "port=80\n"


def test_a_plan_is_for_its_owner_and_for_reviewers(site: Planned) -> None:
    site.plan()
    assert (site.folder / "plan.json").stat().st_mode & 0o777 == 0o600
    (settings, note) = site.saved["steps"]
    assert (settings["host"], settings["task"], settings["status"]) == ("a", "Settings", "created")
    assert settings["where"].endswith("site.yml:6")
    assert "+port=80" in settings["diff"]
    assert note["status"] == "executed"


def test_what_drifted_is_refused_and_named(site: Planned) -> None:
    site.write("settings", "port=80\n").chmod(0o644)
    site.write("inventory/group_vars/web", "port: 81\n")
    site.plan()
    (site.folder / "settings").chmod(0o600)
    ran = site.carry_out()
    assert ran.code == 1
    assert re.search(r"a: 'Settings' at \S*site.yml:6: planned was modified", ran.err)
    assert "now it would be modified (" in ran.err
    assert "mode 0o600 to 0o644" in ran.err
    assert "1 step would not be as planned; nothing was done" in ran.err
    assert (site.folder / "settings").read_text() == "port=80\n"
    assert not (site.folder / "log").exists()


def test_what_somebody_did_meanwhile_is_drift_too(site: Planned) -> None:
    site.plan()
    assert site.carry_out().code == 0
    again = site.carry_out()
    assert again.code == 1
    assert "and now it would be nothing" in again.err
    assert (site.folder / "log").read_text() == "done\n"


def test_a_template_that_changed_is_drift(site: Planned) -> None:
    site.plan()
    site.write("settings.j2", "port=82\n")
    ran = site.carry_out()
    assert (ran.code, site.untouched()) == (1, True)
    assert "'Settings'" in ran.err


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("site.yml", PLAYBOOK.replace("name: Note", "name: Other"), "the play 'settings' has changed"),
        ("site.yml", PLAYBOOK.replace("name: settings", "name: other"), "the playbook has other plays"),
        ("inventory/groups/web", "hosts: [a, b]\n", "b is new"),
        ("inventory/groups/web", "hosts: [b]\n", "a is gone and b is new"),
        ("inventory/group_vars/web", "unrelated: 1\n", "variables have changed"),
    ],
)
def test_content_that_changed_is_refused(site: Planned, file: str, content: str, said: str) -> None:
    site.plan()
    site.write(file, content.format(folder=site.folder) if file == "site.yml" else content)
    ran = site.carry_out()
    assert (ran.code, site.untouched()) == (1, True)
    assert said in ran.err


def test_variables_of_the_command_line_are_given_again(site: Planned) -> None:
    site.plan("-e", "port=90")
    assert "90" not in json.dumps(site.saved["flags"])
    without = site.carry_out()
    assert (without.code, "those of -e are to be given again" in without.err) == (1, True)
    assert site.carry_out("-e", "port=90").code == 0
    assert (site.folder / "settings").read_text() == "port=90\n"


def test_limits_are_part_of_the_plan(site: Planned) -> None:
    site.write("inventory/groups/web", "hosts: [a, b]\n")
    site.plan("--limit-hosts", "b")
    assert {result["host"] for result in site.carry_out().results()} == {"b"}


def test_a_change_that_no_plan_could_foresee_is_not_made(site: Planned) -> None:
    site.write("settings", "port=80\n").chmod(0o644)
    site.text = site.text.replace(
        "  tasks:\n", f"  tasks:\n    - !shell {{name: Spoil, cmd: 'rm {site.folder}/settings', unsafe: true}}\n"
    )
    site.plan()
    ran = site.carry_out()
    assert ran.code == 2
    (failed,) = ran.results(status="failed")
    assert failed["task"] == "Settings"
    assert "planned was nothing, and now it would be created" in str(failed["msg"])
    assert not (site.folder / "log").exists()


def test_what_only_a_run_can_tell_is_approved_with_the_plan(site: Planned) -> None:
    site.text = f"""
- name: p
  groups: [web]
  tasks:
    - !shell {{cmd: "echo 7", save: found}}
    - !shell {{cmd: "echo {{{{ found.stdout }}}} >>{site.folder}/log", unsafe: true}}
"""
    planned = site.plan()
    assert "unknown" in planned.statuses()
    assert site.carry_out().code == 0
    assert (site.folder / "log").read_text() == "7\n"


def test_items_are_compared_each_for_itself(site: Planned) -> None:
    site.text = f"""
- name: p
  groups: [web]
  tasks:
    - !directory {{path: "{site.folder}/d{{{{ item }}}}", with: {{items: [1, 2, 3]}}}}
"""
    site.plan()
    (site.folder / "d2").mkdir()
    ran = site.carry_out()
    assert (ran.code, "(item 2)" in ran.err, (site.folder / "d1").exists()) == (1, True, False)
    (site.folder / "d2").rmdir()
    assert site.carry_out().code == 0
    assert all((site.folder / f"d{number}").is_dir() for number in (1, 2, 3))


def test_a_plan_with_failures_is_not_saved(site: Planned) -> None:
    site.text = site.text.replace("settings.j2", "missing.j2")
    planned = site.plan()
    assert planned.code != 0
    assert not (site.folder / "plan.json").exists()


@pytest.mark.parametrize("flags", [("-p", "site.yml"), ("-i", "inventory"), ("--limit-hosts", "a"), ("--tags", "x")])
def test_flags_that_the_plan_says_itself_are_refused(site: Planned, flags: tuple[str, str]) -> None:
    site.plan()
    ran = site.carry_out(*flags)
    assert (ran.code, site.untouched()) == (1, True)
    assert "is what the saved plan says itself" in ran.err


def test_what_is_no_plan_is_told(site: Planned) -> None:
    site.plan()
    playbook = site.run("apply", "site.yml")
    assert (playbook.code, "is no saved plan" in playbook.err, "-p" in playbook.err) == (1, True, True)
    missing = site.run("apply", "nowhere.json")
    assert "cannot be read: no such file" in missing.err
    site.write("plan.json", json.dumps({**site.saved, "jetpack_plan": 99}))
    assert "another version" in site.carry_out().err
    for damaged in ("[]", '{"jetpack_plan": 1}', "{", "", '{"jetpack_plan": 1, "steps": [{"host": 1}]}', "[" * 100_000):
        site.write("plan.json", damaged)
        ran = site.carry_out()
        assert (ran.code, "no saved plan, or it is damaged" in ran.err) == (1, True), damaged
    assert site.untouched()


def test_a_command_that_never_counts_as_a_change_runs_as_planned(site: Planned) -> None:
    site.text += "    - !shell {name: Look, cmd: 'echo seen', changed_when: 'false', save: seen}\n"
    site.plan()
    assert [step["task"] for step in site.saved["steps"]] == ["Settings", "Note", "Look"]
    ran = site.carry_out()
    assert (ran.code, ran.statuses(task="Look")) == (0, ["passive"]), ran.err
    assert "2 steps on 1 host" in ran.err


def test_reviewers_see_what_would_be_run(site: Planned) -> None:
    site.plan()
    (_, note) = site.saved["steps"]
    assert note["command"] == ["/bin/sh", "-c", f"echo done >>{site.folder}/log"]


def test_a_script_that_changed_is_drift(site: Planned) -> None:
    site.write("note.sh", f"#!/bin/sh\necho reviewed >>{site.folder}/log\n")
    site.text += "    - !script {src: note.sh}\n"
    site.plan()
    site.write("note.sh", f"#!/bin/sh\necho hidden >>{site.folder}/log\n")
    ran = site.carry_out()
    assert (ran.code, site.untouched()) == (1, True)
    assert "'note.sh'" in ran.err
    assert "is not the same now" in ran.err


@pytest.mark.parametrize("where", ["cmd: [echo, '{{ here.out }}']", "cmd: [cat], stdin: '{{ here.out }}'"])
def test_a_command_made_of_what_the_host_says_is_compared(site: Planned, where: str) -> None:
    fact = site.write("fact", "one\n")
    site.text = f"""
- name: p
  groups: [web]
  tasks:
    - !command {{cmd: [cat, {fact}], read_only: true, save: here}}
    - !command {{name: Act, {where}}}
"""
    site.plan()
    site.write("fact", "two\n")
    ran = site.carry_out()
    assert ran.code == 1
    assert "a: 'Act'" in ran.err
    site.write("fact", "one\n")
    assert site.carry_out().code == 0


def test_no_secret_has_a_part_in_digests(site: Planned) -> None:
    def given(value: str) -> str:
        site.text = """
- name: p
  groups: [web]
  tasks:
    - !command {cmd: [cat], stdin: "{{ token }}"}
"""
        if not (site.folder / "home/.config").exists():
            site.run("secrets", "keygen")
        key = (site.folder / "home/.config/jetpack/identity.txt").read_text().split("public key: ")[1].split()[0]
        site.write("value", value)
        site.write("inventory/group_vars/web", "")
        site.run("secrets", "set", "inventory/group_vars/web", "token", "--from", "value", "-r", key)
        planned = site.plan()
        assert planned.code == 0, planned.err
        return str(site.saved["steps"][0]["given"])

    assert given("first secret value") == given("second secret value")


def test_what_hosts_say_cannot_steer_the_terminal(site: Planned) -> None:
    site.text = f"- {{name: p, groups: [web], tasks: [!link {{path: {site.folder}/l, target: /here}}]}}\n"
    (site.folder / "l").symlink_to("/a")
    site.plan()
    (site.folder / "l").unlink()
    (site.folder / "l").symlink_to("/b\x1b[2J\x1b]0;owned\x07")
    ran = site.carry_out()
    assert ran.code == 1
    assert "\x1b" not in ran.err


def test_what_is_made_is_told_by_what_it_becomes(site: Planned) -> None:
    site.plan()
    assert site.carry_out().code == 0
    err = site.carry_out().err
    planned = r"planned was created \(content sha256:\w{8}\.\.\., mode 0o644\)"
    assert re.search(f"{planned}, and now it would be nothing", err)
