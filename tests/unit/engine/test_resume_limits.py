# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that go on with some of the hosts that an earlier one left, and leave the others to a later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write("inventory/groups/web", "hosts: [a, b, c]\n")
    made.write("inventory/groups/odd", "hosts: [a, c]\n")
    made.write("log", "")
    return made


def note(site: Site, word: str, more: str = "") -> str:
    """Return a task that notes a word and its host."""
    cmd = f'echo "{word} {{{{ inventory_hostname }}}}" >>{site.folder}/log'
    return f"    - !shell {{name: {word}, cmd: '{cmd}', unsafe: true{more}}}\n"


def fails(site: Site) -> str:
    """Return a task that fails on each host whose name is that of a file."""
    cmd = f"! test -e {site.folder}/bad-{{{{ inventory_hostname }}}}"
    return f"    - !shell {{name: maybe, cmd: '{cmd}', unsafe: true}}\n"


def bad(site: Site, hosts: str) -> None:
    for host in hosts:
        site.write(f"bad-{host}", "")


def mend(site: Site, hosts: str = "abc") -> None:
    for host in hosts:
        (site.folder / f"bad-{host}").unlink(missing_ok=True)


def noted(site: Site) -> list[str]:
    """Return what was noted since the last time."""
    lines = (site.folder / "log").read_text().splitlines()
    site.write("log", "")
    return sorted(lines)


def head(name: str, group: str = "web", keywords: str = "") -> str:
    return f"- name: {name}\n  groups: [{group}]\n{keywords}  tasks:\n"


def playbook(site: Site) -> str:
    return head("p") + note(site, "first") + fails(site) + note(site, "last")


@pytest.mark.parametrize("limit", [("--limit-hosts", "a:c"), ("--limit-groups", "odd")])
def test_what_a_limit_left_out_goes_on_the_next_time(site: Site, limit: tuple[str, str]) -> None:
    text = playbook(site)
    bad(site, "abc")
    assert site.apply(text).code == 2
    mend(site)
    noted(site)
    narrow = site.apply(text, "--resume", *limit)
    assert (narrow.code, noted(site)) == (0, ["last a", "last c"])
    assert "not wanted this time, and left to another --resume: b" in narrow.out
    rest = site.apply(text, "--resume")
    assert (rest.code, noted(site)) == (0, ["last b"]), rest.err
    assert "not wanted this time" not in rest.out
    done = site.apply(text, "--resume")
    assert (done.code, noted(site)) == (0, [])
    assert "there is nothing to resume" in done.err


def test_hosts_go_on_one_by_one_in_any_order(site: Site) -> None:
    text = playbook(site)
    bad(site, "abc")
    site.apply(text)
    noted(site)
    mend(site, "ac")
    assert site.apply(text, "--resume", "--limit-hosts", "c").code == 0
    assert site.apply(text, "--resume", "--limit-hosts", "b").code == 2
    assert site.apply(text, "--resume", "--limit-hosts", "a").code == 0
    assert noted(site) == ["last a", "last c"]
    mend(site)
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["last b"])


def test_a_host_that_was_never_reached_is_left_too(site: Site) -> None:
    """As when a run stops before its turn comes: it has not failed."""
    text = head("p", keywords="  batch_size: 1\n  max_failures: 1\n") + note(site, "first") + fails(site)
    bad(site, "a")
    assert site.apply(text).code == 2
    mend(site)
    assert noted(site) == ["first a"]
    assert site.apply(text, "--resume", "--limit-hosts", "a:b").code == 0
    assert noted(site) == ["first b"]
    retried = site.apply(text, "--retry-failed")
    assert (retried.code, noted(site)) == (1, [])
    assert "go on where it ended with --resume" in retried.err
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["first c"])


def test_a_host_without_a_part_in_the_last_play_is_done_all_the_same(site: Site) -> None:
    text = playbook(site) + head("q", "odd") + note(site, "second")
    assert site.apply(text).code == 0
    assert len(noted(site)) == 3 + 3 + 2
    again = site.apply(text, "--resume")
    assert (again.code, noted(site)) == (0, [])
    assert "there is nothing to resume" in again.err
    bad(site, "b")
    assert site.apply(text).code == 2
    mend(site)
    noted(site)
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["last b"])
    assert "there is nothing to resume" in site.apply(text, "--resume").err


def test_what_a_narrowed_run_left_out_has_still_failed(site: Site) -> None:
    text = playbook(site)
    bad(site, "abc")
    site.apply(text)
    mend(site)
    site.apply(text, "--resume", "--limit-hosts", "a")
    noted(site)
    assert (site.apply(text, "--retry-failed").code, noted(site)) == (0, ["first b", "first c", "last b", "last c"])


def test_no_play_may_be_put_before_one_in_which_a_host_is_left(site: Site) -> None:
    """Its place would be taken for one in the other play, by the run after the narrowed one."""
    first, second = playbook(site), head("q", "odd") + note(site, "second") + fails(site).replace("bad", "worse")
    bad(site, "b")
    site.write("worse-a", "")
    assert site.apply(first + second).code == 2
    mend(site)
    noted(site)
    between = head("x", "odd") + note(site, "between") + note(site, "beyond")
    narrow = site.apply(first + between + second, "--resume", "--limit-hosts", "b")
    assert (narrow.code, noted(site)) == (1, [])
    assert "play 'q' has changed in what run" in narrow.err
    assert "has done of it on a" in narrow.err
    after = head("y") + note(site, "after")
    assert site.apply(first + second + after, "--resume", "--limit-hosts", "b").code == 0
    assert noted(site) == ["after b", "last b"]
    (site.folder / "worse-a").unlink()
    assert site.apply(first + second + after, "--resume").code == 0
    # Host c had come to the end of the playbook as it was then.
    assert noted(site) == ["after a"]
    assert "there is nothing to resume" in site.apply(first + second + after, "--resume").err


def test_a_play_that_is_taken_away_harms_no_host_that_was_done(site: Site) -> None:
    text = playbook(site)
    bad(site, "b")
    assert site.apply(text + head("q") + note(site, "second", ", save: told")).code == 2
    mend(site)
    noted(site)
    assert (site.apply(text, "--resume").code, noted(site)) == (0, ["last b"])
    again = site.apply(text, "--resume")
    assert (again.code, "there is nothing to resume" in again.err) == (0, True), again.err
