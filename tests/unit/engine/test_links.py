# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan mode's knowledge of links and of paths in doubt."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jetpack_core.contracts.operations import Read, Reply, Stat, Walk
from jetpack_core.engine.links import Links
from jetpack_core.engine.overlay import Overlay
from jetpack_core.errors import UnknownValueError
from jetpack_core.records import FileKind, FileStat, PathEffect

NAMES = st.sampled_from(["a", "b", "c", "..", "."])
TARGETS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "a/b", "b/a", "c"]), TARGETS), st.lists(NAMES, max_size=4))
def test_names_resolve_as_the_system_does(links: dict[str, str], names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        known = Links()
        for name, target in links.items():
            path = root / name
            if not path.parent.is_dir() or path.parent.is_symlink():
                continue
            path.symlink_to(target)
            known.learn(FileStat(str(path), FileKind.SYMLINK, target=target))
        # What a circle of links leads to is an error, and so no place.
        assume(not any(_is_a_circle(root / name) for name in links))
        asked = "/".join([str(root), *names])
        assert known.real(asked, follow=True) == os.path.realpath(asked)


def _is_a_circle(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def link(path: str, target: str) -> FileStat:
    return FileStat(path, FileKind.SYMLINK, target=target)


def test_an_effect_by_one_name_is_seen_by_the_other() -> None:
    overlay = Overlay()
    overlay.learn(Stat("/l"), Reply(link("/l", "d")))
    overlay.add([PathEffect(FileStat("/l/f", FileKind.FILE, content=b"x", size=1))], "the task 'one'")
    reply = overlay.answer(Read("/d/f"))
    assert reply is not None
    assert reply.value == b"x"
    walked = overlay.answer(Walk("/d"))
    assert walked is not None
    assert isinstance(walked.error, UnknownValueError)
    assert "the task 'one'" in str(walked.error)


def test_the_ways_to_a_path_are_looked_at_once() -> None:
    overlay = Overlay()
    questions = [one.path for one in overlay.questions([Stat("/a/b/c"), Read("/a/b/d")])]
    assert questions == ["/a", "/a/b", "/a/b/d"]
    for path in questions:
        overlay.learn(Stat(path), Reply(FileStat(path, FileKind.DIRECTORY)))
    assert overlay.questions([Stat("/a/b/c"), Read("/a/b/d")]) == []
    overlay.learn(Stat("/a/b/e"), Reply(link("/a/b/e", "/x/y")))
    assert [one.path for one in overlay.questions([Stat("/a/b/e/f")])] == ["/x", "/x/y"]


@pytest.mark.parametrize("path", ["/d", "/d/f", "/d/f/g"])
def test_nothing_is_known_of_what_is_in_doubt_or_below_it(path: str) -> None:
    overlay = Overlay()
    overlay.doubt(["/d"], "the task 'maybe'")
    reply = overlay.answer(Stat(path))
    assert reply is not None
    assert "the task 'maybe'" in str(reply.error)
    assert overlay.answer(Stat("/dd")) is None


def test_what_is_missing_above_a_doubt_may_be_there_by_then() -> None:
    overlay = Overlay()
    overlay.doubt(["/d/e/f"], "the task 'maybe'")
    missing = overlay.settle(Stat("/d"), Reply(FileStat("/d")))
    assert isinstance(missing.error, UnknownValueError)
    there = Reply(FileStat("/d", FileKind.DIRECTORY))
    assert overlay.settle(Stat("/d"), there) is there


def test_a_planned_link_leads_to_what_is_planned_or_to_the_unknown() -> None:
    overlay = Overlay()
    overlay.add([PathEffect(FileStat("/d/f", FileKind.FILE, content=b"x", size=1))], "the task 'one'")
    overlay.add([PathEffect(link("/l", "d"))], "the task 'two'")
    known = overlay.answer(Read("/l/f"))
    assert known is not None
    assert known.value == b"x"
    unknown = overlay.answer(Stat("/l/g"))
    assert unknown is not None
    assert isinstance(unknown.error, UnknownValueError)
    itself = overlay.answer(Stat("/l"))
    assert itself is not None
    assert isinstance(itself.value, FileStat)
    assert itself.value.target == "d"


def test_a_planned_circle_of_links_is_no_answer() -> None:
    overlay = Overlay()
    overlay.add([PathEffect(link("/a", "b")), PathEffect(link("/b", "a"))], "the task 'one'")
    reply = overlay.answer(Stat("/a", follow=True))
    assert reply is not None
    assert isinstance(reply.error, UnknownValueError)
