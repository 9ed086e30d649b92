# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs at work on this machine: a new project, the examples, and what is said of mistakes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def project(tmp_path: Path, invoke: Run) -> Path:
    """Return a project fresh from `jetpack init`, whose files go below the test's own folder."""
    folder = tmp_path / "project"
    done = invoke("init", str(folder))
    assert done.returncode == 0, done.stderr
    with (folder / ".jetpack.yml").open("a") as file:
        file.write(f"extra_vars: {{root: {tmp_path}/pages, motd: {tmp_path}/motd}}\n")
    return folder


def statuses(output: str) -> list[str]:
    events = [json.loads(line) for line in output.splitlines()]
    return [event["status"] for event in events if event["event"] == "host_result"]


def test_a_new_project_is_without_problems(project: Path, invoke: Run) -> None:
    done = invoke("check", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 play, 5 tasks, 1 host: no problems\n", "")


def test_a_new_project_runs_and_then_matches(project: Path, invoke: Run, tmp_path: Path) -> None:
    planned = invoke("check-local", "--exit-on-change", "--json", cwd=project)
    assert (planned.returncode, planned.stderr) == (3, "")
    assert not (tmp_path / "motd").exists()

    first = invoke("local", "--json", cwd=project)
    assert first.returncode == 0
    assert statuses(first.stdout) == statuses(planned.stdout)
    assert (tmp_path / "motd").read_text() == "This machine is looked after by nobody in particular.\n"
    assert (tmp_path / "pages" / "index.txt").read_text() == "This is index.\n"

    second = invoke("local", "--json", cwd=project)
    assert set(statuses(second.stdout)) == {"matched"}
    assert invoke("check-local", "--exit-on-change", cwd=project).returncode == 0


def test_init_never_overwrites(project: Path, invoke: Run) -> None:
    (project / "site.yml").write_text("mine")
    shutil.rmtree(project / "roles")
    (project / ".jetpack.yml").unlink()
    done = invoke("init", cwd=project)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (project / "site.yml").read_text() == "mine"
    assert not (project / "roles").exists()


def test_every_run_leaves_a_log(project: Path, invoke: Run, tmp_path: Path) -> None:
    invoke("local", cwd=project)
    (log,) = (tmp_path / "home" / ".local" / "state" / "jetpack" / "runs").glob("*/events.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert {event["run"] for event in events} == {log.parent.name}


def test_an_unwritable_log_stops_nothing(project: Path, invoke: Run) -> None:
    done = invoke("local", cwd=project, JET_LOG="/proc/nowhere/jet.log")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "this run is not logged" in done.stderr


def test_flags_beat_the_project_file(project: Path, invoke: Run, tmp_path: Path) -> None:
    done = invoke("local", "-e", f"motd={tmp_path}/other", "-e", "owner=me", cwd=project)
    assert done.returncode == 0
    assert (tmp_path / "other").read_text() == "This machine is looked after by me.\n"
    assert not (tmp_path / "motd").exists()


def test_all_problems_of_a_project_are_told_at_once(project: Path, invoke: Run) -> None:
    with (project / "site.yml").open("a") as file:
        file.write("- name: second\n  groups: [wob]\n  tasks:\n    - !copi {src: a, dest: /b}\n")
    (project / "roles" / "motd" / "templates" / "motd.j2").write_text("fine\n{{ owner\n")
    (project / "inventory" / "groups" / "more").write_text("hots: [a]\n")
    done = invoke("check", cwd=project)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "`copi`" in done.stderr or "copi" in done.stderr
    assert "hots" in done.stderr
    assert "nothing ran" in done.stderr


def test_a_broken_template_is_found(project: Path, invoke: Run) -> None:
    (project / "roles" / "motd" / "templates" / "motd.j2").write_text("fine\n{{ owner\n")
    done = invoke("check", cwd=project)
    assert done.returncode == 1
    assert "motd.j2:2:" in done.stderr


def test_a_group_that_is_not_there_is_found(project: Path, invoke: Run) -> None:
    playbook = project / "site.yml"
    playbook.write_text(playbook.read_text().replace("groups: [all]", "groups: [wob]"))
    done = invoke("check", cwd=project)
    assert done.returncode == 1
    assert "no group 'wob'" in done.stderr
    assert "web" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("apply",), "there is no"),
        (("local",), "there is no playbook to run"),
        (("plan", "-p", "gone.yml", "-i", "gone"), "gone.yml"),
        (("run", "all", "facts"), "there is no inventory"),
        (("local", "-p", "~/site.yml"), "'~' is not expanded"),
    ],
)
def test_what_is_missing_is_said(invoke: Run, arguments: tuple[str, ...], told: str) -> None:
    done = invoke(*arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_plugins_a_project_requires_are_checked_before_anything_runs(project: Path, invoke: Run) -> None:
    with (project / ".jetpack.yml").open("a") as file:
        file.write("plugins: [jetpack-plugin-nowhere>=2]\n")
    done = invoke("local", cwd=project)
    assert done.returncode == 1
    assert "pip install 'jetpack-plugin-nowhere>=2'" in done.stderr


def test_a_missing_secrets_inventory_is_an_error_only_where_it_matters(project: Path, invoke: Run) -> None:
    with (project / ".jetpack.yml").open("a") as file:
        file.write("secrets_inventory: ../secrets\n")
    checked = invoke("check", cwd=project)
    assert checked.returncode == 0
    assert "its variables will be missing" in checked.stderr
    applied = invoke("apply", cwd=project)
    assert applied.returncode == 1
    assert "secrets inventory" in applied.stderr


def test_asking_for_a_password_without_a_terminal_is_an_error(project: Path, jetpack: Run) -> None:
    done = jetpack("local", "--ask-sudo-password", cwd=project)
    assert done.returncode == 1
    assert "--ask-sudo-password needs a terminal" in done.stderr


def test_a_tag_that_no_task_has_is_a_warning(project: Path, invoke: Run) -> None:
    with (project / "site.yml").open("a") as file:
        file.write("- name: p\n  groups: [all]\n  tasks:\n    - !echo {msg: hi, with: {tags: [greet]}}\n")
    done = invoke("local", "--tags", "gret", cwd=project)
    assert done.returncode == 0
    assert done.stderr == "warning: no task has the tag 'gret'; did you mean `greet`?\n"
    assert invoke("local", "--tags", "greet", cwd=project).stderr == ""


def test_a_run_goes_on_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text(
        "- name: p\n  groups: [all]\n  tasks:\n    - !command {cmd: sleep 1}\n"
        f"    - !file {{path: {tmp_path}/done}}\n"
    )
    command = f"{sys.executable} -m jetpack_core.cli local -p p.yml | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env={**os.environ, "JET_LOG": str(tmp_path / "log")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "done").exists()
    assert json.loads((tmp_path / "log").read_text().splitlines()[-1])["event"] == "run_finished"


def inventory_of_this_machine(folder: Path) -> Path:
    (folder / "groups").mkdir(parents=True)
    (folder / "groups" / "here").write_text("hosts: [localhost]\n")
    (folder / "host_vars").mkdir()
    (folder / "host_vars" / "localhost").write_text("jet_connection: local\ngreeting: hi\n")
    return folder


@pytest.mark.parametrize("flag", ["--limit-hosts", "--limit-groups", "--tags", "--sudo", "-u", "-i", "-p"])
@pytest.mark.parametrize("value", ["", " ", ":"])
def test_an_empty_value_is_refused_rather_than_left_out(project: Path, invoke: Run, flag: str, value: str) -> None:
    if (flag, value) in {("--sudo", ":"), ("-u", ":")}:
        return
    done = invoke("plan", flag, value, cwd=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert "it is empty" in done.stderr


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_full_disk_stops_the_output_and_not_the_run(project: Path, flags: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "jetpack_core.cli", "local", *flags],
            cwd=project,
            env={**os.environ, "HOME": str(tmp_path / "home"), "NO_COLOR": "1"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (tmp_path / "motd").exists()
    told = "warning: cannot write to standard output: No space left on device; the run goes on without it\n"
    assert (done.returncode, done.stderr) == (0, told)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_stop_nothing(project: Path, tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "jetpack_core.cli", "local"],
        cwd=project,
        env={**os.environ, "HOME": str(tmp_path / "home"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "motd").read_text() == "This machine is looked after by nobody in particular.\n"


def test_one_module_runs_on_a_group(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    arguments = (
        "run",
        "-i",
        str(inventory),
        "here",
        "copy",
        "content={{ greeting }}",
        f"dest={tmp_path}/x",
        "mode=0600",
    )
    assert invoke(*arguments, "--plan").returncode == 0
    assert not (tmp_path / "x").exists()
    assert invoke(*arguments).returncode == 0
    assert (tmp_path / "x").read_text() == "hi"
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_files_of_an_ad_hoc_module_are_looked_for_from_here(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    (tmp_path / "motd").write_text("welcome")
    done = invoke("run", "-i", str(inventory), "here", "copy", "src=motd", f"dest={tmp_path}/x")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x").read_text() == "welcome"


def test_a_command_runs_as_it_is_and_its_output_is_shown(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    done = invoke("run", "-i", str(inventory), "here", "--", "printf", "%s|", "a b", "{{ greeting }}", "$HOME;")
    assert done.returncode == 0, done.stderr
    assert "a b|{{ greeting }}|$HOME;|" in done.stdout


def test_what_a_module_finds_out_is_shown_and_nothing_of_how(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    done = invoke("run", "-i", str(inventory), "here", "facts")
    assert done.returncode == 0, done.stderr
    assert "\n              jet_os_type: " in done.stdout
    assert " | " not in done.stdout, "the output of the gathering script"
    looked = invoke("run", "-i", str(inventory), "here", "stat", "path=/", "--json")
    results = [event.get("result") for event in map(json.loads, looked.stdout.splitlines())]
    assert [found["is_dir"] for found in results if found] == [True]


def test_a_host_in_place_of_a_group_is_explained(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    done = invoke("run", "-i", str(inventory), "localhost", "facts")
    assert done.returncode == 1
    assert "--limit-hosts localhost" in done.stderr


def test_a_wrong_parameter_of_an_ad_hoc_module_is_told(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    done = invoke("run", "-i", str(inventory), "here", "copy", "dest=/tmp/x", "sorce=y")
    assert done.returncode == 1
    assert "sorce" in done.stderr
    assert str(tmp_path / "command line") not in done.stderr or "nothing ran" in done.stderr


def test_a_host_that_fails_makes_the_exit_code_2(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    assert invoke("run", "-i", str(inventory), "here", "--", "false").returncode == 2


def test_a_local_run_takes_variables_from_an_inventory_that_has_this_machine(invoke: Run, tmp_path: Path) -> None:
    inventory = inventory_of_this_machine(tmp_path / "inventory")
    (tmp_path / "p.yml").write_text(
        f"- name: p\n  groups: [all]\n  tasks:\n    - !copy {{content: '{{{{ greeting }}}}', dest: {tmp_path}/x}}\n"
    )
    done = invoke("local", "-p", "p.yml", "-i", str(inventory))
    assert done.returncode == 0, done.stderr + done.stdout
    assert (tmp_path / "x").read_text() == "hi"
    (inventory / "groups" / "here").write_text("hosts: [elsewhere]\n")
    done = invoke("local", "-p", "p.yml", "-i", str(inventory))
    assert done.returncode == 1
    assert "no host 'localhost'" in done.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in (EXAMPLES / "jetporch").glob("*.yml")))
def test_playbooks_in_the_style_of_jetporch_run(invoke: Run, name: str) -> None:
    done = invoke("local", "-p", str(EXAMPLES / "jetporch" / name))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_demo_ends_with_nothing_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    command = tmp_path / "jetpack"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m jetpack_core.cli "$@"\n')
    command.chmod(0o755)
    folder = tmp_path / "tmp"
    folder.mkdir()
    environment = {**os.environ, "JETPACK": str(command), "TMPDIR": str(folder), "NO_COLOR": "1"}
    done = subprocess.run([EXAMPLES / "demo" / "run.sh"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    planned, applied, again = done.stdout.split("$ jetpack ")[1:]
    assert "would create" in planned
    assert "+<!doctype html>" in planned
    assert "HANDLER tell about it" in applied
    assert "The host matches, nothing was changed." in again
    assert not list(folder.iterdir())


def test_the_example_for_real_hosts_is_without_problems(invoke: Run) -> None:
    done = invoke("check", cwd=EXAMPLES / "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 plays, ")
