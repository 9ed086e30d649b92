# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of crontabs: what other people wrote stays, and what is ours is found again."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from jetpack_core.modules.files.document import Document
from jetpack_core.modules.system.crontab import (
    MARK,
    job_line,
    job_words,
    parse_variable,
    variable_value,
    with_job,
    with_variable,
    without_job,
    without_variable,
)
from jetpack_core.modules.system.schedule import COLUMNS, Minute, Month, TimeField, Weekday

LINE = "30 2 * * mon-fri /usr/local/bin/backup"
PRINTABLE = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=30)
# Lines as they are found in crontabs, and any others.
LINES = st.lists(
    st.one_of(
        PRINTABLE,
        st.sampled_from(
            [
                "",
                "# m h dom mon dow command",
                "MAILTO=root",
                "0 4 * * * other",
                "#0 5 * * * was switched off",
                "@daily mine",
                "#Jetpack: another",
                "#Jetpack: backup",
                "#Ansible: backup",
                LINE,
                f"#{LINE}",
            ]
        ),
    ),
    max_size=12,
)
NAMES = st.sampled_from(["backup", "back up the database", "x", "[a-z]*", "ü"])


def document(lines: list[str], end: str = "\n") -> Document:
    return Document.parse(("\n".join(lines) + end).encode() if lines else b"")


def others(lines: tuple[str, ...], name: str) -> list[str]:
    """Return the lines that are not about a job of a name, found in the simplest way."""
    kept: list[str] = []
    follows = False
    for line in lines:
        marker = line.rstrip() in {f"#Jetpack: {name}", f"#Ansible: {name}", f"# pyinfra-name={name}"}
        if not marker and not (follows and job_words(line, system=False) is not None):
            kept.append(line)
        follows = marker
    return kept


@given(LINES, NAMES, st.sampled_from(["\n", ""]))
@example(["#Jetpack: x", "#Jetpack: x", LINE], "x", "\n")
@example(["#Jetpack: x", "", LINE], "x", "")
def test_other_lines_are_never_lost(lines: list[str], name: str, end: str) -> None:
    before = document(lines, end)
    after = with_job(before, name, LINE, system=False)
    named = LINE in before.texts and others(after.texts, name) != others(before.texts, name)
    if named:
        assert len(after.texts) == len(before.texts) + 1
        after = after.without([index for index, text in enumerate(after.texts) if text == MARK + name][:1])
        assert after.texts == before.texts
    else:
        assert others(after.texts, name) == others(before.texts, name)
    assert others(without_job(before, name, system=False).texts, name) == others(before.texts, name)


@given(LINES, NAMES, st.sampled_from([LINE, f"#{LINE}", "@reboot echo 100\\% '#'"]))
def test_a_job_is_there_once_and_found_again(lines: list[str], name: str, line: str) -> None:
    after = with_job(document(lines), name, line, system=False)
    found = job_line(after, name, system=False)
    assert found is not None
    assert job_words(found, system=False) == job_words(line, system=False)
    assert with_job(after, name, line, system=False) == after
    assert sum(text.rstrip() in {f"#Jetpack: {name}", f"#Ansible: {name}"} for text in after.texts) == 1
    assert after.to_bytes().endswith(b"\n")
    gone = without_job(after, name, system=False)
    assert job_line(gone, name, system=False) is None
    assert without_job(gone, name, system=False) == gone


@given(LINES, PRINTABLE.filter(lambda text: not ({'"', "'"} <= set(text))))
def test_a_variable_gets_its_value_and_nothing_else_changes(lines: list[str], value: str) -> None:
    before = document(lines)
    after = with_variable(before, "MAILTO", value)
    assert variable_value(after, "MAILTO") == value
    assert with_variable(after, "MAILTO", value) == after
    assert without_variable(after, "MAILTO").texts == without_variable(before, "MAILTO").texts


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("A=b", ("A", "b")),
        (' "A" = " b " ', ("A", " b ")),
        ("A=", ("A", "")),
        ("A='x\"y'", ("A", 'x"y')),
        ("#A=b", None),
        ("@daily A=b c", None),
        ("* * * * * A=b c", None),
    ],
)
def test_lines_that_set_variables(text: str, parsed: tuple[str, str] | None) -> None:
    assert parse_variable(text) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "# run this at the end of the day", "# @todo clean up", "* * * * *", "61 * * * * x", "@often x", "MAILTO=x"],
)
def test_what_is_no_job(text: str) -> None:
    assert job_words(text, system=False) is None


def test_a_variable_stands_above_the_jobs_it_holds_for() -> None:
    before = document(["# ours", "SHELL=/bin/sh", "", "0 4 * * * x", "LATE=1"])
    assert with_variable(before, "MAILTO", "ops").texts[:3] == ("# ours", "SHELL=/bin/sh", "MAILTO=ops")
    assert with_variable(document(["0 4 * * * x"]), "MAILTO", "").texts == ('MAILTO=""', "0 4 * * * x")


def test_a_job_without_a_name_is_given_it_rather_than_doubled() -> None:
    before = document(["30\t2 * *  mon-fri /usr/local/bin/backup", "0 4 * * * x"])
    after = with_job(before, "backup", LINE, system=False)
    assert after.texts == (MARK + "backup", *before.texts)


@pytest.mark.parametrize("text", ["*", "*/5", "0", "59", "0-30", "0-30/10", "1,2,5-9/2,*/7", "00"])
def test_minutes_of_cron(text: str) -> None:
    assert TypeAdapter(Minute).validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "60", "-1", "5-1", "*/0", "*/60", "5/10", "1,", "a", "0 0", "1-", "**", "٣", "* * * * * reboot", "5\n", "~"],
)
def test_what_is_no_minute_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="minute of cron"):
        TypeAdapter(Minute).validate_python(text)


def test_names_and_both_sundays() -> None:
    for text in ("jan", "JAN-mar", "1-12/3"):
        assert TypeAdapter(Month).validate_python(text) == text
    for text in ("0", "7", "Mon-Fri", "sun,sat"):
        assert TypeAdapter(Weekday).validate_python(text) == text
    for adapter, text in ((Month, "0"), (Month, "mon"), (Weekday, "8"), (Weekday, "fri-mon"), (Weekday, "monday")):
        with pytest.raises(ValidationError):
            TypeAdapter(adapter).validate_python(text)


@given(st.sampled_from(COLUMNS), st.data())
def test_every_list_of_ranges_in_bounds_is_taken(column: TimeField, data: st.DataObject) -> None:
    low, high = column.lowest, column.highest
    parts = []
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(low, high))
        last = data.draw(st.integers(first, high))
        step = data.draw(st.integers(1, high))
        parts.append(data.draw(st.sampled_from([f"{first}", f"{first}-{last}", f"{first}-{last}/{step}", f"*/{step}"])))
    assert column.takes(",".join(parts))
