# SPDX-License-Identifier: GPL-3.0-or-later
"""A control machine whose locale is not UTF-8: names, contents and output are what they are everywhere else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeProject, Ran
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

# What Python makes of a C locale where it may not choose UTF-8 instead (PEP 538 and 540), and of others.
STRICT = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "C": {"LC_ALL": "C"},
    "ASCII": STRICT,
    "EUC-JP": {**STRICT, "PYTHONIOENCODING": "euc_jp"},
    "ISO-8859-1": {**STRICT, "PYTHONIOENCODING": "latin-1"},
}
PLAY = """
- name: grün
  groups: [web]
  tasks:
    - !copy {name: 日本, src: "grün 日本", dest: "/tmp/grün 日本"}
    - !template {src: "vorlage ü.j2", dest: "/tmp/vorlage ü"}
    - !command {name: say, cmd: [cat, "/tmp/grün 日本"], and: {notify: fertig ✓}}
    - !fetch {src: "/tmp/grün 日本", dest: "zurück 日本"}
  handlers:
    - !shell {name: fertig ✓, cmd: "printf 'ü\\\\377'", with: {subscribe: fertig ✓}}
"""


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("view", ["--json", "--text"])
def test_a_run_in_a_locale_that_is_not_utf8(locale: str, view: str, new_host: NewHost, project: MakeProject) -> None:
    host = new_host("debian")
    made = project([host])
    (made.folder / "site.yml").write_text(PLAY, encoding="utf-8")
    (made.folder / "grün 日本").write_text("inhalt ü 日本\n", encoding="utf-8")
    (made.folder / "vorlage ü.j2").write_text("{{ everything[-1] }} ü\n", encoding="utf-8")
    flags = ["--json"] if view == "--json" else ["-v"]
    done = subprocess.run(
        made.argv("apply", *flags),
        cwd=made.folder,
        env={**made.environment(), "LANG": "", **LOCALES[locale]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=100,
    )
    shown = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, shown + done.stderr.decode("utf-8", "replace")
    assert host.read("/tmp/grün 日本").decode() == "inhalt ü 日本\n"
    assert host.read("/tmp/vorlage ü").decode() == "ü ü\n"
    if view == "--json":
        events = Ran(0, shown).events
        (said,) = [event for event in events if event.get("task") == "say" and event["event"] == "host_result"]
        assert said["stdout"] == "inhalt ü 日本\n"
        assert json.dumps(events)
    assert b"Traceback" not in done.stderr
