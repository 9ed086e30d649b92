# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a crontab: jobs that are found again by name, variables, and everything else left as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from jetpack_core.modules.files.document import Document
from jetpack_core.modules.system.schedule import COLUMNS, SPECIAL_TIMES

MARK: Final = "#Jetpack: "
"""What stands before a job's name, on the line above the job."""

# Jobs that were put there by other tools are found by the names they gave them.
_MARKS: Final = (MARK, "#Ansible: ", "# pyinfra-name=")
_VARIABLE: Final = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([^\s=#"']+))\s*=\s*(.*?)\s*""")


def job_words(text: str, *, system: bool) -> tuple[str, ...] | None:
    """Return the columns of a job's line, whether it is switched off or not; None where it is no job.

    :param system: Whether the crontab names a user for each job.
    """
    text = text.strip()
    off = ("#",) if text.startswith("#") else ()
    line = text.removeprefix("#").lstrip()
    times = 1 if line.startswith("@") else len(COLUMNS)
    words = line.split(None, times + system)
    if len(words) <= times + system or not _are_times(words[:times]):
        return None
    return (*off, *words)


def _are_times(words: Sequence[str]) -> bool:
    if len(words) == 1:
        return words[0] in SPECIAL_TIMES
    # SUSE's cron takes a dash before the minute for "do not log".
    told = (words[0].removeprefix("-"), *words[1:])
    return all(column.takes(word) for column, word in zip(COLUMNS, told, strict=True))


def _marked(document: Document, name: str) -> list[int]:
    marks = {mark + name for mark in _MARKS}
    return [index for index, text in enumerate(document.texts) if text.rstrip() in marks]


def _job_below(document: Document, mark: int, *, system: bool) -> int | None:
    index = mark + 1
    if index < len(document.lines) and job_words(document.texts[index], system=system) is not None:
        return index
    return None


def job_line(document: Document, name: str, *, system: bool) -> str | None:
    """Return the line of the job of a name, or None where there is none."""
    for mark in _marked(document, name):
        index = _job_below(document, mark, system=system)
        if index is not None:
            return document.texts[index]
    return None


def with_job(document: Document, name: str, line: str, *, system: bool) -> Document:
    """Return the document with one job of that name; a job that is there already without a name is given it."""
    marks = _marked(document, name)
    if not marks:
        return _with_new_job(document, name, line, system=system)
    document = _without_marked(document, marks[1:], system=system)
    index = _job_below(document, marks[0], system=system)
    if index is None:
        return _closed(document.inserted(marks[0] + 1, [line]))
    if job_words(document.texts[index], system=system) == job_words(line, system=system):
        return document
    return _closed(document.with_text(index, line))


def _with_new_job(document: Document, name: str, line: str, *, system: bool) -> Document:
    wanted = job_words(line, system=system)
    for index, text in enumerate(document.texts):
        named = index > 0 and document.texts[index - 1].startswith(_MARKS)
        if not named and not text.lstrip().startswith("#") and job_words(text, system=system) == wanted:
            return _closed(document.inserted(index, [MARK + name]))
    return _closed(document.inserted(len(document.lines), [MARK + name, line]))


def without_job(document: Document, name: str, *, system: bool) -> Document:
    """Return the document without the jobs of that name."""
    return _without_marked(document, _marked(document, name), system=system)


def _without_marked(document: Document, marks: Sequence[int], *, system: bool) -> Document:
    if not marks:
        return document
    below = [_job_below(document, mark, system=system) for mark in marks]
    return _closed(document.without([*marks, *(index for index in below if index is not None)]))


def parse_variable(text: str) -> tuple[str, str] | None:
    """Return the name and value in a line that sets a variable, else None."""
    found = _VARIABLE.fullmatch(text)
    if found is None:
        return None
    double, single, plain, value = found.groups()
    if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
        value = value[1:-1]
    return double or single or plain, value


def variable_value(document: Document, name: str) -> str | None:
    """Return the value that a variable is given first, or None."""
    values = [found[1] for text in document.texts if (found := parse_variable(text)) and found[0] == name]
    return values[0] if values else None


def _lines_of(document: Document, name: str) -> list[int]:
    parsed = [parse_variable(text) for text in document.texts]
    return [index for index, found in enumerate(parsed) if found is not None and found[0] == name]


def with_variable(document: Document, name: str, value: str) -> Document:
    """Return the document with a variable of that value: each line that sets it, or a new one above the jobs."""
    line = f"{name}={_quoted(value)}"
    lines = _lines_of(document, name)
    if not lines:
        return _closed(document.inserted(_place_of_variables(document), [line]))
    for index in lines:
        if parse_variable(document.texts[index]) != (name, value):
            document = _closed(document.with_text(index, line))
    return document


def without_variable(document: Document, name: str) -> Document:
    """Return the document without the lines that set a variable."""
    lines = _lines_of(document, name)
    return _closed(document.without(lines)) if lines else document


def _place_of_variables(document: Document) -> int:
    """Return the index behind the variables at the top; a variable holds for the lines below it only."""
    place = 0
    for index, text in enumerate(document.texts):
        if parse_variable(text) is not None:
            place = index + 1
        elif text.strip() and not text.lstrip().startswith("#"):
            break
    return place


def _quoted(value: str) -> str:
    plain = value and value == value.strip() and value[0] not in "\"'"
    if plain:
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def _closed(document: Document) -> Document:
    """Return the document with a newline at its end, without which cron passes over the last line."""
    return replace(document, ends_open=False)
