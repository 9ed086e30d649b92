# SPDX-License-Identifier: GPL-3.0-or-later
"""From a document to the clear text that an editor shows, and back with as few new values as possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jetpack_core.content.problems import Problems
from jetpack_core.errors import ContentError, Problem, SecretError
from jetpack_core.secret_files.document import Document
from jetpack_core.secret_files.keeper import Keeper, Opened
from jetpack_core.secret_files.spans import AGE_TAG, Keys, Value
from jetpack_core.secrets import age, binding


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit."""

    text: str
    sealed: tuple[Keys, ...]
    """The values that got a new ciphertext."""


def revealed(document: Document, clear: Mapping[Keys, Opened]) -> str:
    """Return a document's text with its encrypted values in clear; their `!age` stays."""
    return document.with_clear({keys: opened.text for keys, opened in clear.items()}, tagged=True)


def resealed(
    original: Document, clear: Mapping[Keys, Opened], edited: Document, seal: Callable[[str, Keys], str]
) -> Edited:
    """Return an edited document with its `!age` values encrypted; those that say what they said keep their bytes.

    Raises ContentError where `!age` stands before something that cannot be encrypted.

    :param seal: encrypts a text for a place.
    """
    _check(edited)
    unused = dict(clear)
    kept: dict[Keys, Keys] = {}
    values = list(edited.sealed)
    for value in values:
        # An item that got another number is looked for only among what is left when all others have been found.
        if value.keys in unused and unused[value.keys].text == value.text:
            kept[value.keys] = value.keys
            del unused[value.keys]
    for value in values:
        origin = None if value.keys in kept else _moved_item(value, unused)
        if origin is not None:
            kept[value.keys] = origin
            del unused[origin]
    fresh = [value for value in values if value.keys not in kept]
    # What no key at hand could open was shown encrypted, and goes back as it is.
    foreign = {value.keys: value.text for value in fresh if age.is_age(value.text.encode())}
    armors = {value.keys: seal(value.text, value.keys) for value in fresh if value.keys not in foreign}
    untouched = {keys: keys for keys, text in foreign.items() if _same(original, keys, text)}
    pasted = {keys: text for keys, text in foreign.items() if keys not in untouched}
    text = edited.with_kept({**armors, **pasted}, original, {**kept, **untouched})
    return Edited(text, tuple(armors))


def _same(original: Document, keys: Keys, text: str) -> bool:
    value = original.values.get(keys)
    return value is not None and value.sealed and value.text.strip() == text.strip()


def _moved_item(value: Value, unused: Mapping[Keys, Opened]) -> Keys | None:
    """Return which value of the same place this is, where only its number in a list has changed."""
    place = binding.key_path(value.keys)
    return next(
        (keys for keys, old in unused.items() if old.text == value.text and binding.key_path(keys) == place), None
    )


def _check(edited: Document) -> None:
    found = []
    for one in edited.containers.values():
        if one.tag == AGE_TAG:
            message = (
                f"{AGE_TAG} stands before a {'mapping' if one.mapping else 'list'}, and encrypts single values only"
            )
            found.append(Problem(edited.place(one.start), message, f"write {AGE_TAG} before each value in it"))
    if found:
        raise ContentError(found)


def open_for_editing(
    keeper: Keeper, document: Document, file: Path, foreign: Callable[[Value], None]
) -> dict[Keys, Opened]:
    """Return the values that can be edited; `foreign` is told of each that no key at hand opens.

    Raises ContentError for damaged and moved values.
    """
    problems, closed = Problems(), Problems()

    def refuse(value: Value, error: SecretError) -> None:
        without_key = isinstance(error, age.NoMatchingKeyError)
        if without_key:
            foreign(value)
        (closed if without_key else problems).add(document.position(value), error.message, error.hint)

    clear = keeper.open_most(document, file, refuse=refuse)
    problems.raise_if_any()
    if not clear:
        closed.raise_if_any()
    return clear
