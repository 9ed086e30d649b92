# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps registered secrets out of every text that leaves the program."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator, Mapping
from typing import Final

SHORTEST: Final = 4
"""Characters; shorter texts are everywhere by chance."""
_FEW: Final = 400
"""Beginnings that a pattern finds faster than looking up each character; it tries them one after the other."""
_HEAD: Final = 64
_BREAK: Final = re.compile(r"[ \t]*\r?\n[ \t]*")


def marker(label: str) -> str:
    """Return what stands in the place of a secret."""
    return f"<secret: {label}>"


class Redactor:
    """Replaces secrets, in any of their forms, by a marker that says where they come from.

    Texts shorter than four characters are not registered. Nothing is compiled before it is needed; with nothing
    registered, a text is returned as it is.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many times something was replaced."""
        self._labels: dict[str, str] = {}
        self._known: set[str] = set()
        self._index: dict[str, list[str]] = {}
        """The forms by how they begin, the longest first."""
        self._shorter: set[str] = set()
        """Less than a beginning of any form."""
        self._pattern: re.Pattern[str] | None = None
        """Finds where any of them may begin, as long as there are few."""
        self._longest = 0

    def __bool__(self) -> bool:
        return bool(self._labels)

    def register(self, value: str, label: str) -> None:
        """Make a secret known; `label` says where it comes from, such as `host_vars/db1:4`."""
        if len(value) < SHORTEST or value in self._known:
            return
        from jetpack_core.secrets.forms import forms

        self._known.add(value)
        for form in forms(value):
            self._add(form, label)
            # Output may be wrapped anywhere, so that its own line ends count as little as the wrapping.
            squeezed = _BREAK.sub("", form)
            if len(squeezed) >= SHORTEST:
                self._add(squeezed, label)

    def _add(self, form: str, label: str) -> None:
        """Make a form known, in no more time than there are others that begin like it."""
        if form in self._labels:
            return
        self._labels[form] = label
        self._longest = max(self._longest, len(form))
        begin = form[:SHORTEST]
        if begin not in self._index:
            self._index[begin] = []
            self._shorter.update(begin[:size] for size in range(1, SHORTEST))
            self._pattern = None
        insort(self._index[begin], form, key=lambda one: -len(one))

    def redact(self, text: str) -> str:
        """Return a text with a marker in the place of every secret."""
        return self._redacted(text) if self._labels else text

    def holds(self, value: object) -> bool:
        """Tell whether a text, or any text or number in plain data, holds a secret."""
        if not self._labels:
            return False
        pending, seen = [value], set()
        while pending:
            one = pending.pop()
            if isinstance(one, Mapping | list | tuple | set | frozenset):
                # Variables of hosts lead to those of all hosts, and so back to themselves.
                if id(one) not in seen:
                    seen.add(id(one))
                    pending.extend((*one.keys(), *one.values()) if isinstance(one, Mapping) else one)
            elif self._is_secret(one):
                return True
        return False

    def _is_secret(self, value: object) -> bool:
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if isinstance(value, str):
            return bool(self._spans(value))
        return isinstance(value, int | float) and str(value) in self._labels

    def stream(self) -> RedactedStream:
        """Return a redactor for a text that comes in pieces."""
        return RedactedStream(self)

    def _redacted(self, text: str) -> str:
        spans = self._spans(text)
        if not spans:
            return text
        parts, end = [], 0
        for start, stop, label in spans:
            parts += [text[end:start], marker(label)]
            end = stop
        self.count += len(spans)
        return "".join([*parts, text[end:]])

    def _spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return where secrets are, in order and without overlap."""
        found = list(self._found(text))
        if "\n" in text:
            found = _joined([*found, *self._wrapped(text)])
        return found

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        end = 0
        for start in self._beginnings(text):
            if start < end:
                continue
            form = next((one for one in self._index[text[start : start + SHORTEST]] if text.startswith(one, start)), "")
            if form:
                end = start + len(form)
                yield start, end, self._labels[form]

    def _beginnings(self, text: str) -> Iterator[int]:
        """Yield where a secret may begin."""
        if len(self._index) > _FEW:
            index = self._index
            yield from (at for at in range(len(text) - SHORTEST + 1) if text[at : at + SHORTEST] in index)
            return
        if self._pattern is None:
            self._pattern = re.compile(f"(?={'|'.join(map(re.escape, sorted(self._index)))})")
        yield from (place.start() for place in self._pattern.finditer(text))

    def _wrapped(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where secrets are that line ends run through."""
        places: list[int] = []
        kept, end = [], 0
        for gap in (*_BREAK.finditer(text), None):
            stop = gap.start() if gap is not None else len(text)
            places += range(end, stop)
            kept.append(text[end:stop])
            end = gap.end() if gap is not None else stop
        for first, last, label in self._found("".join(kept)):
            yield places[first], places[last - 1] + 1, label

    def safe_length(self, text: str) -> int:
        """Return how much of a text can be shown before it is known what follows."""
        if not self._labels:
            return len(text)
        spans = self._spans(text)
        cut = self._first_open(text)
        for start, stop, _ in reversed(spans):
            # What is held back must not be the second half of another secret.
            if start < cut < stop:
                cut = start
        return cut

    def _first_open(self, text: str) -> int:
        """Return where an end of the text begins that may be the beginning of a secret."""
        # As many line ends again as there are characters: more wrapping than that is no wrapping.
        for start in range(max(0, len(text) - 3 * self._longest), len(text)):
            if self._may_begin(text[start : start + _HEAD]) and self._begins(text[start:]):
                return start
        return len(text)

    def _may_begin(self, head: str) -> bool:
        """Tell by few characters whether to look closer."""
        squeezed = _BREAK.sub("", head).rstrip()
        return len(squeezed) < SHORTEST or head[:SHORTEST] in self._index or squeezed[:SHORTEST] in self._index

    def _begins(self, rest: str) -> bool:
        """Tell whether a secret begins with a text and is longer, line ends aside."""
        for text in {rest, _BREAK.sub("", rest)} - {""}:
            if len(text) < SHORTEST:
                if text in self._shorter:
                    return True
            elif any(len(one) > len(text) and one.startswith(text) for one in self._index.get(text[:SHORTEST], ())):
                return True
        return False


def _joined(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return spans in order, those that overlap as one."""
    joined: list[tuple[int, int, str]] = []
    for start, stop, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        if joined and start < joined[-1][1]:
            first, last, known = joined[-1]
            joined[-1] = (first, max(last, stop), known)
        else:
            joined.append((start, stop, label))
    return joined


class RedactedStream:
    """Redacts a text that comes in pieces: an end that may be the beginning of a secret waits for the next piece."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece, and return what can be shown by now."""
        if not self._redactor and not self._held:
            return text
        text = self._held + text
        cut = self._redactor.safe_length(text)
        self._held = text[cut:]
        return self._redactor.redact(text[:cut])

    def flush(self) -> str:
        """Return what was held back, at the end of the text."""
        held, self._held = self._held, ""
        return self._redactor.redact(held)
