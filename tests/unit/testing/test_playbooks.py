# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of the kit: whole playbooks, the command line, hosts, and what loading them costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import ContentError, HostUnreachableError
from jetpack_core.events import PlayStarted, RunFinished
from jetpack_core.records import CommandResult, FileKind, Status
from jetpack_core.testing.command_line import CommandLine
from jetpack_core.testing.documents import code_blocks
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.no_python import ShellConnection
from jetpack_core.testing.playbooks import PlaybookRunner
from jetpack_core.testing.sandbox import HOSTILE_NAME, Sandbox
from jetpack_core.testing.scripted import ScriptedConnection
from tests.unit.engine.memory import MemoryPlugin

WRITE = """
- name: play
  groups: [all]
  tasks:
    - !copy
      content: "{{ greeting }} from {{ place }}"
      dest: "{{ folder }}/greeting"
"""


def test_a_playbook_runs_on_this_machine(run_playbook: PlaybookRunner, tmp_path: Path) -> None:
    variables = {"greeting": "hello", "folder": str(tmp_path), "place": "here"}
    assert run_playbook(WRITE, variables=variables, plan=True).statuses() == [Status.CREATED]
    assert not (tmp_path / "greeting").exists()
    ran = run_playbook(WRITE, variables=variables)
    assert (ran.exit_code, ran.statuses()) == (0, [Status.CREATED])
    assert (tmp_path / "greeting").read_text() == "hello from here"
    assert run_playbook(WRITE, variables=variables).statuses() == [Status.MATCHED]


def test_hosts_have_variables_and_groups(run_playbook: PlaybookRunner) -> None:
    ran = run_playbook(
        """
        - name: play
          groups: [web]
          tasks:
            - !echo
              msg: "port {{ port }}"
        """,
        hosts={"web1": {"port": 80}, "web2": {"port": 81}, "db1": {"port": 5432}},
        groups={"web": ["web1", "web2"]},
    )
    assert [event.hosts for event in ran.of(PlayStarted)] == [("web1", "web2")]
    assert ran.messages == ["port 80", "port 81"]
    assert [result.msg for result in ran.results("web2")] == ["port 81"]


def test_hosts_may_be_scripted(run_playbook: PlaybookRunner) -> None:
    made: list[ScriptedConnection] = []

    def connect(_: object) -> ScriptedConnection:
        made.append(ScriptedConnection().on(Run, lambda one: CommandResult(one.argv, 3, stderr="no such service")))
        return made[-1]

    text = "- name: play\n  groups: [all]\n  tasks:\n    - !command\n      cmd: [systemctl, restart, nginx]\n"
    ran = run_playbook(text, hosts=["web1"], connect=connect)
    assert (ran.exit_code, ran.statuses("web1")) == (2, [Status.FAILED])
    assert made[0].commands == [("systemctl", "restart", "nginx")]


def test_a_host_that_cannot_be_reached_is_a_status(run_playbook: PlaybookRunner) -> None:
    class Down(ScriptedConnection):
        async def connect(self) -> None:
            raise HostUnreachableError("no route")

    text = "- name: play\n  groups: [all]\n  tasks:\n    - !command\n      cmd: [uptime]\n"
    ran = run_playbook(text, hosts=["web1"], connect=lambda _: Down())
    assert ran.statuses("web1") == [Status.UNREACHABLE]
    assert ran.of(RunFinished)[0].exit_code == ran.exit_code == 4


def test_plugins_that_are_not_installed_can_be_added(run_playbook: PlaybookRunner) -> None:
    text = "- name: play\n  groups: [all]\n  tasks:\n    - !keep\n      path: /motd\n      text: hello\n"
    ran = run_playbook(text, hosts={"a": {"jet_connection": "memory"}}, connect=None, plugins=[MemoryPlugin()])
    assert ran.statuses("a") == [Status.CREATED]


def test_mistakes_in_the_text_are_raised_with_their_places(run_playbook: PlaybookRunner) -> None:
    with pytest.raises(ContentError, match=r"playbook-1.yml:4:7: .*no_such_module"):
        run_playbook("- name: play\n  groups: [all]\n  tasks:\n    - !no_such_module\n      a: b\n")


def test_the_command_line_runs_in_a_folder_of_its_own(run_jetpack: CommandLine) -> None:
    done = run_jetpack("init", "site")
    assert done.exit_code == 0
    assert (run_jetpack.folder / "site" / ".jetpack.yml").exists()
    done = run_jetpack("check", "--project", "site")
    assert (done.exit_code, done.stdout) == (0, "1 play, 5 tasks, 1 host: no problems\n")
    assert run_jetpack("no-such-verb").exit_code == 1
    assert "no-such-verb" in run_jetpack("no-such-verb").stderr


def test_this_machine_and_a_directory_on_it(jetpack_host: TestHost, jetpack_sandbox: Sandbox) -> None:
    path = jetpack_sandbox.write("a", "b")
    assert jetpack_host.ask(jetpack_host.stat(path)).kind is FileKind.FILE
    assert jetpack_host.render(jetpack_sandbox.template("a")) == path


def test_a_path_as_a_template_survives_hostile_names(jetpack_host: TestHost) -> None:
    box = Sandbox(jetpack_host, HOSTILE_NAME)
    assert jetpack_host.render(box.template("x")) == box.path("x")
    box.close()


def test_a_scripted_host(scripted_host: TestHost, scripted_connection: ScriptedConnection) -> None:
    scripted_connection.command(["uptime"], stdout="up")
    assert scripted_host.ask(scripted_host.run(["uptime"])).stdout == "up"


def test_a_host_without_python_is_served_by_its_shell() -> None:
    with TestHost(ShellConnection()) as host:
        box = Sandbox(host, HOSTILE_NAME)
        box.write("a", b"\0\xff")
        assert box.read("a") == b"\0\xff"
        asked = host.ask(host.run(["sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline"]))
        assert "python" not in asked.stdout.split(" ")[0]
        box.close()


def test_blocks_of_a_document(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n\n```yaml\n- b: c\n```\n\n```console\n$ d\n```\n\n```yaml title=x\ne: f\n\ng: h\n```\n")
    assert code_blocks(page, "yaml") == ["- b: c\n", "e: f\n\ng: h\n"]
    assert code_blocks(page, "console") == ["$ d\n"]


def test_the_pytest_plugin_costs_nothing_until_it_is_used() -> None:
    script = "import sys, pytest, jetpack_core.testing.plugin, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not {"pydantic", "jinja2", "yaml", "click", "rich", "paramiko", "pluggy.jetpack"} & loaded
    own = {name for name in loaded if name.startswith("jetpack_core")}
    assert own == {"jetpack_core", "jetpack_core.testing", "jetpack_core.testing.plugin"}
