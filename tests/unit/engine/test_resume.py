# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that go on where an earlier one ended, on this machine by the command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.engine.site import Ran, Site

HOSTS = "hosts: [a, b, c]\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write("inventory/groups/web", HOSTS)
    made.write("log", "")
    return made


def note(site: Site, word: str, more: str = "") -> str:
    """Return a task that notes a word and its host."""
    cmd = f'echo "{word} {{{{ inventory_hostname }}}}" >>{site.folder}/log'
    return f"    - !shell {{name: {word}, cmd: '{cmd}', unsafe: true{more}}}\n"


def fails_on(site: Site, *hosts: str) -> str:
    """Return a task that fails on hosts for as long as the file `broken` is there."""
    cmd = f"case {{{{ inventory_hostname }}}} in {'|'.join(hosts)}) ! test -e {site.folder}/broken;; esac"
    return f"    - !shell {{name: maybe, cmd: '{cmd}', unsafe: true, changed_when: 'false'}}\n"


def noted(site: Site) -> list[str]:
    """Return what was noted since the last time."""
    lines = (site.folder / "log").read_text().splitlines()
    site.write("log", "")
    return sorted(lines)


def states(site: Site) -> list[Path]:
    return sorted((site.folder / "home/.local/state/jetpack/runs").glob("*/state"))


def mended(site: Site, text: str, *arguments: str) -> Ran:
    (site.folder / "broken").unlink(missing_ok=True)
    return site.apply(text, *arguments)


@pytest.mark.parametrize("strategy", ["linear", "free"])
@pytest.mark.parametrize("flags", [(), ("--batch-size", "2")])
def test_each_host_goes_on_at_the_task_that_failed_with_its_handlers(
    site: Site, strategy: str, flags: tuple[str, ...]
) -> None:
    site.write("broken", "")
    text = (
        f"- name: p\n  groups: [web]\n  strategy: {strategy}\n  tasks:\n"
        + note(site, "first", ", and: {notify: restart}")
        + fails_on(site, "a", "c")
        + note(site, "last")
        + "  handlers:\n"
        + note(site, "restarted", ", with: {subscribe: restart}")
        + "- name: q\n  groups: [web]\n  tasks:\n"
        + note(site, "second play")
    )
    assert site.apply(text, *flags).code == 2
    assert noted(site) == ["first a", "first b", "first c", "last b", "restarted b", "second play b"]
    ran = mended(site, text, "--resume", *flags)
    assert ran.code == 0, ran.out + ran.err
    assert noted(site) == sorted(f"{what} {host}" for host in "ac" for what in ("last", "restarted", "second play"))
    assert {event.get("host") for event in ran.events if event["event"] == "host_result"} == {"a", "c"}
    assert "b" not in ran.events[-1]["hosts"]  # type: ignore[operator]
    again = site.apply(text, "--resume")
    assert (again.code, noted(site)) == (0, [])
    assert "there is nothing to resume" in again.err


def test_a_resumed_run_can_be_resumed_and_retried(site: Site) -> None:
    site.write("broken", "")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n" + note(site, "first") + fails_on(site, "a", "c") + note(site, "last")
    )
    site.apply(text)
    noted(site)
    assert site.apply(text, "--resume", "--limit-hosts", "a").code == 2
    assert noted(site) == []
    ran = mended(site, text, "--resume")
    assert (ran.code, noted(site)) == (0, ["last a", "last c"])


def test_a_handler_that_failed_is_run_again_and_those_that_ran_are_not(site: Site) -> None:
    site.write("broken", "")
    handler = fails_on(site, "a").replace("changed_when", "with: {subscribe: h}, changed_when")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n"
        + note(site, "first", ", and: {notify: h}")
        + "  handlers:\n"
        + note(site, "before", ", with: {subscribe: h}")
        + handler
        + note(site, "after", ", with: {subscribe: h}")
    )
    assert site.apply(text).code == 2
    assert len(noted(site)) == 3 + 3 + 2
    assert mended(site, text, "--resume").code == 0
    assert noted(site) == ["after a"]


def test_facts_and_results_come_back_and_those_of_finished_hosts_too(site: Site) -> None:
    site.write("broken", "")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n    - !facts {}\n"
        + note(site, "once", ", save: told").replace("'echo", "'echo said; echo")
        + "    - !set {vars: {number: 7, list: [1, {x: ü}]}}\n"
        + fails_on(site, "a")
        + "    - !assert {all_true: ['told.out == \"said\"', 'number == 7', 'list[1].x == \"ü\"',"
        + ' \'jet_os_type == "Linux"\', \'hostvars["b"].told.out == "said"\']}\n'
    )
    assert site.apply(text).code == 2
    assert len(noted(site)) == 3
    ran = mended(site, text, "--resume")
    assert (ran.code, noted(site)) == (0, []), ran.out


def test_what_failed_may_be_mended_in_the_playbook_and_what_was_done_may_not_change(site: Site) -> None:
    head = "- name: p\n  groups: [web]\n  tasks:\n"
    assert site.apply(head + note(site, "first") + "    - !fail {msg: wrong}\n").code == 2
    noted(site)
    mended_text = "# a comment\n" + head + note(site, "first") + note(site, "right") + note(site, "more")
    ran = site.apply(mended_text, "--resume")
    assert (ran.code, len(noted(site))) == (0, 6)
    assert any("the playbook has changed" in str(event.get("msg")) for event in ran.events)
    assert site.apply(head + note(site, "first") + "    - !fail {msg: wrong}\n").code == 2
    noted(site)
    refused = site.apply(head + note(site, "other") + note(site, "right"), "--resume")
    assert refused.code == 1
    assert "play 'p' has changed in what run" in refused.err
    assert "--retry-failed" in refused.err
    assert noted(site) == []


def test_changed_variables_are_told(site: Site) -> None:
    site.write("broken", "")
    text = "- name: p\n  groups: [web]\n  tasks:\n" + fails_on(site, "a")
    site.apply(text)
    site.write("inventory/host_vars/a", "x: 1\n")
    ran = mended(site, text, "--resume")
    assert ran.code == 0
    assert any("variables have changed" in str(event.get("msg")) for event in ran.events)


def test_only_hosts_that_failed_are_tried_again_from_the_beginning(site: Site) -> None:
    site.write("broken", "")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n" + note(site, "first") + fails_on(site, "a", "c") + note(site, "last")
    )
    assert site.apply(text).code == 2
    noted(site)
    assert site.apply(text, "--retry-failed", "--limit-hosts", "b").code == 0
    ran = mended(site, text, "--retry-failed", "--limit-hosts", "a:b")
    assert (ran.code, noted(site)) == (0, ["first a", "last a"])
    # What the limits left out has still failed.
    ran = site.apply(text, "--limit-hosts", "@last-failed:b")
    assert (ran.code, noted(site)) == (0, ["first b", "first c", "last b", "last c"])
    ran = site.apply(text, "--retry-failed")
    assert (ran.code, noted(site)) == (0, [])
    assert "no host failed in run" in ran.err


def test_what_a_retry_left_out_is_kept_however_often_it_is_tried(site: Site) -> None:
    site.write("broken", "")
    text = "- name: p\n  groups: [web]\n  tasks:\n" + note(site, "first") + fails_on(site, "a", "b", "c")
    assert site.apply(text).code == 2
    for _ in range(2):
        assert site.apply(text, "--retry-failed", "--limit-hosts", "a").code == 2
    noted(site)
    assert mended(site, text, "--retry-failed", "--limit-hosts", "b").code == 0
    assert noted(site) == ["first b"]
    assert site.apply(text, "--retry-failed").code == 0
    assert noted(site) == ["first a", "first c"]


def test_a_retry_that_is_resumed_goes_on_with_its_own_hosts_and_begins_the_others(site: Site) -> None:
    site.write("broken", "")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n" + note(site, "first") + fails_on(site, "a", "b") + note(site, "last")
    )
    assert site.apply(text).code == 2
    assert site.apply(text, "--retry-failed", "--limit-hosts", "a").code == 2
    noted(site)
    assert mended(site, text, "--resume").code == 0
    assert noted(site) == ["first b", "last a", "last b"]


def test_a_secret_that_comes_to_light_later_does_not_stay_in_the_state(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a task prints what a later task opens a secret to compare with."""
    from jetpack_core.secrets.redaction import Redactor

    def holds(redactor: Redactor, value: object) -> bool:
        return (site.folder / "opened").exists() and "hunter2" in json.dumps(value)

    monkeypatch.setattr(Redactor, "holds", holds)
    monkeypatch.setattr(Redactor, "__bool__", lambda _self: True)
    site.write("broken", "")
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n"
        f"    - !shell {{name: token, cmd: 'echo x >>{site.folder}/count; echo hunter2', unsafe: true, save: token}}\n"
        "    - !shell {name: plain, cmd: echo plain, save: plain}\n"
        f"    - !shell {{name: opens, cmd: touch {site.folder}/opened}}\n"
        + fails_on(site, "a")
        + '    - !assert {true: \'token.out == "hunter2" and plain.out == "plain"\'}\n'
    )
    assert site.apply(text, "--limit-hosts", "a").code == 2
    (state,) = states(site)
    kept = state.read_text()
    assert "hunter2" not in kept
    assert '"plain"' in kept
    assert kept.endswith("X 2\n")
    assert mended(site, text, "--resume").code == 0
    # The task that made it ran once more.
    assert (site.folder / "count").read_text() == "x\n" * 2
    assert "hunter2" not in states(site)[-1].read_text()


def test_flags_that_make_no_sense_are_told(site: Site) -> None:
    text = "- {name: p, groups: [web], tasks: [!debug {vars: [inventory_hostname]}]}"
    assert "no run of" in site.apply(text, "--resume").err
    assert "no run of" in site.apply(text, "--retry-failed").err
    assert "exclude each other" in site.apply(text, "--retry-failed", "--resume").err
    assert "no run 'abc' is known" in site.apply(text, "--resume", "abc").err
    site.apply(text)
    (state,) = states(site)
    name = state.parent.name
    assert "there is nothing to resume" in site.apply(text, "--resume", name[:6]).err
    site.write("other.yml", text)
    other = site.run("apply", "-p", "other.yml", "-i", "inventory", "--resume", name)
    assert (other.code, "add --resume to the command of that run" in other.err) == (1, True)
    state.write_text(state.read_text() + "nonsense\n")
    damaged = site.apply(text, "--resume")
    assert (damaged.code, "is damaged" in damaged.err) == (1, True)


def test_a_newer_run_that_cannot_be_read_is_told(site: Site) -> None:
    text = "- name: p\n  groups: [web]\n  tasks:\n" + note(site, "one")
    site.apply(text)
    (older,) = states(site)
    os.utime(older.parent, (1, 1))
    site.apply(text)
    (newer,) = set(states(site)) - {older}
    newer.write_bytes(b"\xff\xfe" + newer.read_bytes())
    ran = site.apply(text, "--resume")
    assert f"is passed over: {newer} is not the state of a run" in ran.err
    assert f"run {older.parent.name[:8]} left nothing undone" in ran.err


def test_planning_and_single_commands_keep_no_state(site: Site) -> None:
    text = "- {name: p, groups: [web], tasks: [!debug {vars: [inventory_hostname]}]}"
    assert site.apply(text, verb="plan").code == 0
    assert site.run("run", "web", "-i", "inventory", "--", "true").code == 0
    assert states(site) == []


def test_the_state_is_private_and_secrets_are_not_in_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from jetpack_core.secrets.redaction import Redactor

    monkeypatch.setattr(Redactor, "holds", lambda _self, value: "hunter2" in json.dumps(value))
    site.write("broken", "")
    count = f"echo x >>{site.folder}/count; echo hunter2"
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n"
        f"    - !shell {{name: token, cmd: '{count}', unsafe: true, save: token, and: {{notify: h}}}}\n"
        + note(site, "between")
        + fails_on(site, "a")
        + "    - !assert {true: 'token.out == \"hunter2\"'}\n"
        + "  handlers:\n"
        + note(site, "handled", ", with: {subscribe: h}")
        + "- name: q\n  groups: [web]\n  tasks:\n"
        + fails_on(site, "b").replace("broken", "broken2")
        + "    - !assert {true: 'token.out == \"hunter2\"'}\n"
    )
    site.write("broken2", "")
    assert site.apply(text).code == 2
    (state,) = states(site)
    assert "hunter2" not in state.read_text()
    assert state.stat().st_mode & 0o777 == 0o600
    assert state.parent.stat().st_mode & 0o777 == 0o700
    assert (site.folder / "count").read_text() == "x\n" * 3
    noted(site)
    (site.folder / "broken2").unlink()
    ran = mended(site, text, "--resume")
    assert ran.code == 0, ran.out
    # On the two hosts that were not done, and without their handlers once more.
    assert (site.folder / "count").read_text() == "x\n" * 5
    assert noted(site) == ["handled a"]
    assert "hunter2" not in states(site)[-1].read_text()


def test_a_run_that_is_killed_is_resumed_and_not_while_it_runs(site: Site) -> None:
    wait = f"while ! test -e {site.folder}/go-on; do sleep 0.1; done"
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n"
        + note(site, "first", ", and: {notify: h}")
        + f"    - !shell {{name: wait, cmd: '{wait}', unsafe: true}}\n"
        + note(site, "last")
        + "  handlers:\n"
        + note(site, "handled", ", with: {subscribe: h}")
    )
    with running(site, text):
        until(lambda: len((site.folder / "log").read_text().splitlines()) == 3 and _steps(site, "T") == 3)
        refused = site.apply(text, "--resume")
        assert (refused.code, "is still under way" in refused.err) == (1, True)
    noted(site)
    site.write("go-on", "")
    ran = site.apply(text, "--resume")
    assert ran.code == 0, ran.out + ran.err
    assert noted(site) == sorted(f"{what} {host}" for host in "abc" for what in ("last", "handled"))


def test_a_handler_that_hangs_on_one_host_is_not_run_again_on_the_others(site: Site) -> None:
    wait = f"case {{{{ inventory_hostname }}}} in b) until test -e {site.folder}/go-on; do sleep 0.1; done;; esac"
    text = (
        "- name: p\n  groups: [web]\n  tasks:\n"
        + note(site, "first", ", and: {notify: h}")
        + "  handlers:\n"
        + note(site, "handled", ", with: {subscribe: h}").replace("/log'", f"/log; {wait}'")
    )
    with running(site, text):
        until(lambda: len((site.folder / "log").read_text().splitlines()) == 6 and _steps(site, "D") == 2)
    noted(site)
    site.write("go-on", "")
    ran = site.apply(text, "--resume")
    assert ran.code == 0, ran.out + ran.err
    assert noted(site) == ["handled b"]


@contextlib.contextmanager
def running(site: Site, text: str) -> Iterator[None]:
    """Run a playbook meanwhile, and kill it then."""
    site.write("site.yml", text)
    argv = [sys.executable, "-m", "jetpack_core.cli", "apply", "-p", "site.yml", "-i", "inventory"]
    env = {**os.environ, "HOME": str(site.folder / "home"), "JET_LOCK_TIMEOUT": "off"}
    with subprocess.Popen(argv, cwd=site.folder, env=env, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def until(there: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _steps(site: Site, letter: str) -> int:
    return sum(state.read_text().count(f"\n{letter} ") for state in states(site))


def test_this_machine_is_resumed_too(site: Site) -> None:
    site.write("broken", "")
    text = "- name: p\n  groups: [all]\n  tasks:\n" + note(site, "first") + fails_on(site, "localhost")
    site.write("site.yml", text)
    assert site.run("local", "-p", "site.yml").code == 2
    assert noted(site) == ["first localhost"]
    (site.folder / "broken").unlink()
    assert site.run("local", "-p", "site.yml", "--resume").code == 0
    assert noted(site) == []


def test_a_state_that_cannot_be_written_is_told_and_the_run_goes_on(site: Site) -> None:
    site.write("home/.local/state/jetpack", "in the way")
    ran = site.apply("- {name: p, groups: [web], tasks: [!debug {vars: [inventory_hostname]}]}")
    assert ran.code == 0
    assert "this run cannot be resumed" in ran.err
