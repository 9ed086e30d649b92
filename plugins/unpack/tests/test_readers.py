# SPDX-License-Identifier: GPL-3.0-or-later
"""Arbitrary archives: what comes out is what `tarfile` and `zipfile` say is in them, and nothing lands elsewhere."""

from __future__ import annotations

import io
import random
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jetpack_plugin_unpack.onhost.program import run
from jetpack_plugin_unpack.unpack import Unpack

from plugins.unpack.tests.making import COMPRESSORS, directory, file, hard_link, link, tar, zip_info, zipped

CHARACTERS = st.characters(exclude_characters="/\0\\:", exclude_categories=["Cs"])
PART = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda part: part not in {".", ".."} and not part.isspace())
HONEST = st.lists(PART, min_size=1, max_size=3).map("/".join)
HOSTILE = st.one_of(
    HONEST,
    st.lists(st.sampled_from(["..", ".", "a", "b", "", "c\0d", "..\\x"]), min_size=1, max_size=4).map("/".join),
)
CONTENT = st.binary(max_size=300)
MODES = st.sampled_from([0o644, 0o600, 0o755, 0o777, 0o400])


def extract(data: bytes, folder: Path) -> dict[str, object]:
    """Plan and apply as a host does, without a connection."""
    (folder / "archive").write_bytes(data)
    order = Unpack(src=str(folder / "archive"), dest=str(folder / "in" / "dest")).order()
    planned = run(order.saying(verb="plan"))
    if "trouble" in planned:
        return planned
    return run(order.saying(verb="apply", token=planned["token"]))


def contents(top: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in top.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(top))] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(top))] = path.read_bytes()
    return found


def distinct(names: list[str]) -> list[str]:
    """Return names none of which is below another."""
    kept: list[str] = []
    for name in names:
        if not any(name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in kept):
            kept.append(name)
    return kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(HONEST, CONTENT, MODES), max_size=8),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.sampled_from(sorted(COMPRESSORS)),
)
def test_a_tar_comes_out_as_tarfile_reads_it(
    entries: list[tuple[str, bytes, int]], form: int, compression: str
) -> None:
    names = distinct([name for name, _, _ in entries])
    plain = tar(*(file(name, data, mode) for name, data, mode in entries if name in names), form=form)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", f"{place}/state")
        answer = extract(COMPRESSORS[compression](plain), Path(place))
        assert "trouble" not in answer
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            expected = {one.name: one for one in archive.getmembers()}
            read = {name: archive.extractfile(one) for name, one in expected.items()}
            assert contents(Path(place, "in", "dest")) == {
                name: one.read() for name, one in read.items() if one is not None
            }
        for name, one in expected.items():
            mode = Path(place, "in", "dest", name).stat().st_mode & 0o7777
            assert mode == one.mode & 0o755 | 0o600


def test_a_hard_link_may_be_of_a_file_in_another_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    data = tar(file("one/two/first", b"x"), hard_link("one/same", "one/two/first"), hard_link("same", "one/two/first"))
    assert "trouble" not in extract(data, tmp_path)
    assert contents(tmp_path / "in" / "dest") == {"one/two/first": b"x", "one/same": b"x", "same": b"x"}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(HONEST, CONTENT), max_size=8))
def test_a_zip_comes_out_as_zipfile_reads_it(entries: list[tuple[str, bytes]]) -> None:
    names = distinct([name for name, _ in entries])
    data = zipped(*((zip_info(name), dict(entries)[name]) for name in names))
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", f"{place}/state")
        assert "trouble" not in extract(data, Path(place))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert contents(Path(place, "in", "dest")) == {name: archive.read(name) for name in names}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(file, HOSTILE, CONTENT),
            st.builds(directory, HOSTILE),
            st.builds(link, HOSTILE, HOSTILE),
            st.builds(hard_link, HOSTILE, HOSTILE),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_an_archive_says_nothing_lands_or_leads_outside(
    members: list[tuple[tarfile.TarInfo, bytes]],
) -> None:
    data = tar(*members, form=tarfile.GNU_FORMAT)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", f"{place}/state")
        answer = extract(data, Path(place))
        dest = Path(place, "in", "dest")
        assert {path.name for path in Path(place).iterdir()} <= {"archive", "in", "state"}
        assert not dest.parent.exists() or [path.name for path in dest.parent.iterdir()] == ["dest"]
        if "trouble" in answer:
            assert not dest.exists()
            return
        for path in dest.rglob("*"):
            assert path.resolve().is_relative_to(dest.resolve())


@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_damaged_archive_is_an_answer_never_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compression: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    dice = random.Random(f"{kind}{compression}")  # noqa: S311 - the same damage in every run
    members = [(f"dir/file{number}", bytes(number * 37)) for number in range(6)]
    plain = tar(*(file(*one) for one in members)) if kind == "tar" else zipped(*members)
    whole = COMPRESSORS[compression](plain)
    for number in range(60):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        folder = tmp_path / str(number)
        folder.mkdir()
        answer = extract(bytes(data[: dice.randint(1, len(data))] if number % 3 == 0 else data), folder)
        assert ("bytes" in answer) != ("trouble" in answer)
        assert {path.name for path in folder.iterdir()} <= {"archive", "in"}
