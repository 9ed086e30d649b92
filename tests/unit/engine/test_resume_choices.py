# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that go on after a task that one host did for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.site import Site

PLAYBOOK = """
- name: p
  groups: [web]
  batch_size: {size}
  tasks:
    - !shell
      name: once
      cmd: 'echo "once {{{{ inventory_hostname }}}}" >>{folder}/log; echo token-7'
      unsafe: true
      save: made
      with: {{run_once: true}}
    - !shell
      name: maybe
      cmd: 'case {{{{ inventory_hostname }}}} in {broken}) ! test -e {folder}/broken;; esac'
      unsafe: true
    - !shell
      name: use
      cmd: 'echo "{{{{ inventory_hostname }}}} {{{{ made.stdout }}}}" >>{folder}/log'
      unsafe: true
"""


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("broken", ["a", "b", "a|b|c"])
def test_it_is_not_done_again_and_what_it_saved_is_known(tmp_path: Path, size: int, broken: str) -> None:
    site = Site(tmp_path)
    site.write("inventory/groups/web", "hosts: [a, b, c]\n")
    site.write("broken", "")
    text = PLAYBOOK.format(folder=tmp_path, size=size, broken=broken)
    assert site.apply(text).code == 2
    (tmp_path / "broken").unlink()
    resumed = site.apply(text, "--resume")
    assert resumed.code == 0, resumed.err
    lines = (tmp_path / "log").read_text().splitlines()
    assert sorted(lines) == ["a token-7", "b token-7", "c token-7", "once a"]


def test_the_last_failed_can_be_named_among_the_limits(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write("inventory/groups/web", "hosts: [a, b, c]\n")
    site.write("broken", "")
    text = PLAYBOOK.format(folder=tmp_path, size=3, broken="b")
    nobody = site.apply(text, "--limit-hosts", "@last-failed", verb="plan")
    assert (nobody.code, "no run of" in nobody.err) == (1, True)
    site.apply(text)
    planned = site.apply(text, "--limit-hosts", "@last-failed", verb="plan")
    assert {str(result["host"]) for result in planned.results()} == {"b"}
    more = site.apply(text, "--limit-hosts", "@last-failed:c", verb="plan")
    assert {str(result["host"]) for result in more.results(task="maybe")} == {"b", "c"}
    (tmp_path / "broken").unlink()
    assert site.apply(text, "--limit-hosts", "@last-failed").code == 0
    nothing = site.apply(text, "--limit-hosts", "@last-failed", verb="plan")
    assert (nothing.code, nothing.results(), "no host failed" in nothing.err) == (0, [], True)
