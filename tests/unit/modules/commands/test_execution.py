# SPDX-License-Identifier: GPL-3.0-or-later
"""shell and command: what runs, with what around it, and how its end is judged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from jetpack_core.contracts.operations import Run
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import OperationCode, OperationError, UnknownValueError
from jetpack_core.modules.commands.command import Command
from jetpack_core.modules.commands.shell import Shell
from jetpack_core.records import PlanKind
from tests.unit.modules.control.driving import Here


def test_result_holds_both_outputs_without_the_last_newline() -> None:
    outcome = Here().apply(Shell(cmd="printf 'one\\ntwo\\n\\n'; echo wrong >&2"))
    assert outcome.result == {"rc": 0, "out": "one\ntwo\n\nwrong", "stdout": "one\ntwo\n", "stderr": "wrong"}
    assert (outcome.rc, outcome.failed, outcome.changed) == (0, False, None)


def test_exit_code_fails_the_task_and_is_named() -> None:
    outcome = Here().apply(Shell(cmd="exit 7"))
    assert (outcome.failed, outcome.rc, outcome.msg) == (True, 7, "exit code 7")
    assert outcome.command == ("/bin/sh", "-c", "exit 7")


@pytest.mark.parametrize(
    ("condition", "failed"),
    [
        ("rc == 3", True),
        ("rc not in [0, 3]", False),
        ("'bad' in out", True),
        ("stderr != ''", True),
        ("done.stdout == 'fine'", False),
        ("(eq rc 3)", True),
        ("rc == limit", True),
    ],
)
def test_failed_when_decides_whatever_the_exit_code(condition: str, failed: bool) -> None:
    module = Shell(cmd="echo bad; echo worse >&2; exit 3", failed_when=condition, save="done")
    assert Here({"limit": 3}).apply(module).failed is failed


def test_failed_when_can_fail_a_command_that_exits_with_0() -> None:
    outcome = Here().apply(Shell(cmd="echo ERROR", failed_when="'ERROR' in out"))
    assert (outcome.failed, outcome.rc, outcome.msg) == (True, 0, "failed_when is true: 'ERROR' in out")


def test_changed_when_decides_what_counts_as_a_change() -> None:
    assert Here().apply(Shell(cmd="echo same", changed_when="'same' not in out")).changed is False
    assert Here().apply(Shell(cmd="echo other", changed_when="'same' not in out")).changed is True
    assert Here().apply(Shell(cmd="true", changed_when="false")).changed is False


@pytest.mark.parametrize("parameter", ["failed_when", "changed_when"])
@pytest.mark.parametrize("condition", ["no_such_name == 1", "out", "rc + 'x'"])
def test_condition_that_cannot_be_told_fails_without_hiding_the_output(parameter: str, condition: str) -> None:
    module = Shell.model_validate({"cmd": "echo precious", parameter: condition})
    outcome = Here().apply(module)
    assert outcome.failed
    assert outcome.msg.startswith(f"{parameter}: ")
    assert outcome.stdout == "precious\n"


def test_unknown_value_in_a_condition_is_not_taken_for_a_failure() -> None:
    module = Shell(cmd="true", failed_when="later.rc == 0", read_only=True)
    with pytest.raises(UnknownValueError, match="only later"):
        Here({"later": Unknown("only later")}, planning=True).apply(module)


def test_plan_runs_nothing_and_shows_the_command(tmp_path: Path) -> None:
    host = Here()
    plan = host.plan(Shell(cmd=f"touch {tmp_path}/made"))
    assert (plan.kind, plan.read_only, host.frames) == (PlanKind.EXECUTE, False, 0)
    assert plan.outcome.command == ("/bin/sh", "-c", f"touch {tmp_path}/made")


def test_read_only_commands_run_in_plan_mode_and_are_no_change() -> None:
    host = Here(planning=True)
    assert host.plan(Command(cmd=["true"], read_only=True)).read_only
    outcome = host.apply(Command(cmd=["true"], read_only=True))
    assert outcome.changed is False
    assert [isinstance(asked, Run) and asked.read_only for asked in host.asked] == [True]
    assert host.apply(Command(cmd=["true"], read_only=True, changed_when="rc == 0")).changed is True


def test_environment_directory_and_input_reach_the_command(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    module = Shell(
        cmd='cat; echo "$GREETING $TOKEN"; pwd -P',
        stdin="typed\n",
        env={"GREETING": "it's $HOME `x`", "TOKEN": SecretStr("s3cret")},
        cwd=f"{tmp_path.resolve()}/a b",
    )
    outcome = Here().apply(module)
    assert outcome.stdout == f"typed\nit's $HOME `x` s3cret\n{tmp_path.resolve()}/a b\n"


def test_secret_input_reaches_the_command_and_shows_nowhere_else() -> None:
    module = Command(cmd=["wc", "-c"], stdin=SecretStr("hunter22"))
    outcome = Here().apply(module)
    assert outcome.stdout.strip() == "8"
    assert "hunter22" not in repr(module)
    assert "hunter22" not in repr(outcome)


def test_timeout_ends_the_command_and_fails() -> None:
    began = time.monotonic()
    with pytest.raises(OperationError) as raised:
        Here().apply(Shell(cmd="sleep 300", timeout=0.3))
    assert raised.value.code is OperationCode.TIMEOUT
    assert time.monotonic() - began < 100


def test_missing_program_is_an_error_that_no_condition_excuses() -> None:
    with pytest.raises(OperationError) as raised:
        Here().apply(Command(cmd=["/no/such/program"], failed_when="false"))
    assert raised.value.code is OperationCode.NOT_FOUND


def test_another_shell_is_used_when_named() -> None:
    module = Shell(cmd="set -o pipefail; false | true; echo ${BASH_VERSION:+bash}", shell="/bin/bash")  # noqa: S604
    assert Here().apply(module).stdout == "bash\n"


words = st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])), max_size=5)


@settings(max_examples=25, deadline=None)
@given(words)
def test_every_word_reaches_the_program_as_it_is(arguments: list[str]) -> None:
    outcome = Here().apply(Command(cmd=["printf", "%s\\0", "-", *arguments]))
    assert outcome.stdout == "".join(f"{word}\0" for word in ["-", *arguments])


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"cmd": []}, "at least 1"),
        ({"cmd": ["", "x"]}, "no program"),
        ({"cmd": [" "]}, "no program"),
        ({"cmd": ["a\0b"]}, "NUL"),
        ({"cmd": ["login", SecretStr("x")]}, r"`env:` or `stdin:`"),
        ({"cmd": ["a"], "env": {"A=B": "c"}}, "environment variable"),
        ({"cmd": ["a"], "env": {"A": "b\0"}}, "NUL"),
        ({"cmd": ["a"], "stdin": {"a": 1}}, "to_json"),
        ({"cmd": ["a"], "timeout": "0"}, "greater than 0"),
        ({"cmd": ["a"], "cwd": "~/x"}, "not expanded"),
        ({"cmd": ["a"], "save": "a-b"}, "pattern"),
        ({"cmd": ["a"], "chdir": "/"}, "Extra inputs"),
    ],
)
def test_wrong_parameters_are_refused_with_the_reason(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Command.model_validate(parameters)


def test_secret_in_a_shell_command_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"`env:` or `stdin:`"):
        Shell.model_validate({"cmd": SecretStr("mysql -p x")})
    with pytest.raises(ValidationError, match="empty"):
        Shell.model_validate({"cmd": " \n"})


def test_list_that_a_template_gave_is_the_command() -> None:
    assert Command.model_validate({"cmd": [["printf", "%s", "x y"]]}).cmd == ["printf", "%s", "x y"]
    with pytest.raises(ValidationError, match="to_json"):
        Command.model_validate({"cmd": ["printf", ["x"]]})
    with pytest.raises(ValidationError, match="at least 1"):
        Command.model_validate({"cmd": [[]]})


def test_values_that_templates_made_numbers_are_words_again() -> None:
    module = Command.model_validate({"cmd": ["echo", 8080, True, 1.5], "env": {"PORT": 1}, "stdin": 3})
    assert module.cmd == ["echo", "8080", "true", "1.5"]
    assert (module.env, module.stdin) == ({"PORT": "1"}, "3")


def test_output_that_is_not_utf8_survives() -> None:
    outcome = Here().apply(Shell(cmd="printf 'a\\377b'"))
    assert outcome.stdout.encode(errors="surrogateescape") == b"a\xffb"
    again = Here().apply(Command(cmd=["od", "-An", "-c"], stdin=outcome.stdout))
    assert again.stdout.split() == ["a", "377", "b"]
