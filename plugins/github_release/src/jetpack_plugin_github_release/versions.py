# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions as projects tag them, in the order of Semantic Versioning 2, and ranges of them.

Written here because no library has this order: `semver` puts rc10 before rc2, as the letter of the standard says, and
takes neither two parts nor four; `packaging` knows Python's tails only.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

_TAG: Final = re.compile(
    r"(?P<name>.*?[A-Za-z_/@-])??(?P<core>\d{4}-\d{2}-\d{2}|\d+(?:_\d+)+|\d+(?:\.\d+)*)"
    r"(?:[-_.~]?(?P<pre>[A-Za-z][0-9A-Za-z.-]*|(?<=-)[0-9][0-9A-Za-z.-]*))?(?:\+(?P<build>[0-9A-Za-z.-]+))?"
)
_RUN: Final = re.compile(r"\d+|[^\d.]+")
_FINAL_WORDS: Final = frozenset({"final", "ga", "release"})
_COMPARATOR: Final = re.compile(r"\s*(?P<op>>=|<=|==|!=|~=|=|>|<|~|\^)?\s*(?P<version>[^\s,<>=!~^]+)\s*")
Part = tuple[int, int, str]
Key = tuple[tuple[int, ...], int, tuple[tuple[Part, ...], ...]]

_TESTS: Final[Mapping[str, Callable[[Key, Key], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version out of a tag."""

    text: str
    numbers: tuple[int, ...]
    pre: str | None = None
    """What follows the numbers of a pre-release, such as `rc.1`."""
    name: str = ""
    """What stands before the numbers, such as `v` or `tool-`."""

    @property
    def core(self) -> tuple[int, ...]:
        """Return the numbers without the zeros at their end: 1.2 is 1.2.0."""
        numbers = list(self.numbers)
        while numbers and numbers[-1] == 0:
            numbers.pop()
        return tuple(numbers)

    @property
    def key(self) -> Key:
        """Return what versions are ordered by: a final version comes after its pre-releases."""
        if self.pre is None:
            return self.core, 1, ()
        return self.core, 0, tuple(_identifier(part) for part in self.pre.replace("-", ".").split("."))

    def __str__(self) -> str:
        return self.text


def _identifier(text: str) -> tuple[Part, ...]:
    """Split rc10 into its letters and its number, so that it comes after rc2; numbers come before letters."""
    return tuple((0, int(run), "") if run.isdecimal() else (1, 0, run) for run in _RUN.findall(text))


def parse(tag: str, prefix: str | None = None) -> Version | None:
    """Return the version in a tag, or None where there is none.

    :param prefix: What every tag in question begins with; without it anything that ends in a letter, `-`, `_` or `/` is
        passed over.
    """
    if prefix is not None:
        if not tag.startswith(prefix):
            return None
        tag = tag.removeprefix(prefix)
    match = _TAG.fullmatch(tag)
    if match is None or (prefix and match["name"] not in {None, "v"}):
        return None
    pre = match["pre"]
    if pre is not None and pre.lower() in _FINAL_WORDS:
        pre = None
    name = match["name"] or ""
    numbers = tuple(int(part) for part in re.split(r"[._-]", match["core"]))
    return Version(tag[len(name) :], numbers, pre, name)


@dataclass(frozen=True, slots=True)
class _Comparator:
    operator: str
    version: Version

    def admits(self, other: Version) -> bool:
        """Tell whether a version is in the range.

        A bound without a pre-release part compares the numbers only: whether pre-releases come into question is the
        channel's business, so `~1.31` admits 1.31.0-rc1, and `<2` does not admit 2.0-rc1.
        """
        bound = self.version
        if self.operator in {"=", "!="}:
            return (other.key == bound.key) == (self.operator == "=")
        exact = bound.pre is not None
        one: Key = other.key if exact else (other.core, 1, ())
        two: Key = bound.key if exact else (bound.core, 1, ())
        if self.operator in _TESTS:
            return _TESTS[self.operator](one, two)
        return one >= two and other.core < _next(self.operator, bound)


def _next(sign: str, bound: Version) -> tuple[int, ...]:
    """Return the first numbers beyond ~1.2.3 (1.3) or ^1.2.3 (2; ^0.2.3: 0.3)."""
    numbers = bound.numbers
    if sign == "~":
        kept = min(len(numbers), 2)
    else:
        kept = next((place + 1 for place, number in enumerate(numbers) if number), len(numbers))
    return (*numbers[: kept - 1], numbers[kept - 1] + 1)


@dataclass(frozen=True, slots=True)
class Range:
    """Which versions are wanted."""

    text: str
    comparators: tuple[_Comparator, ...]

    def admits(self, version: Version) -> bool:
        """Tell whether a version is in the range."""
        return all(one.admits(version) for one in self.comparators)


def parse_range(text: str) -> Range:
    """Read a range: `>=1.2, <2`, `~1.31`, `^1.2.3`, `1.2` (as ^1.2), `1.2.*`, `=1.2.3`. Raises ValueError."""
    found: list[_Comparator] = []
    place = 0
    for match in _COMPARATOR.finditer(text):
        if text[place : match.start()].strip(" ,"):
            break
        place = match.end()
        found += _comparators(match["op"] or "^", match["version"])
    if text[place:].strip(" ,") or not text.strip():
        message = f"{text!r} is no range of versions; write it as '>=1.2, <2', '~1.31' or '1.2.*'"
        raise ValueError(message)
    return Range(text, tuple(found))


def _comparators(sign: str, text: str) -> list[_Comparator]:
    if text in {"*", "x", "X"}:
        return []
    trimmed = re.sub(r"(\.[*xX])+$", "", text)
    version = parse(trimmed)
    if version is None or version.name not in {"", "v"}:
        message = f"{text!r} is no version; write it as 1.2.3"
        raise ValueError(message)
    if trimmed != text:
        return [_Comparator("~", version) if len(version.numbers) > 1 else _Comparator("^", version)]
    plain = {"==": "=", "~=": "~"}.get(sign, sign)
    return [_Comparator(plain, version)]
