# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders of versions: Debian's (deb-version(7)), rpm's (rpm-version(7)) and pacman's (vercmp(8))."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Final

from jetpack_core.modules.packages.names import Order

_DEBIAN_PART: Final = re.compile(r"(\D*)(\d*)")
_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_RPM_PART: Final = re.compile(r"\d+|[A-Za-z]+|~|\^")


def compare_debian(left: str, right: str) -> int:
    """Order two Debian versions."""
    for one, other in zip(_debian_fields(left), _debian_fields(right), strict=True):
        order = _compare_debian_text(one, other)
        if order:
            return order
    return 0


def _debian_fields(version: str) -> tuple[str, str, str]:
    epoch, mark, rest = version.partition(":")
    if not mark:
        epoch, rest = "0", version
    upstream, mark, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if mark else (epoch, rest, "0")


def _compare_debian_text(left: str, right: str) -> int:
    pairs = zip_longest(_DEBIAN_PART.findall(left), _DEBIAN_PART.findall(right), fillvalue=("", ""))
    for (text, digits), (other_text, other_digits) in pairs:
        ranks, others = [_rank(char) for char in text], [_rank(char) for char in other_text]
        # The end of a part sorts before everything but a tilde.
        one = ([*ranks, 0], int(digits or 0))
        other = ([*others, 0], int(other_digits or 0))
        if one != other:
            return -1 if one < other else 1
    return 0


def _rank(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256


def compare_rpm(left: str, right: str) -> int:
    """Order two versions `[EPOCH:]VERSION[-RELEASE]`, of which `right` may leave out its release: any will do."""
    return _compare_fields(left, right, _compare_rpm_text)


def compare_pacman(left: str, right: str) -> int:
    """Order two versions `[EPOCH:]VERSION[-RELEASE]`, of which either may leave out its release."""
    return _compare_fields(left, right, _compare_pacman_text)


def _compare_fields(left: str, right: str, compare: Callable[[str, str], int]) -> int:
    (epoch, version, release), (other_epoch, other_version, other_release) = map(_rpm_fields, (left, right))
    order = _sign(int(epoch or 0) - int(other_epoch or 0)) or compare(version, other_version)
    if order or not release or not other_release:
        return order
    return compare(release, other_release)


def same_rpm(left: str, right: str) -> bool:
    """Tell whether a version is the one asked for, which may leave out its epoch and release."""
    (epoch, _, _), (asked, _, _) = _rpm_fields(left), _rpm_fields(right)
    return compare_rpm(left if asked or not epoch else left.partition(":")[2], right) == 0


def _rpm_fields(version: str) -> tuple[str, str, str]:
    epoch, mark, rest = version.partition(":")
    if not mark or not epoch.isdigit():
        epoch, rest = "", version
    upstream, mark, release = rest.partition("-")
    return epoch, upstream, release


def _compare_rpm_text(left: str, right: str) -> int:
    for one, other in zip_longest(_RPM_PART.findall(left), _RPM_PART.findall(right), fillvalue=""):
        if one != other:
            order = _compare_segment(one, other)
            if order:
                return order
    return 0


def _compare_segment(one: str, other: str) -> int:
    for mark, sooner in (("~", -1), ("^", 1)):
        if mark in {one, other}:
            # A caret sorts after the end, and before everything else.
            against = other if one == mark else one
            direction = sooner if mark == "~" or not against else -sooner
            return direction if one == mark else -direction
    return _compare_plain(one, other)


def _compare_pacman_text(left: str, right: str) -> int:
    while left and right:
        gap, other_gap = _gap(left), _gap(right)
        left, right = left[gap:], right[other_gap:]
        if not left or not right:
            break
        if gap != other_gap:
            return _sign(gap - other_gap)
        kind = _DIGITS if left[0].isdigit() else _LETTERS
        one, other = _start(kind, left), _start(kind, right)
        order = _compare_plain(one, other) if other else (1 if one.isdigit() else -1)
        if order:
            return order
        left, right = left[len(one) :], right[len(other) :]
    if not left and not right:
        return 0
    # Letters at the end mean a version before the one without them, such as 1.0rc.
    return -1 if (not left and not right[0].isalpha()) or left[:1].isalpha() else 1


def _gap(text: str) -> int:
    return len(_start(_SEPARATORS, text))


def _start(kind: re.Pattern[str], text: str) -> str:
    match = kind.match(text)
    return match[0] if match else ""


def _compare_plain(one: str, other: str) -> int:
    if not one or not other:
        return 1 if one else -1
    if one.isdigit() != other.isdigit():
        return 1 if one.isdigit() else -1
    if one.isdigit():
        return _sign(int(one) - int(other))
    return (one > other) - (one < other)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


DEBIAN: Final = Order(compare_debian, lambda one, other: compare_debian(one, other) == 0)
RPM: Final = Order(compare_rpm, same_rpm)
PACMAN: Final = Order(compare_pacman, lambda one, other: compare_pacman(one, other) == 0)
