# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders of versions: Debian's (deb-version(7)), rpm's (rpm-version(7)) and pacman's (vercmp(8))."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Final

from jetpack_core.modules.packages.names import Order

_DEBIAN_PART: Final = re.compile(r"(\D*)(\d*)")
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
    return _compare_fields(left, right, _compare_segment)


def compare_pacman(left: str, right: str) -> int:
    """Order two versions `[EPOCH:]VERSION[-RELEASE]`, of which either may leave out its release."""
    return _compare_fields(left, right, _compare_pacman_segment)


def _compare_fields(left: str, right: str, compare: Callable[[str, str], int]) -> int:
    (epoch, version, release), (other_epoch, other_version, other_release) = map(_rpm_fields, (left, right))
    order = _sign(int(epoch or 0) - int(other_epoch or 0)) or _compare_segments(version, other_version, compare)
    if order or not release or not other_release:
        return order
    return _compare_segments(release, other_release, compare)


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


def _compare_segments(left: str, right: str, compare: Callable[[str, str], int]) -> int:
    for one, other in zip_longest(_RPM_PART.findall(left), _RPM_PART.findall(right), fillvalue=""):
        if one != other:
            order = compare(one, other)
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


def _compare_pacman_segment(one: str, other: str) -> int:
    # Letters at the end mean a version before the one without them, such as 1.0rc.
    if not one or not other:
        sooner = (one or other).isalpha()
        return -1 if bool(one) == sooner else 1
    return _compare_plain(one, other)


def _compare_plain(one: str, other: str) -> int:
    if not one or not other:
        return 1 if one else -1
    if one.isdigit() != other.isdigit():
        return 1 if one.isdigit() else -1
    if one.isdigit():
        return _sign(int(one) - int(other))
    return -1 if one < other else 1


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


DEBIAN: Final = Order(compare_debian, lambda one, other: compare_debian(one, other) == 0)
RPM: Final = Order(compare_rpm, same_rpm)
PACMAN: Final = Order(compare_pacman, lambda one, other: compare_pacman(one, other) == 0)
