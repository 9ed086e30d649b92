# SPDX-License-Identifier: GPL-3.0-or-later
"""script and external: files of the control machine are sent, run and removed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from jetpack_core.contracts.operations import RunFile
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.external import External, read_answer
from jetpack_core.modules.commands.script import Script
from jetpack_core.modules.commands.sending import interpreter_of
from jetpack_core.records import CommandResult
from jetpack_core.testing.host import TestHost
from tests.unit.modules.control.driving import Here, sources


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_script_runs_with_its_arguments_and_leaves_nothing(tmp_path: Path) -> None:
    source = write(
        tmp_path / "it's a script",
        '#!/bin/sh\nfor word; do echo "<$word>"; done; cat; ls -ld "$0"; echo "$0"; exit 4\n',
    )
    host = Here()
    outcome = host.apply(Script(src=source, args=["a b", "", "$(x)"], stdin="in\n", failed_when="rc != 4"))
    lines = outcome.stdout.splitlines()
    assert lines[:4] == ["<a b>", "<>", "<$(x)>", "in"]
    assert lines[4].startswith("-rwx------")
    assert not outcome.failed
    assert outcome.command == ("/bin/sh", source.name, "a b", "", "$(x)")
    assert not Path(lines[5]).parent.exists()


def test_script_is_sent_run_and_removed_in_one_frame(tmp_path: Path) -> None:
    host = Here()
    host.apply(Script(src=write(tmp_path / "s", "true\n")))
    assert [type(asked) for asked in host.asked] == [RunFile]
    assert host.frames == 1


def test_script_is_removed_when_it_does_not_end(tmp_path: Path) -> None:
    source = write(tmp_path / "s", f'echo "$0" >{tmp_path}/name\nsleep 30\n')
    with pytest.raises(OperationError) as raised:
        Here().apply(Script(src=source, timeout=1))
    assert raised.value.code is OperationCode.TIMEOUT
    assert not Path((tmp_path / "name").read_text().strip()).parent.exists()


def test_script_in_a_directory_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(OperationError) as raised:
        Here().apply(Script.model_validate({"src": write(tmp_path / "s", "true\n"), "cwd": "/no/such/dir"}))
    assert (raised.value.code, raised.value.subject) == (OperationCode.NOT_FOUND, "/no/such/dir")


def test_script_that_removed_itself_is_fine(tmp_path: Path) -> None:
    host = Here()
    assert not host.apply(Script(src=write(tmp_path / "s", 'rm -r "$(dirname "$0")"\n'))).failed
    assert host.warnings == []


def test_coroutine_that_is_closed_early_ends_quietly(tmp_path: Path) -> None:
    module = Script(src=write(tmp_path / "s", "true\n"), executable="sh")
    with TestHost() as host:
        coroutine = module.apply(host, host.plan(module))
        coroutine.send(None)
        coroutine.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("#!/bin/bash\n", ("/bin/bash",)),
        ("#! /usr/bin/env -S python3 -u\nx", ("/usr/bin/env", "-S python3 -u")),
        ("#!/bin/sh", ("/bin/sh",)),
        ("#!\n", ("/bin/sh",)),
        ("echo hi\n", ("/bin/sh",)),
        ("", ("/bin/sh",)),
        (b"\x7fELF\x02\x01\x01\x00", ()),
    ],
)
def test_interpreter_is_what_the_kernel_would_take(
    tmp_path: Path, content: str | bytes, words: tuple[str, ...]
) -> None:
    assert interpreter_of(write(tmp_path / "s", content)) == words


def test_script_with_windows_line_ends_says_so(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="Windows line ends"):
        Here().apply(Script(src=write(tmp_path / "s", "#!/bin/sh\r\ntrue\r\n")))


def test_binary_runs_by_itself(tmp_path: Path) -> None:
    source = write(tmp_path / "tool", Path("/bin/echo").resolve().read_bytes())
    assert Here().apply(Script(src=source, args=["hello"])).stdout.endswith("hello\n")


def test_executable_replaces_the_interpreter_line(tmp_path: Path) -> None:
    source = write(tmp_path / "s", "#!/no/such\nimport sys\nprint(sys.argv[1:])\n")
    assert Here().apply(Script(src=source, args=["-x"], executable=sys.executable)).stdout == "['-x']\n"


def test_source_must_be_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValidationError, match="is not a file"):
        Script.model_validate({"src": "folder"}, context=sources(tmp_path))
    with pytest.raises(ValidationError, match="no file 'gone'"):
        Script.model_validate({"src": "gone"}, context=sources(tmp_path))
    write(tmp_path / "s", "")
    assert Script.model_validate({"src": "s"}, context=sources(tmp_path)).src == tmp_path / "s"


ECHO = """#!/usr/bin/env python3
import json, os, sys
given = json.load(sys.stdin)
print("progress", file=sys.stderr)
json.dump({"given": given, "dir": os.path.dirname(os.path.abspath(__file__))}, sys.stdout)
"""


def test_external_gets_its_parameters_and_its_answer_is_the_result(tmp_path: Path) -> None:
    params = {"name": "a\n'b", "list": [1, None, {"x": 1.5}], "token": SecretStr("hidden")}
    host = Here()
    outcome = host.apply(External(use=write(tmp_path / "echo", ECHO), params=params))
    assert outcome.result["given"] == {**params, "token": "hidden"}
    assert (outcome.result["rc"], outcome.failed, outcome.changed) == (0, False, None)
    assert outcome.stderr == "progress\n"
    assert not Path(str(outcome.result["dir"])).exists()


def answer(tmp_path: Path, text: str, rc: int = 0, **parameters: object) -> External:
    source = write(tmp_path / "answer", f"cat >/dev/null\ncat <<'END'\n{text}\nEND\necho oops >&2\nexit {rc}\n")
    return External.model_validate({"use": source, **parameters})


@pytest.mark.parametrize(
    ("text", "rc", "expected"),
    [
        ("{}", 0, (False, None, 0, "")),
        ('{"changed": false}', 0, (False, False, 0, "")),
        ('{"changed": true, "msg": "did it"}', 0, (False, None, 0, "did it")),
        ('{"failed": true, "msg": "no quorum"}', 0, (True, None, 0, "no quorum")),
        ('{"rc": 5}', 0, (True, None, 5, "exit code 5")),
        ('{"rc": 0}', 2, (True, None, 2, "exit code 2")),
        ("Traceback ...", 1, (True, None, 1, "exit code 1")),
    ],
)
def test_external_answer_decides(
    tmp_path: Path, text: str, rc: int, expected: tuple[bool, bool | None, int, str]
) -> None:
    outcome = Here().apply(answer(tmp_path, text, rc))
    assert (outcome.failed, outcome.changed, outcome.rc, outcome.msg) == expected


def test_external_conditions_see_answer_and_output(tmp_path: Path) -> None:
    def failed(condition: str) -> bool:
        return Here().apply(answer(tmp_path, '{"state": "ok"}', 9, failed_when=condition, save="it")).failed

    assert not failed("rc != 9 or state != 'ok'")
    assert failed("it.state == 'ok' and it.rc == 9")
    assert failed("stderr == 'oops'")


@pytest.mark.parametrize("text", ["", "plain words", "[1]", "{} {}", "[" * 5000])
def test_external_that_ends_well_without_an_object_fails_and_shows_it(tmp_path: Path, text: str) -> None:
    host = Here()
    with pytest.raises(TaskError, match="where one JSON object is expected") as raised:
        host.apply(answer(tmp_path, text))
    assert text[:20] in raised.value.message
    assert len(raised.value.message) < 1000


def test_rc_of_an_answer_must_be_a_number() -> None:
    ended = CommandResult(("x",), 0, json.dumps({"rc": True, "msg": 3, "failed": "yes"}))
    assert (read_answer(ended).rc, read_answer(ended).msg, read_answer(ended).failed) == (0, "", False)


MODES = """#!/usr/bin/env python3
import json, sys
given = json.load(sys.stdin)
json.dump({"mode": given["mode"], "changed": given["params"]["wanted"] != "now"}, sys.stdout)
"""


@pytest.mark.parametrize(("planning", "mode"), [(True, "plan"), (False, "apply")])
def test_external_that_can_plan_is_asked_in_plan_mode(tmp_path: Path, planning: bool, mode: str) -> None:
    module = External(use=write(tmp_path / "modes", MODES), params={"wanted": "now"}, plans=True)
    host = Here(planning=planning)
    assert host.plan(module).read_only is planning
    outcome = host.apply(module)
    assert outcome.result == {"mode": mode, "changed": False, "rc": 0}
    assert outcome.changed is False


def test_external_that_cannot_plan_does_not_run_in_plan_mode(tmp_path: Path) -> None:
    assert not Here(planning=True).plan(External(use=write(tmp_path / "e", ECHO))).read_only
