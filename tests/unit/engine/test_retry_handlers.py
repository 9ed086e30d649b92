# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that failed and are tried again: what was notified on them and had not been handled is not forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.site import Site

HANDLERS = "  handlers:\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write("inventory/groups/web", "hosts: [a, b]\n")
    made.write("log", "")
    made.write("broken", "")
    return made


def config(site: Site, notify: str = "restart") -> str:
    """Return a task that writes a file for each host, and notifies if that changed it."""
    dest = f"{site.folder}/{notify}-{{{{ inventory_hostname }}}}"
    return f"    - !copy {{name: config, content: new, dest: '{dest}', and: {{notify: {notify}}}}}\n"


def fails(site: Site, file: str = "broken", host: str = "a", more: str = "") -> str:
    """Return a task that fails on a host as long as a file is there."""
    cmd = f"test {{{{ inventory_hostname }}}} != {host} || ! test -e {site.folder}/{file}"
    return f"    - !shell {{name: maybe, cmd: '{cmd}', unsafe: true, changed_when: 'false'{more}}}\n"


def handler(site: Site, word: str = "restarted", subscribe: str = "restart") -> str:
    cmd = f'echo "{word} {{{{ inventory_hostname }}}}" >>{site.folder}/log'
    return f"    - !shell {{name: {word}, cmd: '{cmd}', unsafe: true, with: {{subscribe: {subscribe}}}}}\n"


def head(name: str, group: str = "web") -> str:
    return f"- name: {name}\n  groups: [{group}]\n  tasks:\n"


def mend(site: Site, file: str = "broken") -> None:
    (site.folder / file).unlink()


def noted(site: Site) -> list[str]:
    """Return what was noted since the last time."""
    lines = (site.folder / "log").read_text().splitlines()
    site.write("log", "")
    return lines


def test_a_handler_runs_though_what_notified_it_has_nothing_to_change_any_more(site: Site) -> None:
    text = head("p") + config(site) + fails(site) + HANDLERS + handler(site)
    assert site.apply(text).code == 2
    assert noted(site) == ["restarted b"]
    again = site.apply(text, "--retry-failed")
    assert (again.code, noted(site)) == (2, [])
    mend(site)
    ran = site.apply(text, "--retry-failed")
    assert ran.statuses(task="config") == ["matched"]
    assert (ran.code, noted(site)) == (0, ["restarted a"])
    assert (site.apply(text).code, noted(site)) == (0, [])


def test_it_waits_for_its_play_over_runs_that_do_not_come_to_it(site: Site) -> None:
    first = head("p") + fails(site, "early")
    text = first + head("q") + config(site) + fails(site) + HANDLERS + handler(site)
    assert site.apply(text).code == 2
    assert noted(site) == ["restarted b"]
    mend(site)
    site.write("early", "")
    assert site.apply(text, "--retry-failed").code == 2
    assert site.apply(text, "--retry-failed").code == 2
    assert site.apply(text, "--resume").code == 2
    mend(site, "early")
    assert noted(site) == []
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["restarted a"])


def test_it_waits_on_hosts_that_a_limit_leaves_out(site: Site) -> None:
    text = head("p") + config(site) + fails(site) + fails(site, host="b") + HANDLERS + handler(site)
    assert site.apply(text).code == 2
    mend(site)
    assert (site.apply(text, "--retry-failed", "--limit-hosts", "b").code, noted(site)) == (0, ["restarted b"])
    assert (site.apply(text, "--retry-failed").code, noted(site)) == (0, ["restarted a"])


def test_a_retry_that_a_limit_kept_from_a_host_is_resumed_with_its_handlers(site: Site) -> None:
    text = head("p") + config(site) + fails(site) + fails(site, host="b") + HANDLERS + handler(site)
    site.apply(text)
    mend(site)
    site.apply(text, "--retry-failed", "--limit-hosts", "b")
    noted(site)
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["restarted a"])


def test_a_handler_that_ran_before_another_one_failed_is_not_run_for_that(site: Site) -> None:
    tasks = head("p") + config(site) + config(site, "reload")
    handlers = handler(site, "reloaded", "reload") + fails(site, more=", with: {subscribe: restart}")
    text = tasks + HANDLERS + handlers + handler(site, "after")
    assert site.apply(text).code == 2
    assert sorted(noted(site)) == ["after b", "reloaded a", "reloaded b"]
    mend(site)
    assert (site.apply(text, "--retry-failed").code, noted(site)) == (0, ["after a"])


def test_a_new_change_has_a_handler_run_that_ran_before(site: Site) -> None:
    text = head("p") + config(site) + HANDLERS + handler(site) + fails(site, more=", with: {subscribe: restart}")
    assert site.apply(text).code == 2
    noted(site)
    mend(site)
    (site.folder / "restart-a").write_text("changed by someone")
    assert (site.apply(text, "--retry-failed").code, noted(site)) == (0, ["restarted a"])


def test_plays_may_be_added_and_handlers_that_are_gone_are_named(site: Site) -> None:
    play = head("p") + config(site) + config(site, "reload") + fails(site)
    handlers = HANDLERS + handler(site) + handler(site, "reloaded", "reload")
    assert site.apply(play + handlers).code == 2
    noted(site)
    mend(site)
    changed = head("before") + "    - !echo {msg: hello}\n"
    changed += head("p") + config(site) + HANDLERS + handler(site)
    ran = site.apply(changed, "--retry-failed")
    assert (ran.code, noted(site)) == (0, ["restarted a"])
    assert "play 'p' has no handler of 'reload' any more" in ran.out
    assert "on a: see to it there" in ran.out


def test_a_play_that_is_gone_is_named(site: Site) -> None:
    text = head("p") + config(site) + fails(site) + HANDLERS + handler(site)
    assert site.apply(text).code == 2
    noted(site)
    ran = site.apply(head("other") + config(site) + HANDLERS + handler(site), "--retry-failed")
    assert (ran.code, noted(site)) == (0, [])
    assert "play 'p' has no handler of 'restart' any more" in ran.out


def test_of_plays_of_one_name_it_is_the_same_one(site: Site) -> None:
    text = head("p") + "    - !echo {msg: hello}\n" + HANDLERS + handler(site, "first")
    text += head("p") + config(site) + fails(site) + HANDLERS + handler(site, "second")
    assert site.apply(text).code == 2
    assert noted(site) == ["second b"]
    mend(site)
    assert (site.apply(text, "--retry-failed").code, noted(site)) == (0, ["second a"])
