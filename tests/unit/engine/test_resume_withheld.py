# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run found out and may not keep, since a secret is in it, is found out again when the run is resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jetpack_core.secrets.redaction import Redactor
from tests.unit.engine.site import Ran, Site

SECRET = "hunter2"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A project in which a word is known as a secret once the file `opened` is there."""

    def holds(_: Redactor, value: object) -> bool:
        return (tmp_path / "opened").exists() and SECRET in json.dumps(value)

    monkeypatch.setattr(Redactor, "holds", holds)
    monkeypatch.setattr(Redactor, "__bool__", lambda _self: True)
    made = Site(tmp_path)
    made.write("inventory/groups/web", "hosts: [a, b, c]\n")
    made.write("log", "")
    return made


def task(site: Site, name: str, cmd: str, more: str = "") -> str:
    """Return a task that notes its name and host, and runs a command."""
    cmd = f'echo "{name} {{{{ inventory_hostname }}}}" >>{site.folder}/log; {cmd}'
    return f"    - !shell {{name: {name}, cmd: '{cmd}', unsafe: true{more}}}\n"


def fails(site: Site, file: str) -> str:
    """Return a task that fails as long as a file is there."""
    return f"    - !shell {{name: maybe, cmd: '! test -e {site.folder}/{file}', unsafe: true}}\n"


def opens(site: Site) -> str:
    return f"    - !shell {{name: opens, cmd: touch {site.folder}/opened}}\n"


USES = f'    - !assert {{true: \'token.stdout == "{SECRET}" and plain.stdout == "plain"\'}}\n'
PLAIN = "    - !shell {name: plain, cmd: echo plain, save: plain}\n"


def head(name: str, keywords: str = "") -> str:
    return f"- name: {name}\n  groups: [web]\n{keywords}  tasks:\n"


def resumed(site: Site, text: str, *gone: str) -> tuple[Ran, list[str]]:
    """Resume a run once files are gone; return how it ended, and what was noted meanwhile."""
    for name in gone:
        site.remove(name)
    site.write("log", "")
    ran = site.apply(text, "--resume")
    return ran, sorted((site.folder / "log").read_text().splitlines())


def states(site: Site) -> list[Path]:
    return list((site.folder / "home/.local/state/jetpack/runs").glob("*/state"))


def kept(site: Site) -> list[str]:
    return [state.read_text() for state in states(site)]


@pytest.mark.parametrize("early", [True, False], ids=["known before", "known later"])
def test_what_a_handler_found_out_in_a_play_before(site: Site, early: bool) -> None:
    site.write("broken", "")
    token = task(site, "token", f"echo {SECRET}", ", save: token, and: {notify: more}, with: {subscribe: h}")
    text = (
        head("p")
        + (opens(site) if early else "")
        + task(site, "first", "true", ", and: {notify: h}")
        + "  handlers:\n"
        + task(site, "other", "true", ", with: {subscribe: h}")
        + token
        + task(site, "more", "true", ", with: {subscribe: more}")
        + head("q")
        + PLAIN
        + opens(site)
        + fails(site, "broken")
        + USES
    )
    assert site.apply(text, "--limit-hosts", "a:b").code == 2
    assert not any(SECRET in state for state in kept(site))
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (0, ["token a", "token b"]), ran.out
    assert not any(SECRET in state for state in kept(site))


@pytest.mark.parametrize("size", [1, 3])
def test_what_one_host_found_out_for_all(site: Site, size: int) -> None:
    site.write("broken", "")
    text = (
        head("p", f"  batch_size: {size}\n")
        + PLAIN
        + task(site, "token", f"echo {SECRET}", ", save: token, with: {run_once: true}")
        + opens(site)
        + fails(site, "broken")
        + USES
    )
    assert site.apply(text).code == 2
    assert not any(SECRET in state for state in kept(site))
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (0, ["token a"]), ran.out


def test_what_was_found_out_on_another_host(site: Site) -> None:
    site.write("broken", "")
    text = (
        head("p")
        + PLAIN
        + task(site, "token", f"echo {SECRET}", ", save: token, with: {delegate_to: c}")
        + opens(site)
        + fails(site, "broken")
        + USES
    )
    assert site.apply(text, "--limit-hosts", "a:b").code == 2
    assert not any(SECRET in state for state in kept(site))
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (0, ["token a", "token b"]), ran.out


@pytest.mark.parametrize("handler", [False, True])
def test_what_comes_to_light_when_the_run_is_resumed_is_found_again_however_often_it_is(
    site: Site, handler: bool
) -> None:
    for name in ("one", "two", "three"):
        site.write(name, "")
    more = ", save: token"
    token = task(site, "token", f"echo {SECRET}", f"{more}, with: {{subscribe: h}}" if handler else more)
    text = (
        head("p")
        + PLAIN
        + task(site, "first", "true", ", and: {notify: h}")
        + (f"  handlers:\n{token}" if handler else token)
        + head("q")
        + fails(site, "one")
        + opens(site)
        + fails(site, "two")
        + fails(site, "three")
        + USES
    )
    assert site.apply(text, "--limit-hosts", "a").code == 2
    first = kept(site)
    assert SECRET in first[0]
    ran, noted = resumed(site, text, "one")
    assert (ran.code, noted) == (2, [])
    assert [state for state in kept(site) if SECRET in state] in ([], first)
    for gone, code in (("two", 2), ("three", 0)):
        ran, noted = resumed(site, text, gone)
        assert (ran.code, noted) == (code, ["token a"]), ran.out


def test_a_handler_that_is_notified_once_more_does_all_that_it_does(site: Site) -> None:
    site.write("broken", "")
    text = (
        head("p")
        + opens(site)
        + task(site, "first", "true", ", and: {notify: h}")
        + "  handlers:\n"
        + task(site, "token", f"echo {SECRET}", ", save: token, and: {notify: more}, with: {subscribe: h}")
        + fails(site, "broken").replace("unsafe", "with: {subscribe: h}, unsafe")
        + task(site, "more", "true", ", with: {subscribe: more}")
    )
    assert site.apply(text, "--limit-hosts", "a").code == 2
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (0, ["more a", "token a"]), ran.out


def test_what_was_found_out_later_under_the_same_name_stands(site: Site) -> None:
    """The one that is run again has its value only until it is the turn of the one that was kept."""
    for name in ("broken", "bad", "worse"):
        site.write(name, "")
    others = [f"    - !shell {{name: x, cmd: echo {word}, save: r}}\n" for word in ("later", "new")]
    text = (
        head("p")
        + opens(site)
        + task(site, "first", f"echo {SECRET}", ", save: r, and: {notify: h}")
        + "    - !set {vars: {s: '{{ r.stdout }}-2'}}\n"
        + others[0]
        + task(site, "third", f"echo {SECRET}", ", save: t")
        + fails(site, "broken")
        + '    - !assert {true: \'r.stdout == "later" and s == "hunter2-2" and t.stdout == "hunter2"\'}\n'
        + others[1]
        + "  handlers:\n"
        + task(site, "token", f"echo {SECRET}", ", save: r, with: {subscribe: h}")
        + others[0].replace("save: r", "save: r, and: {notify: more}, with: {subscribe: h}")
        + fails(site, "bad").replace("unsafe", "with: {subscribe: more}, unsafe")
        + head("q")
        + "    - !assert {true: 'r.stdout == \"later\"'}\n"
        + fails(site, "worse")
        + '    - !assert {true: \'r.stdout == "later" and s == "hunter2-2"\'}\n'
    )
    assert site.apply(text, "--limit-hosts", "a").code == 2
    anew = ["first a", "third a", "token a"]
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (2, anew), ran.out
    for gone, code in (("bad", 2), ("worse", 0)):
        ran, noted = resumed(site, text, gone)
        assert (ran.code, noted) == (code, anew), ran.out
    assert not any(SECRET in state for state in kept(site))


def test_what_is_no_secret_any_more_is_found_out_once_more_only(site: Site) -> None:
    for name in ("broken", "bad"):
        site.write(name, "")
    text = (
        head("p")
        + opens(site)
        + task(site, "token", f"test -e {site.folder}/other && echo plain || echo {SECRET}", ", save: token")
        + fails(site, "broken")
        + fails(site, "bad")
        + "    - !assert {true: 'token.stdout == \"plain\"'}\n"
    )
    assert site.apply(text, "--limit-hosts", "a").code == 2
    site.write("other", "")
    ran, noted = resumed(site, text, "broken")
    assert (ran.code, noted) == (2, ["token a"])
    ran, noted = resumed(site, text, "bad")
    assert (ran.code, noted) == (0, []), ran.out


def killed(site: Site, text: str) -> None:
    """Run a playbook until it kills itself, after what it did before has been noted."""
    site.write("site.yml", text)
    argv = [sys.executable, "-m", "jetpack_core.cli", "apply", "-p", "site.yml", "-i", "inventory"]
    env = {**os.environ, "HOME": str(site.folder / "home"), "JET_LOCK_TIMEOUT": "off"}
    ran = subprocess.run(argv, cwd=site.folder, env=env, capture_output=True, check=False, timeout=60)
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def test_what_a_killed_run_left_is_taken_out_by_the_next_one_that_knows_it(site: Site) -> None:
    site.write("inventory/groups/web", "hosts: [a]\n")
    site.write("fatal", "")
    text = (
        head("p")
        + PLAIN
        + task(site, "token", f"echo {SECRET}", ", save: token")
        + task(site, "dies", f"! test -e {site.folder}/fatal || kill -9 $PPID")
        + opens(site)
        + USES
    )
    killed(site, text)
    (left,) = kept(site)
    assert SECRET in left
    site.write("other.yml", head("p") + opens(site))
    other = site.run("apply", "-p", "other.yml", "-i", "inventory")
    assert (other.code, left in kept(site)) == (0, True), other.err
    site.remove("opened")
    (folder,) = {state.parent for state in states(site) if state.read_text() == left}
    site.remove("fatal")
    assert site.apply(text).code == 0
    assert not any(SECRET in state for state in kept(site))
    ran = site.apply(text, "--resume", folder.name)
    assert ran.code == 0, ran.out
    log = (site.folder / "log").read_text().splitlines()
    assert log.count("token a") == 3


@pytest.mark.parametrize(
    "line",
    [
        f'S 0 {{"again": 3, "variables": {{"a": "{SECRET}"}}}}',
        f'S 0 ["{SECRET}"]',
        f'S 0 {{"again": {{}}, "variables": ["{SECRET}"], "made": {{}}}}',
        f'S 0 {{"again": {{}}, "variables": {{"a": "{SECRET}"}}, "made": {{"a": []}}}}',
        "V 0 0 " + "[" * 100_000,
        "V 0 0 [",
    ],
    ids=["number", "list", "variables", "maker", "deep", "cut"],
)
def test_what_a_killed_run_left_may_be_nonsense(site: Site, line: str) -> None:
    text = head("p") + opens(site)
    assert site.apply(text).code == 0
    (state,) = states(site)
    state.write_text(state.read_text().rpartition("X ")[0] + line + "\n")
    ran = site.apply(text)
    assert (ran.code, ran.events[-1]["event"]) == (0, "run_finished"), ran.err


def test_a_folder_of_runs_that_is_gone_by_the_end_of_a_run_is_no_matter(site: Site) -> None:
    runs = site.folder / "home/.local/state/jetpack/runs"
    text = head("p") + f"    - !shell {{name: moves, cmd: 'mv {runs} {runs}.old; echo >{runs}', unsafe: true}}\n"
    ran = site.apply(text, "--limit-hosts", "a")
    assert (ran.code, ran.events[-1]["event"]) == (0, "run_finished"), ran.err
