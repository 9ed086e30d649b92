# SPDX-License-Identifier: GPL-3.0-or-later
"""`locale` on scripted hosts; a real Debian is in tests/integration."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Operation, Run, Stat, Write
from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.system.locale import Locale
from jetpack_core.modules.system.locale_state import alike, setting_of, with_line, with_setting
from jetpack_core.records import CommandResult, FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import ModuleConformance
from jetpack_core.testing.scripted import ScriptedConnection

DEBIAN = """has locale-gen
has localedef
there C
there C.utf8
there POSIX
there de_DE.utf8
listed
known de_DE.UTF-8 UTF-8
known de_DE ISO-8859-1
known en_US.UTF-8 UTF-8
"""
ELSEWHERE = "has localedef\nthere C\nthere C.utf8\nthere en_US.utf8\n"
GEN = b"# a list\n# de_DE.UTF-8 UTF-8\n#  en_US.UTF-8 UTF-8  \n"
FILES = {"/etc/debian_version": b"12\n", "/etc/locale.gen": GEN, "/etc/default/locale": b"LANG=C.UTF-8\n"}


class TestLocaleDocumentation(ModuleConformance):
    module = Locale


def scripted(told: str = DEBIAN, files: Mapping[str, bytes] = FILES, *, after: str = "") -> ScriptedConnection:
    state = {name: FileStat(name, FileKind.FILE, 0o644, size=len(text), content=text) for name, text in files.items()}
    script = ScriptedConnection().on(Stat, lambda asked: state.get(asked.path, FileStat(asked.path)))
    script.on(Write, FileStat("/x", FileKind.FILE))

    def answer(asked: Run) -> CommandResult:
        if asked.read_only:
            return CommandResult((), 0, told if not made else f"{told}{after}")
        made.append(asked.argv)
        return CommandResult(asked.argv, 0 if after else 1, "", "" if after else "cannot open locale definition file")

    made: list[tuple[str, ...]] = []
    return script.on(Run, answer)


def writes(operations: list[Operation[object]]) -> dict[str, bytes]:
    return {one.path: one.content for one in operations if isinstance(one, Write)}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"locales": []},
        {"locales": ["de_DE.UTF-8; id"]},
        {"locales": ["-x"]},
        {"locales": "de_DE UTF-8"},
        {"lang": ""},
        {"lang": "de_DE\nX=1"},
        {"variables": {"PATH": "C"}},
        {"variables": {"LANG": "C"}},
        {"variables": {"LC_TIME": "$(id)"}},
        {"variables": {"LANGUAGE": "de:e n"}},
    ],
)
def test_what_is_no_locale_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Locale.model_validate(parameters)


def test_a_list_is_generated_from_its_comments() -> None:
    with TestHost(scripted(after="there en_US.utf8\n")) as host:
        plan, _ = host.converge(Locale(locales=["en_US.utf8"], lang="en_US.UTF-8"))
        assert len(host.frames) == 3
        written = writes(host.changes)
    assert plan.kind is PlanKind.CREATE
    assert [(change.field, change.before, change.after) for change in plan.changes] == [
        ("en_US.UTF-8", None, "generated"),
        ("LANG", "C.UTF-8", "en_US.UTF-8"),
    ]
    assert written["/etc/locale.gen"] == b"# a list\n# de_DE.UTF-8 UTF-8\nen_US.UTF-8 UTF-8\n"
    assert written["/etc/default/locale"] == b"LANG=en_US.UTF-8\n"


def test_what_is_there_and_not_on_the_list_is_put_there_without_making_it() -> None:
    with TestHost(scripted()) as host:
        plan, _ = host.converge(Locale(locales=["de_DE.UTF-8"]))
        assert plan.kind is PlanKind.MODIFY
        assert [type(one) for one in host.changes] == [Write]


def test_what_cannot_be_made_leaves_the_list_as_it_was() -> None:
    with TestHost(scripted()) as host:
        with pytest.raises(TaskError, match=r"en_US\.UTF-8 cannot be made.*definition file") as caught:
            host.converge(Locale(locales=["en_US.UTF-8"], lang="en_US.UTF-8"))
        contents = [one.content for one in host.changes if isinstance(one, Write)]
    assert "glibc" in caught.value.hint
    assert contents[-1] == GEN
    assert len(contents) == 2


def test_other_systems_define_them_one_by_one() -> None:
    with TestHost(scripted(ELSEWHERE, {}, after="there de_AT.utf8\n")) as host:
        plan, _ = host.converge(Locale(locales=["de_AT.UTF-8", "en_US.UTF-8"], lang="de_AT.UTF-8"))
        runs = [one.argv for one in host.changes if isinstance(one, Run)]
        written = writes(host.changes)
    assert runs == [("localedef", "-i", "de_AT", "-f", "UTF-8", "de_AT.UTF-8")]
    assert written == {"/etc/locale.conf": b"LANG=de_AT.UTF-8\n"}
    assert plan.kind is PlanKind.CREATE


@pytest.mark.parametrize(
    ("told", "module", "words"),
    [
        (DEBIAN, {"locales": "xx_YY.UTF-8"}, "knows no locale xx_YY.UTF-8"),
        (DEBIAN, {"lang": "en_US.UTF-8"}, "locale en_US.UTF-8 is not there"),
        (DEBIAN, {"variables": {"LC_TIME": "en_US.UTF-8"}}, "locale en_US.UTF-8 is not there"),
        (ELSEWHERE, {"locales": "de_AT"}, "character set of de_AT"),
        ("there C\n", {"locales": "de_AT.UTF-8"}, "no localedef"),
        ("", {"locales": "de_AT.UTF-8"}, "no locales of glibc"),
    ],
)
def test_what_cannot_be_is_said_when_planned(told: str, module: dict[str, object], words: str) -> None:
    with TestHost(scripted(told)) as host, pytest.raises(TaskError, match=words):
        host.plan(Locale.model_validate(module))


def test_what_is_as_wanted_is_matched() -> None:
    files = {**FILES, "/etc/locale.gen": b"de_DE.UTF-8 UTF-8 # ours\n", "/etc/default/locale": b'LANG="de_DE.UTF-8"\n'}
    with TestHost(scripted(files=files)) as host:
        assert host.plan(Locale(locales=["de_DE.utf8", "C.UTF-8"], lang="de_DE.UTF-8")).kind is PlanKind.NONE
        assert len(host.frames) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("de_DE.UTF-8", "de_DE.utf8"), ("de_DE@euro", "de_DE@euro"), ("de_DE.ISO-8859-15@euro", "de_DE.iso885915@euro")],
)
def test_names_are_the_same_however_they_are_written(one: str, other: str) -> None:
    assert alike(one) == alike(other)
    assert alike("de_DE") != alike("de_DE.UTF-8")


LINES = st.lists(st.sampled_from(["# LANG=x", "LC_TIME=C", "", "LANGUAGE=de", 'export LANG="a"', "LANG=b"]))


@given(LINES, st.sampled_from(["LANG", "LC_TIME", "LC_NAME"]))
def test_a_setting_changes_one_line_at_most(lines: list[str], name: str) -> None:
    document = Document.parse("".join(f"{line}\n" for line in lines).encode())
    changed = with_setting(document, name, "new")
    assert setting_of(changed, name) == "new"
    assert len(changed.texts) == len(lines) + (setting_of(document, name) is None)
    assert sum(one != other for one, other in zip(lines, changed.texts, strict=False)) <= 1


@given(st.lists(st.sampled_from(["# a", "de_DE UTF-8", "#de_DE.UTF-8 UTF-8", "# de_DE.UTF-8 UTF-8", ""])))
def test_a_line_of_the_list_is_there_once(lines: list[str]) -> None:
    document = Document.parse("".join(f"{line}\n" for line in lines).encode())
    changed = with_line(document, "de_DE.UTF-8 UTF-8")
    assert changed.texts.count("de_DE.UTF-8 UTF-8") == 1
    assert with_line(changed, "de_DE.UTF-8 UTF-8") == changed
