# SPDX-License-Identifier: GPL-3.0-or-later
"""`cron` on a scripted host: what is refused, and what cannot be brought about at will."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jetpack_core.contracts.operations import Remove, Run, Stat, Write
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.system.cron import Cron
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import ModuleConformance
from jetpack_core.testing.scripted import ScriptedConnection

BACKUP = {"job": "backup", "command": "run --all", "minute": "5"}
LINE = "5 * * * * run --all"


class TestConformance(ModuleConformance):
    module = Cron


def crontab(text: str | None, *, installing: CommandResult | None = None) -> ScriptedConnection:
    """Return a host with such a crontab, or none, for every user."""

    def answer(asked: Run) -> CommandResult:
        if not asked.read_only:
            return installing or CommandResult(asked.argv, 0)
        if text is None:
            return CommandResult(asked.argv, 1, "", "no crontab for root\n")
        return CommandResult(asked.argv, 0, text)

    return ScriptedConnection().on(Run, answer)


def file(text: str | None) -> ScriptedConnection:
    """Return a host with such a file in /etc/cron.d, and every user."""
    now = FileStat("/etc/cron.d/site", FileKind.FILE, 0o644, content=text.encode()) if text is not None else None
    script = ScriptedConnection().on(Stat, lambda asked: now or FileStat(asked.path))
    return script.on(Run, CommandResult((), 0, "0\n")).on(Write, FileStat("/etc/cron.d/site")).on(Remove, None)


def installed(script: ScriptedConnection) -> str:
    """Return what the crontab was made, which travels by standard input."""
    (run,) = [one for one in script.operations if isinstance(one, Run) and not one.read_only]
    return run.stdin.decode()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "either 'job' or 'variable'"),
        ({"job": "a", "variable": "B", "value": "c"}, "is about a job"),
        ({"job": "a"}, "either 'command'"),
        ({"job": "a", "command": "b", "remove": "true"}, "either 'command'"),
        ({"job": "", "command": "b"}, "one line"),
        ({"job": "a\nb", "command": "b"}, "one line"),
        ({"job": "a", "command": "b\n* * * * * evil"}, "one line"),
        ({"job": "a", "command": ""}, "one line"),
        ({"job": "a", "command": "b", "special_time": "daily", "hour": "1"}, "exclude each other"),
        ({"job": "a", "command": "b", "special_time": "often"}, "daily"),
        ({"job": "a", "command": "b", "value": "c"}, "'value' is that of a variable"),
        ({"job": "a", "command": "b", "hour": "24"}, "from 0 to 23"),
        ({"job": "a", "command": "b", "user": "x; id"}, "name of an account"),
        ({"job": "a", "command": "b", "cron_file": "../passwd"}, "not a name that cron reads"),
        ({"job": "a", "command": "b", "cron_file": "site.conf"}, "not a name that cron reads"),
        ({"variable": "A B", "value": "c"}, "name of an environment variable"),
        ({"variable": "A", "value": "b\nC=d"}, "no way to write"),
        ({"variable": "A", "value": " 'x' \"y\""}, "no way to write"),
        ({"variable": "A"}, "either 'value'"),
        ({"variable": "A", "value": "b", "minute": "1"}, "is about a job"),
        ({"cron_file": "x"}, "either 'job' or 'variable'"),
        ({"remove": "true"}, "either 'job' or 'variable'"),
        ({"cron_file": "x", "remove": "true", "user": "root"}, "either 'job' or 'variable'"),
    ],
)
def test_what_cannot_be_meant_is_refused(parameters: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Cron.model_validate(parameters)


def test_a_first_job_makes_the_crontab_in_one_round_trip_each() -> None:
    script = crontab(None)
    with TestHost(script) as host:
        plan, _ = host.converge(Cron.model_validate(BACKUP))
        assert len(host.frames) == 2
    assert (plan.kind, [(one.before, one.after) for one in plan.changes]) == (PlanKind.CREATE, [(None, LINE)])
    assert plan.diffs[0].before is None
    assert installed(script) == f"#Jetpack: backup\n{LINE}\n"


@pytest.mark.parametrize("mark", ["#Jetpack: backup", "#Ansible: backup", "# pyinfra-name=backup"])
def test_a_job_that_another_tool_named_is_known(mark: str) -> None:
    with TestHost(crontab(f"# mine\n{mark}\n{LINE}\n")) as host:
        assert host.plan(Cron.model_validate(BACKUP)).kind is PlanKind.NONE
        assert len(host.frames) == 1
        changed = host.plan(Cron.model_validate({**BACKUP, "disabled": True}))
    assert changed.diffs[0].after == f"# mine\n{mark}\n#{LINE}\n"
    assert (changed.changes[0].before, changed.changes[0].after) == (LINE, f"#{LINE}")


def test_secrets_in_a_crontab_are_not_in_any_argv() -> None:
    script = crontab("TOKEN=hush\n")
    with TestHost(script) as host:
        host.converge(Cron.model_validate(BACKUP))
    assert not any("hush" in word for argv in script.commands for word in argv)
    assert installed(script).startswith("TOKEN=hush\n")


def test_what_cron_refuses_is_told_in_its_words() -> None:
    ended = CommandResult((), 1, "", '"-":3: bad hour\nerrors in crontab file, can\'t install.\n')
    with TestHost(crontab("", installing=ended)) as host, pytest.raises(TaskError, match='"-":3: bad hour'):
        host.converge(Cron.model_validate(BACKUP))


def test_a_crontab_that_changed_meanwhile_is_planned_anew() -> None:
    with TestHost(crontab("", installing=CommandResult((), 75))) as host, pytest.raises(StaleError):
        host.converge(Cron.model_validate(BACKUP))


def test_a_crontab_that_cannot_be_read_is_no_empty_one() -> None:
    ended = CommandResult((), 1, "", "crontab:  user `nosuch' unknown\n")
    script = ScriptedConnection().on(Run, ended)
    with TestHost(script) as host, pytest.raises(TaskError, match="user `nosuch' unknown"):
        host.plan(Cron.model_validate({**BACKUP, "user": "nosuch"}))


def test_a_host_without_cron_says_what_to_do() -> None:
    script = ScriptedConnection().on(Run, OperationError(OperationCode.NOT_FOUND, "crontab"))
    with TestHost(script) as host, pytest.raises(TaskError, match="no crontab") as caught:
        host.plan(Cron.model_validate(BACKUP))
    assert "install cron" in caught.value.hint


def test_a_file_of_the_system_names_who_runs_the_job() -> None:
    script = file(None)
    with TestHost(script) as host:
        plan, _ = host.converge(Cron.model_validate({**BACKUP, "cron_file": "site", "user": "www-data"}))
        assert len(host.frames) == 2
    assert plan.changes[0].after == "5 * * * * www-data run --all"
    assert plan.effects


def test_the_last_job_of_a_file_takes_the_file_along() -> None:
    script = file(f"#Jetpack: backup\n{LINE.replace('* run', '* root run')}\n\n")
    with TestHost(script) as host:
        plan, _ = host.converge(Cron(job="backup", cron_file="site", remove=True))
    assert plan.kind is PlanKind.REMOVE
    assert isinstance(script.operations[-1], Remove)


def test_a_file_with_other_lines_keeps_them() -> None:
    script = file(f"# ours\n#Jetpack: backup\n{LINE.replace('* run', '* root run')}\n")
    with TestHost(script) as host:
        host.converge(Cron(job="backup", cron_file="site", remove=True))
    written = script.operations[-1]
    assert isinstance(written, Write)
    assert written.content == b"# ours\n"


def test_an_unknown_user_is_told_before_anything_is_written() -> None:
    script = file(None).on(Run, CommandResult((), 1, "", "id: no such user"))
    with TestHost(script) as host, pytest.raises(TaskError, match="no user 'nobody2'"):
        host.plan(Cron.model_validate({**BACKUP, "cron_file": "site", "user": "nobody2"}))
