# SPDX-License-Identifier: GPL-3.0-or-later
"""The `window` modifier: which moments lie within, what is refused, and what plans say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.errors import TaskError
from jetpack_core.modifiers.window import Window, read_hours
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modifiers import ModifierCase, ModifierConformance

ALWAYS = "00:00-24:00"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def long_past() -> str:
    """A window of one minute that is half a day away from now, whatever the time."""
    then = datetime.now(UTC) + timedelta(hours=12)
    return f"{then:%H:%M}-{then + timedelta(minutes=1):%H:%M} UTC"


class TestWindow(ModifierConformance):
    modifier = Window
    name = "window"
    cases = (
        ModifierCase("open", lambda _: ALWAYS),
        ModifierCase("one of several", lambda _: [long_past(), ALWAYS]),
        ModifierCase("of the host", lambda _: "{{ quiet }}", variables={"quiet": ALWAYS}),
        ModifierCase("several of the host", lambda _: "{{ quiet }}", variables={"quiet": [long_past(), ALWAYS]}),
        ModifierCase("closed", lambda _: long_past(), skips=True),
        ModifierCase("all closed", lambda _: [long_past(), long_past()], skips=True),
    )
    refused = (
        7,
        None,
        "",
        "at night",
        "25:00-26:00",
        "10:00-10:00",
        "10:61-11:00",
        "Mon-Xyz 10:00-11:00",
        "Mo 1:00-2:00",
    )


@pytest.mark.parametrize(
    ("text", "moment", "within"),
    [
        ("22:00-04:00 UTC", "2026-06-01T22:00", True),
        ("22:00-04:00 UTC", "2026-06-01T03:59", True),
        ("22:00-04:00 UTC", "2026-06-01T04:00", False),
        ("Fri 22:00-04:00 UTC", "2026-06-06T03:00", True),
        ("Fri 22:00-04:00 UTC", "2026-06-05T03:00", False),
        ("Sun 22:00-04:00 UTC", "2026-06-01T03:00", True),
        ("Sat,Sun 08:00-20:00 UTC", "2026-06-06T19:59", True),
        ("Sat,Sun 08:00-20:00 UTC", "2026-06-05T12:00", False),
        ("Fri-Mon 08:00-20:00 UTC", "2026-06-01T12:00", True),
        ("Fri-Mon 08:00-20:00 UTC", "2026-06-02T12:00", False),
        ("mon-sun 00:00-24:00 UTC", "2026-06-03T23:59", True),
        ("daily 12:00-13:00 Europe/Berlin", "2026-06-01T10:30", True),
        ("daily 12:00-13:00 Europe/Berlin", "2026-12-01T10:30", False),
        ("Mon 00:00-01:00 Pacific/Auckland", "2026-05-31T12:30", True),
    ],
)
def test_which_moments_lie_within(text: str, moment: str, *, within: bool) -> None:
    assert read_hours(text).hold(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is within


@given(day=st.sampled_from(DAYS), start=st.integers(0, 1439), length=st.integers(1, 1439), moment=st.integers(0, 10079))
def test_a_window_is_as_long_as_it_says_and_begins_on_its_day(day: str, start: int, length: int, moment: int) -> None:
    end = (start + length) % 1440
    hours = read_hours(f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} UTC")
    since = (moment - DAYS.index(day) * 1440 - start) % 10080
    assert hours.hold(MONDAY + timedelta(minutes=moment)) is (since < length)


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(ValidationError, match="no time zone 'Europe/Berlim'"):
        Window(value="22:00-04:00 Europe/Berlim")


def test_what_a_host_gives_must_be_a_window() -> None:
    with TestHost(variables={"quiet": "sometimes"}) as host, pytest.raises(TaskError, match="'sometimes' is no window"):
        host.drive(Window(value="{{ quiet }}").guard(host))


def test_no_window_at_all_is_no_reason_to_act() -> None:
    with TestHost(variables={"quiet": []}) as host, pytest.raises(TaskError, match="names no window"):
        host.drive(Window(value="{{ quiet }}").guard(host))


def test_a_plan_shows_what_would_be_done_and_when() -> None:
    window = long_past()
    with TestHost(planning=True) as host:
        assert host.drive(Window(value=window).guard(host)) is None
        assert host.warnings == [f"acts only within {window}"]
