# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of versions, ranges of them, and what each channel means."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jetpack_plugin_github_release.releases import Channel, Release, Wanted, choose_release
from jetpack_plugin_github_release.versions import Version, parse, parse_range

from jetpack_core.errors import TaskError

ASCENDING = (
    "0.9.9",
    "v1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "v1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "tool-1.0.0-rc2",
    "1.0.0-rc10",
    "1.0.0",
    "release-1.0.1",
    "v1.2rc1",
    "v1.2",
    "1.2.0.1",
    "1.10.0",
    "go1.21.0",
    "cmd/tool/v2.0.0",
    "2024.01.05",
    "2024-02-01",
    "2024.10",
)


def version(tag: str) -> Version:
    found = parse(tag)
    assert found is not None, tag
    return found


def test_versions_are_ordered() -> None:
    for lower, higher in pairwise(ASCENDING):
        assert version(lower).key < version(higher).key, (lower, higher)


@pytest.mark.parametrize(
    ("tag", "text", "pre"),
    [
        ("v1.2.3", "1.2.3", None),
        ("jq-1.7.1", "1.7.1", None),
        ("jq-1.7rc2", "1.7rc2", "rc2"),
        ("rust-v0.5.0-nightly.20260101", "0.5.0-nightly.20260101", "nightly.20260101"),
        ("1.2.3+build.5", "1.2.3+build.5", None),
        ("5.6.7.Final", "5.6.7.Final", None),
        ("b4021", "4021", None),
        ("@scope/pkg@3.1.0", "3.1.0", None),
        ("curl-8_1_0", "8_1_0", None),
    ],
)
def test_tags_are_read(tag: str, text: str, pre: str | None) -> None:
    assert (str(version(tag)), version(tag).pre) == (text, pre)


@pytest.mark.parametrize("tag", ["nightly", "latest", "", "v", "edge-build"])
def test_tags_without_a_version(tag: str) -> None:
    assert parse(tag) is None


def test_a_prefix_chooses_one_of_several_projects() -> None:
    assert parse("cli/v1.2.3", "cli/") is not None
    assert parse("lib/v1.2.3", "cli/") is None
    assert parse("cli/extra-1.2.3", "cli/") is None


@given(st.lists(st.integers(0, 9999), min_size=1, max_size=4), st.sampled_from(["", "rc", "beta.", "alpha"]))
def test_numbers_compare_as_numbers(numbers: list[int], tail: str) -> None:
    text = ".".join(map(str, numbers))
    low = version(f"v{text}-{tail}9" if tail else f"v{text}")
    high = version(f"v{text}-{tail}10" if tail else f"v{text}.1")
    assert low.key < high.key
    assert not tail or high.key < version(f"v{text}").key


@given(st.text(max_size=40))
def test_any_tag_is_read_or_not_and_never_breaks(tag: str) -> None:
    found = parse(tag)
    assert found is None or isinstance(found.key, tuple)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0", "2.0.0-rc1"]),
        ("1.2", ["1.2.0", "1.9"], ["2.0", "1.1"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0", "0.2.2"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("~1.31.0", ["1.31.0", "1.31.9", "1.31.0-rc1"], ["1.32.0", "1.32.0-rc1"]),
        ("~1.31", ["1.31.5"], ["1.32"]),
        ("~1", ["1.9"], ["2.0"]),
        (">=1.2, <2", ["1.2", "1.99"], ["2.0", "2.0-rc1", "1.1"]),
        (">=1.2 <1.4", ["1.3"], ["1.4"]),
        (">1.2", ["1.2.1"], ["1.2", "1.2-rc1"]),
        ("<=1.2", ["1.2", "0.1"], ["1.2.1"]),
        ("=1.2.3", ["1.2.3", "v1.2.3"], ["1.2.3-rc1", "1.2.4"]),
        ("1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("1.x", ["1.0", "1.9"], ["2.0"]),
        ("*", ["0.1", "99.0"], []),
        ("!=1.2.3", ["1.2.4"], ["1.2.3"]),
        (">=1.0.0-rc2", ["1.0.0-rc10", "1.0.0"], ["1.0.0-rc1"]),
    ],
)
def test_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    limits = parse_range(text)
    assert [one for one in inside if not limits.admits(version(one))] == []
    assert [one for one in outside if limits.admits(version(one))] == []


@pytest.mark.parametrize("text", ["", "  ", "abc", ">=", "1.2 or 3", ">>1", "^x.y", "1.2 | 3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_range(text)


def published(*tags: str) -> list[Release]:
    """Return releases, each a day later than the one before; the flag is set as projects do."""
    return [Release(tag, "rc" in tag, f"2026-01-{day:02}T00:00:00Z") for day, tag in enumerate(tags, 1)]


BEFORE = published("v0.35.0", "v0.36.0-rc1", "v0.36.0-rc2")
FINAL = published("v0.35.0", "v0.36.0-rc1", "v0.36.0-rc2", "v0.36.0")
NEXT = published("v0.35.0", "v0.36.0-rc1", "v0.36.0-rc2", "v0.36.0", "v0.37.0-rc1")


@pytest.mark.parametrize(
    ("channel", "before", "final", "following"),
    [
        ("stable", "v0.35.0", "v0.36.0", "v0.36.0"),
        ("latest", "v0.35.0", "v0.36.0", "v0.36.0"),
        ("prerelease", "v0.36.0-rc2", "v0.36.0", "v0.37.0-rc1"),
        ("unstable", "v0.36.0-rc2", "v0.36.0-rc2", "v0.37.0-rc1"),
        ("any", "v0.36.0-rc2", "v0.36.0", "v0.37.0-rc1"),
    ],
)
def test_channels(channel: Channel, before: str, final: str, following: str) -> None:
    for releases, expected in ((BEFORE, before), (FINAL, final), (NEXT, following)):
        assert choose_release(releases, Wanted(channel), "a/b").tag == expected


@pytest.mark.parametrize(("channel", "tag"), [("prerelease", "v1.0.0-rc10"), ("unstable", "v1.0.0-rc10")])
def test_the_tenth_candidate_is_after_the_second(channel: Channel, tag: str) -> None:
    releases = published("v1.0.0-rc10", "v1.0.0-rc2", "v1.0.0-rc9")
    assert choose_release(releases, Wanted(channel), "a/b").tag == tag


def test_any_is_what_was_published_last_and_the_others_are_not() -> None:
    releases = published("v2.0.0", "v1.9.9")
    assert choose_release(releases, Wanted("any"), "a/b").tag == "v1.9.9"
    assert choose_release(releases, Wanted("stable"), "a/b").tag == "v2.0.0"


def test_either_the_flag_or_the_version_makes_a_prerelease() -> None:
    flagged = [Release("v2.0", prerelease=True, published_at="2026-01-02"), Release("v1.0", False, "2026-01-01")]
    assert choose_release(flagged, Wanted(), "a/b").tag == "v1.0"
    unflagged = [Release("v2.0-rc1", False, "2026-01-02"), Release("v1.0", False, "2026-01-01")]
    assert choose_release(unflagged, Wanted(), "a/b").tag == "v1.0"


def test_tags_without_a_version_come_last_by_date() -> None:
    releases = [Release("nightly", False, "2026-05-05"), Release("v0.1", False, "2026-01-01")]
    assert choose_release(releases, Wanted(), "a/b").tag == "v0.1"
    words = [Release("blue", False, "2026-01-01"), Release("green", False, "2026-05-05")]
    assert choose_release(words, Wanted(), "a/b").tag == "green"


def test_filters() -> None:
    assert choose_release(NEXT, Wanted(range=parse_range("~0.35")), "a/b").tag == "v0.35.0"
    assert choose_release(BEFORE, Wanted("prerelease", range=parse_range("~0.36.0")), "a/b").tag == "v0.36.0-rc2"
    with pytest.raises(TaskError, match="no release that is wanted"):
        choose_release(BEFORE, Wanted("stable", range=parse_range("~0.36.0")), "a/b")
    assert choose_release(NEXT, Wanted(version="0.36.0"), "a/b").tag == "v0.36.0"
    assert choose_release(NEXT, Wanted(version="v0.36.0-rc1"), "a/b").tag == "v0.36.0-rc1"
    with pytest.raises(TaskError, match=r"no release 9\.9"):
        choose_release(NEXT, Wanted(version="9.9"), "a/b")
    now = datetime(2026, 1, 6, tzinfo=UTC)
    assert choose_release(NEXT, Wanted(min_age_days=3.5), "a/b", now).tag == "v0.35.0"
    several = published("cli/v1.0", "lib/v9.0", "cli/v1.1")
    assert choose_release(several, Wanted(tag_prefix="cli/"), "a/b").tag == "cli/v1.1"


def test_no_release_says_what_there_is() -> None:
    with pytest.raises(TaskError) as error:
        choose_release(published("v1.0-rc1"), Wanted(), "a/b")
    assert "it has v1.0-rc1" in error.value.hint
    with pytest.raises(TaskError) as error:
        choose_release([], Wanted(), "a/b")
    assert "no releases at all" in error.value.hint
