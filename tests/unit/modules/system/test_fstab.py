# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of fstab: what is not meant to change stays, byte for byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.system.fstab import (
    Entry,
    decoded,
    encoded,
    entry_of,
    parse_line,
    split_options,
    with_entry,
    without_path,
)

NAMES = st.text(st.sampled_from(" \t\n\\#ab,é0"), min_size=1, max_size=8)
PATHS = NAMES.map(lambda name: f"/m/{name}")
OPTIONS = st.lists(st.sampled_from(["ro", "noatime", "size=1M", "x-a b", 'c="a,b"']), min_size=1, unique=True)
ENTRIES = st.builds(
    Entry, NAMES, PATHS, st.sampled_from(["ext4", "tmpfs"]), OPTIONS.map(tuple), st.integers(0, 1), st.integers(0, 2)
)
OTHERS = st.lists(
    st.sampled_from(
        [
            "# a comment",
            "",
            "  \t",
            "/dev/sda1 / ext4 defaults 0 1",
            "\tLABEL=x\t/x\tauto",
            "# /dev/b /m/a ext4",
            "é\\134",
        ]
    )
)
BLANKS = st.sampled_from([" ", "\t", "  \t "])


@given(st.text())
def test_a_field_means_what_was_written(value: str) -> None:
    assert decoded(encoded(value)) == value
    assert not set(encoded(value)) & set(" \t\n\r")


@given(ENTRIES)
def test_an_entry_is_read_as_it_was_written(entry: Entry) -> None:
    assert parse_line(entry.line) == entry


@given(OTHERS, ENTRIES, OTHERS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_other_lines_stay(before: list[str], entry: Entry, after: list[str], closed: bool, ending: str) -> None:
    text = "".join(line + ending for line in [*before, *after])
    content = (text if closed else text.removesuffix(ending)).encode()
    document = Document.parse(content)
    added = with_entry(document, entry)
    assert entry_of(added, entry.path) == entry
    assert added.to_bytes().startswith(content)
    assert with_entry(added, entry) == added
    gone = without_path(added, entry.path)
    assert gone.texts == document.texts


@given(OTHERS, ENTRIES, ENTRIES, OTHERS, BLANKS, st.sampled_from(["", " ", "\t"]))
def test_a_line_is_changed_in_its_place(
    before: list[str], old: Entry, new: Entry, after: list[str], blank: str, end: str
) -> None:
    new = Entry(new.src, old.path, new.fstype, new.options, new.dump, new.passno)
    line = blank.join(old.fields) + end
    document = Document.parse("".join(f"{text}\n" for text in [*before, line, *after]).encode())
    changed = with_entry(document, new)
    texts = changed.texts
    assert [*texts[: len(before)], *texts[len(before) + 1 :]] == [*before, *after]
    found = entry_of(changed, old.path)
    assert found is not None
    assert found.meanings == new.meanings
    assert texts[len(before)].count(blank) >= len(new.fields) - 1
    if old.meanings == new.meanings:
        assert changed == document


def test_only_the_field_that_differs_is_written() -> None:
    document = Document.parse(b"tmpfs\t/m   tmpfs  noatime,nodev\t0 0\n")
    same = Entry("tmpfs", "/m", "tmpfs", ("nodev", "noatime"))
    assert with_entry(document, same) == document
    other = Entry("tmpfs", "/m", "tmpfs", ("nodev", "noatime"), passno=2)
    assert with_entry(document, other).to_bytes() == b"tmpfs\t/m   tmpfs  noatime,nodev\t0 2\n"


def test_short_lines_are_completed_only_as_far_as_needed() -> None:
    document = Document.parse(b"tmpfs /m tmpfs\n")
    assert with_entry(document, Entry("tmpfs", "/m", "tmpfs", ("defaults",))) == document
    assert with_entry(document, Entry("t", "/m", "tmpfs", ("ro",))).texts == ("t /m tmpfs ro",)
    assert with_entry(document, Entry("t", "/m", "tmpfs", ("ro",), passno=1)).texts == ("t /m tmpfs ro 0 1",)


def test_two_lines_for_one_place_are_named() -> None:
    document = Document.parse(b"a /m ext4\n# x\nb /m/ ext4\n")
    with pytest.raises(TaskError, match="lines 1, 3 of fstab"):
        entry_of(document, "/m")
    assert without_path(document, "/m").texts == ("# x",)


def test_options_in_quotes_may_hold_commas() -> None:
    assert split_options('ro,context="a:b,c",ro,x') == ("ro", 'context="a:b,c"', "x")


@pytest.mark.parametrize("path", ["/m/a b", "/m/a\tb", "/m/a\\b", "/m/é#", "/m/a\\040b"])
def test_the_system_reads_the_line_alike(path: str, tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    table.write_text(Entry("some thing", path, "tmpfs", ("size=1M", "ro")).line + "\n")
    asked = ["findmnt", "--json", "--tab-file", str(table), "--output", "TARGET,SOURCE,FSTYPE,OPTIONS"]
    read = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
    assert read["filesystems"] == [{"target": path, "source": "some thing", "fstype": "tmpfs", "options": "size=1M,ro"}]
