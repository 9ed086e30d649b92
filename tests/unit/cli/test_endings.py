# SPDX-License-Identifier: GPL-3.0-or-later
"""The last sentence of a run in which not everything was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.cli.conftest import Run

PLAYBOOK = """
- name: p
  groups: [all]
  tasks:
    - !shell {cmd: "touch '%s/done'", with: {window: "%s"}}
"""


def test_a_host_on_which_every_task_was_skipped_is_not_said_to_match(invoke: Run, tmp_path: Path) -> None:
    then = datetime.now(UTC) + timedelta(hours=12)
    closed = f"{then:%H:%M}-{then + timedelta(minutes=1):%H:%M} UTC"
    (tmp_path / "p.yml").write_text(PLAYBOOK % (tmp_path, closed))
    ran = invoke("local", "-p", "p.yml")
    assert ran.returncode == 0, ran.stderr
    assert not (tmp_path / "done").exists()
    assert "Nothing was changed, every task was skipped." in ran.stdout
