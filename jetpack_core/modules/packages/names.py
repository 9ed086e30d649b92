# SPDX-License-Identifier: GPL-3.0-or-later
"""How packages, their versions and spans of time are written in tasks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema


@dataclass(frozen=True, slots=True)
class Order:
    """How a family of systems orders versions."""

    compare: Callable[[str, str], int]
    """Below, at or above zero."""
    same: Callable[[str, str], bool]
    """Whether a version is the one asked for, which may say less than the whole."""


_VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9.+~:^_*!-]*"
_OPERATORS: Final = {"=": "=", "==": "=", ">=": ">=", "<=": "<=", ">": ">", "<": "<", "!=": "!=", "~=": "~="}
_CONSTRAINT: Final = re.compile(rf"\s*(==|=|>=|<=|!=|~=|>|<)?\s*({_VERSION})\s*")
_NAME: Final = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@._+:/~-]*")
_PATH: Final = re.compile(r"/[A-Za-z0-9@._+:/~%^-]+")
_SPLIT: Final = re.compile(r"\s*([^=<>!\s]+?)\s*((?:(?:~=|[=<>!]|\s).*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on a version."""

    operator: str
    version: str

    @property
    def exact(self) -> bool:
        """Tell whether just one version will do."""
        return self.operator == "=" and "*" not in self.version

    def holds(self, version: str, order: Order) -> bool:
        """Tell whether a version fulfils the condition."""
        if self.operator in {"=", "!="}:
            same = fnmatchcase(version, self.version) if "*" in self.version else order.same(version, self.version)
            return same == (self.operator == "=")
        found = order.compare(version, self.version)
        # How far `~=` goes up, pip on the host says itself.
        return {">=": found >= 0, "~=": found >= 0, "<=": found <= 0, ">": found > 0, "<": found < 0}[self.operator]

    def __str__(self) -> str:
        return self.version if self.operator == "=" else f"{self.operator} {self.version}"


@dataclass(frozen=True, slots=True)
class Request:
    """One package that a task is about."""

    name: str
    """As it was written: a name, or the absolute path of a package file on the host."""
    constraints: tuple[Constraint, ...] = ()

    @property
    def is_file(self) -> bool:
        """Tell whether a package file of the host is meant."""
        return self.name.startswith("/")

    @property
    def exact(self) -> str | None:
        """Return the version, where just one will do."""
        return next((one.version for one in self.constraints if one.exact), None)

    @property
    def ranged(self) -> bool:
        """Tell whether several versions might do, of which one must be chosen."""
        return bool(self.constraints) and self.exact is None

    def accepts(self, version: str, order: Order) -> bool:
        """Tell whether a version is one of those wanted."""
        return all(constraint.holds(version, order) for constraint in self.constraints)

    @property
    def wanted(self) -> str:
        """Return the conditions as text."""
        return ", ".join(map(str, self.constraints))


def parse_constraints(text: str) -> tuple[Constraint, ...]:
    """Return the conditions in `1.2`, `>= 1.2` or `>= 1.2, < 2`. Raises ValueError."""
    found = []
    for part in text.split(","):
        match = _CONSTRAINT.fullmatch(part)
        operator = _OPERATORS[match[1] or "="] if match else ""
        if match is None or ("*" in match[2] and operator not in {"=", "!="}):
            message = f"{part.strip()!r} is not a version; write 1.2, 1.2.*, or conditions such as '>= 1.2, < 2'"
            raise ValueError(message)
        found.append(Constraint(operator, match[2]))
    return tuple(found)


def parse_request(text: str, *, pattern: re.Pattern[str] = _NAME) -> Request:
    """Return the package in `nginx`, `nginx=1.22`, `nginx >= 1.2` or `/root/nginx.deb`. Raises ValueError."""
    match = _SPLIT.fullmatch(text)
    name, rest = (match[1], match[2].strip()) if match else ("", "")
    whole = _PATH if name.startswith("/") else pattern
    named = whole.fullmatch(name) is not None and not name.endswith("-") and "/../" not in name
    if not named or rest[:1] not in {"", *"=<>!~"}:
        message = f"{text!r} is not the name of a package"
        raise ValueError(message)
    if rest and name.startswith("/"):
        message = f"{text!r}: a package file has one version already"
        raise ValueError(message)
    return Request(name, parse_constraints(rest) if rest else ())


def _one_or_many(value: object) -> object:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return [value] if isinstance(value, str) else value


def _not_empty(value: list[str]) -> list[str]:
    if not value:
        message = "the list is empty; leave the task out where nothing is wanted, by `with: {condition: ...}`"
        raise ValueError(message)
    return value


PackageNames = Annotated[
    list[str],
    BeforeValidator(_one_or_many),
    AfterValidator(_not_empty),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""A package or a list of them, each with a version or condition where wanted."""


def _version(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        message = f"a version is text, not the number {value!r}; put it in quotes where it comes from"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    return value


def _valid_version(value: str) -> str:
    parse_constraints(value)
    return value


VersionText = Annotated[str, BeforeValidator(_version), AfterValidator(_valid_version)]
"""A version, or conditions on it such as `>= 1.2, < 2`."""

REFRESH_HINT: Final = "an old package index may be why; `refresh: true` renews it"
HOLD_HINT: Final = "give `hold: true` or `hold: false` to change a package that is on hold"

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        message = f"{value!r} is not a span of time; write seconds, or 30s, 10m, 1h, 7d"
        raise ValueError(message)
    return float(match[1]) * _UNITS[match[2]]


def _not_negative(value: float) -> float:
    if value < 0:
        message = "a span of time cannot be negative"
        raise ValueError(message)
    return value


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    AfterValidator(_not_negative),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?[smhdw]?$"}),
]
"""A span of time in seconds, written as such or like 30s, 10m, 1h, 7d."""


def span_text(seconds: float) -> str:
    """Return a span of time as people say it, in its largest whole unit."""
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // unit)
        if count:
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{int(seconds)} seconds"
