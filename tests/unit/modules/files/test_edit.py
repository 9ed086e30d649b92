# SPDX-License-Identifier: GPL-3.0-or-later
"""What `line` and `block` do to text, and that they touch nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.fields import Mode
from jetpack_core.errors import OperationError, TaskError, UnknownValueError
from jetpack_core.modules.files.block import Block
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.edit import EDIT_LIMIT
from jetpack_core.modules.files.line import Line
from jetpack_core.records import FileKind, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from jetpack_core.testing.scripted import ScriptedConnection

BEGIN, END = "# BEGIN JETPACK MANAGED BLOCK", "# END JETPACK MANAGED BLOCK"


def edited(module: Line | Block, before: str | bytes) -> bytes:
    content = before.encode() if isinstance(before, str) else before
    return module.edit(Document.parse(content)).to_bytes()


def line(**parameters: object) -> Line:
    return Line.model_validate({"path": "/f", **parameters})


def block(**parameters: object) -> Block:
    return Block.model_validate({"path": "/f", **parameters})


# Lines


@pytest.mark.parametrize(
    ("parameters", "before", "after"),
    [
        ({"line": "x"}, "", "x\n"),
        ({"line": "x"}, "a\n", "a\nx\n"),
        ({"line": "x"}, "a", "a\nx"),
        ({"line": "x"}, "a\r\nb\r\n", "a\r\nb\r\nx\r\n"),
        ({"line": "x"}, "a\r\nb", "a\r\nb\r\nx"),
        ({"line": "x"}, "x\na\n", "x\na\n"),
        ({"line": "x"}, " x\n", " x\nx\n"),
        ({"line": "x", "insert_after": "^a"}, "a1\nb\na2\nc\n", "a1\nb\na2\nx\nc\n"),
        ({"line": "x", "insert_before": "^a"}, "a1\nb\na2\nc\n", "a1\nb\nx\na2\nc\n"),
        ({"line": "x", "insert_after": "nowhere"}, "a\nb\n", "a\nb\nx\n"),
        ({"line": "x", "insert_after": "EOF"}, "EOF\nb\n", "EOF\nb\nx\n"),
        ({"line": "x", "insert_before": "BOF"}, "a\nb\n", "x\na\nb\n"),
        ({"line": "x=1", "regexp": "^x="}, "x=0\nx=2\ny\n", "x=0\nx=1\ny\n"),
        ({"line": "x=1", "regexp": "^x="}, "a\n", "a\nx=1\n"),
        ({"line": "x=1", "regexp": "^x=", "insert_before": "BOF"}, "x=0\na\n", "x=1\na\n"),
        ({"line": "x", "regexp": "^#x"}, "#x1\na\n#x2\nb\n", "a\nx\nb\n"),
        ({"line": "x", "regexp": "^#x"}, "#x1\na\nx\n", "a\nx\n"),
        ({"line": "x", "regexp": "^#x"}, "a\nx\n", "a\nx\n"),
        ({"line": "x", "remove": True}, "x\na\nx\nxx\n", "a\nxx\n"),
        ({"line": "x", "remove": True}, "a\nx", "a"),
        ({"line": "x", "remove": True}, "a\n\nx", "a\n\n"),
        ({"regexp": "^x", "remove": True}, "x1\na\nx2\n", "a\n"),
        ({"regexp": ".", "remove": True}, "x1\nx2\n", ""),
    ],
)
def test_line(parameters: dict[str, object], before: str, after: str) -> None:
    module = line(**parameters)
    assert edited(module, before) == after.encode()
    assert edited(module, after) == after.encode()


def test_bytes_that_are_no_utf8_and_a_byte_order_mark_stay() -> None:
    before = b"\xef\xbb\xbffirst\r\n\xff\xfe\r\n"
    assert edited(line(line="first"), before) == before
    assert edited(line(line="é"), before) == before + "é\r\n".encode()
    assert edited(line(line="zero", insert_before="BOF"), before) == b"\xef\xbb\xbfzero\r\n" + before[3:]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=5)
FILES = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(["a", "b", "x=1", "x=2", "#x=1", "", "a\r"])).map(
    lambda lines: "\n".join(lines).encode()
))  # fmt: skip
# A last carriage return becomes half of a newline once anything follows it.
EDITABLE = FILES.filter(lambda content: not content.endswith(b"\r"))
LINES = st.builds(
    lambda text, regexp, place: line(line=text, regexp=regexp, **place),
    TEXTS.filter(bool),
    st.sampled_from([None, "^x=", "^#?x=", "^#x", "a", "."]),
    st.sampled_from([{}, {"insert_after": "a"}, {"insert_before": "x"}, {"insert_before": "BOF"}]),
)


@given(FILES)
def test_a_document_is_its_bytes(content: bytes) -> None:
    assert Document.parse(content).to_bytes() == content


@given(LINES, EDITABLE)
def test_a_line_is_there_afterwards_and_stays_as_it_is(module: Line, content: bytes) -> None:
    after = edited(module, content)
    assert module.line in Document.parse(after).texts
    assert edited(module, after) == after


@given(LINES, EDITABLE)
def test_a_line_leaves_every_other_line_alone(module: Line, content: bytes) -> None:
    before = [one for one in Document.parse(content).texts if not is_meant(module, one)]
    after = [one for one in Document.parse(edited(module, content)).texts if not is_meant(module, one)]
    assert after == before


def is_meant(module: Line, text: str) -> bool:
    return text == module.line or (module.regexp is not None and re.search(module.regexp, text) is not None)


@given(EDITABLE, st.sampled_from(["^x=", "a", "^$", "."]))
def test_removing_leaves_every_other_byte_alone(content: bytes, regexp: str) -> None:
    before = Document.parse(content)
    after = Document.parse(edited(line(regexp=regexp, remove=True), content))
    kept = tuple(one for one in before.lines if not re.search(regexp, one.text))
    assert after.texts == tuple(one.text for one in kept)
    if kept == before.lines:
        assert after.to_bytes() == content


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "'line' is missing"),
        ({"line": ""}, "not an empty one"),
        ({"line": "a\nb"}, "one line"),
        ({"line": "a", "regexp": "("}, "not a regular expression"),
        ({"line": "a", "insert_after": "["}, "not a regular expression"),
        ({"line": "a", "insert_after": "a", "insert_before": "b"}, "either 'insert_after'"),
        ({"remove": True}, "either 'line' or 'regexp'"),
        ({"remove": True, "line": "a", "regexp": "b"}, "either 'line' or 'regexp'"),
        ({"remove": True, "line": "a", "create": True}, "no sense"),
    ],
)
def test_wrong_parameters_of_line_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        line(**parameters)


# Blocks


@pytest.mark.parametrize(
    ("parameters", "before", "after"),
    [
        ({"block": "x\ny\n"}, "a\n", f"a\n{BEGIN}\nx\ny\n{END}\n"),
        ({"block": "x"}, "", f"{BEGIN}\nx\n{END}\n"),
        ({"block": ""}, "a\n", f"a\n{BEGIN}\n{END}\n"),
        ({"block": "x\r\ny"}, "a\r\n", f"a\r\n{BEGIN}\r\nx\r\ny\r\n{END}\r\n"),
        ({"block": "x"}, "a", f"a\n{BEGIN}\nx\n{END}"),
        ({"block": "new"}, f"a\n{BEGIN}\nold\nold\n{END}\nb\n", f"a\n{BEGIN}\nnew\n{END}\nb\n"),
        ({"block": "x", "insert_after": "^a"}, "a\nb\n", f"a\n{BEGIN}\nx\n{END}\nb\n"),
        ({"block": "x", "insert_before": "BOF"}, "a\n", f"{BEGIN}\nx\n{END}\na\n"),
        ({"block": "x", "marker": "; {mark} me"}, "a\n", "a\n; BEGIN me\nx\n; END me\n"),
        ({"remove": True}, f"a\n{BEGIN}\nx\n{END}\nb\n", "a\nb\n"),
        ({"remove": True}, "a\n", "a\n"),
        ({"remove": True}, f"{BEGIN}\n{END}\n", ""),
    ],
)
def test_block(parameters: dict[str, object], before: str, after: str) -> None:
    module = block(**parameters)
    assert edited(module, before) == after.encode()
    assert edited(module, after) == after.encode()


@given(EDITABLE, st.lists(TEXTS, max_size=4), st.sampled_from([{}, {"insert_after": "a"}, {"insert_before": "BOF"}]))
def test_a_block_comes_and_goes_and_leaves_the_file_as_it_was(
    content: bytes, texts: list[str], place: dict[str, object]
) -> None:
    module = block(block="\n".join(texts), **place)
    after = edited(module, content)
    assert edited(module, after) == after
    assert edited(block(remove=True), after) == content


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}\nx\n",
        f"x\n{END}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
    ],
)
def test_broken_markers_are_an_error_and_not_a_guess(text: str) -> None:
    for module in (block(block="x"), block(remove=True)):
        with pytest.raises(TaskError, match=r"not one BEGIN and one END: lines [12]"):
            edited(module, text)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "'block' is missing"),
        ({"block": "a", "marker": "# block"}, "{mark}"),
        ({"block": "a", "marker": "# {mark}\n"}, "one line"),
        ({"block": f"a\n{END}"}, "a line of the block is a marker"),
        ({"remove": True, "create": True}, "no sense"),
    ],
)
def test_wrong_parameters_of_block_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        block(**parameters)


# Files


def test_a_missing_file_is_an_error_with_a_hint(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="does not exist") as caught:
        host.plan(Line(path=box.path("f"), line="x"))
    assert "create: true" in caught.value.hint


def test_a_directory_in_the_way_is_an_error(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="is a directory"):
        host.plan(Block(path=box.make_directory("d"), block="x"))


def test_a_file_to_be_made_needs_its_directory(host: TestHost, box: Sandbox) -> None:
    with pytest.raises(TaskError, match="no directory"):
        host.plan(Line(path=box.path("no/f"), line="x", create=True), planning=True)


def test_a_huge_file_is_refused(host: TestHost, box: Sandbox) -> None:
    with open(box.path("f"), "wb") as file:  # noqa: PTH123 - a sparse file needs no content
        file.truncate(EDIT_LIMIT + 1)
    with pytest.raises(TaskError, match="too large"):
        host.plan(Line(path=box.path("f"), line="x"))


def test_a_link_is_followed_and_stays(host: TestHost, box: Sandbox) -> None:
    box.write("real", "a\n", mode=0o640)
    host.converge(Line(path=box.link("link", "real"), line="x"))
    assert box.read("real") == b"a\nx\n"
    assert box.stat("real").mode == 0o640
    assert box.stat("link").target == "real"


def test_a_link_to_nothing_is_a_missing_file(host: TestHost, box: Sandbox) -> None:
    module = Line(path=box.link("link", "real"), line="x")
    with pytest.raises(TaskError, match="does not exist"):
        host.plan(module)
    host.converge(module.model_copy(update={"create": True}))
    assert box.read("real") == b"x\n"


def test_a_loop_of_links_is_an_error(host: TestHost, box: Sandbox) -> None:
    box.link("a", "b")
    with pytest.raises(OperationError):
        host.plan(Line(path=box.link("b", "a"), line="x"))


def test_a_backup_holds_the_old_version_with_its_mode(host: TestHost, box: Sandbox) -> None:
    path = box.write("f", "old\n", mode=0o600)
    module = Line(path=path, line="new", backup=True)
    _, outcome = host.converge(module)
    kept = host.ask(host.stat(str(outcome.result["backup"]), content=100))
    assert (kept.content, kept.mode) == (b"old\n", 0o600)
    host.converge(module)
    assert len(host.ask(host.list(box.path()))) == 2


def test_only_the_attributes_differ_so_there_is_no_backup(host: TestHost, box: Sandbox) -> None:
    path = box.write("f", "x\n")
    plan, outcome = host.converge(Line(path=path, line="x", mode=Mode(0o600), backup=True))
    assert [change.field for change in plan.changes] == ["mode"]
    assert outcome.result == {}
    assert box.stat("f").mode == 0o600


def test_plan_mode_does_not_guess_at_a_content_it_cannot_know() -> None:
    state = FileStat("/f", FileKind.FILE, mode=0o644)
    connection = ScriptedConnection().on(lambda _: True, state)
    with TestHost(connection, planning=True) as host, pytest.raises(UnknownValueError, match="content of /f"):
        host.plan(line(line="x"))


def test_a_diff_shows_the_edit(host: TestHost, box: Sandbox) -> None:
    (diff,) = host.plan(Line(path=box.write("f", "a\n"), line="x")).diffs
    assert (diff.before, diff.after) == ("a\n", "a\nx\n")


def test_removing_from_a_missing_file_is_done_already(host: TestHost, box: Sandbox) -> None:
    assert host.plan(Block(path=box.path("f"), remove=True)).kind is PlanKind.NONE
