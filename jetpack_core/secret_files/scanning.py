# SPDX-License-Identifier: GPL-3.0-or-later
"""Find secrets that stay in clear: copies of known ones, and files and values that a rule wants encrypted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from jetpack_core.content.files import place_in, shown, top
from jetpack_core.content.scalars import plain_scalar
from jetpack_core.errors import ContentError, Problem, SecretError
from jetpack_core.records import Position
from jetpack_core.secret_files.discovery import holds_values, is_yaml
from jetpack_core.secret_files.document import Document, shown_keys
from jetpack_core.secret_files.keeper import SUFFIX, Keeper
from jetpack_core.secret_files.rules import Rule
from jetpack_core.secret_files.spans import AGE_TAG, Value
from jetpack_core.secrets import age
from jetpack_core.secrets.binding import RULES_FILE
from jetpack_core.secrets.forms import forms

SHORTEST: Final = 6
"""Characters a secret must have to be looked for, if not said otherwise; shorter ones are everywhere by chance."""
_PRIVATE_KEYS: Final = (b"AGE-SECRET-KEY-1", b"AGE-PLUGIN-")
_KEY_LENGTH: Final = 60


def breaches(keeper: Keeper, file: Path, content: bytes) -> Iterator[Problem]:
    """Yield what the rules, or a file's own name, want encrypted and is not. Raises ContentError for bad rules."""
    if file.name == RULES_FILE:
        return
    rule = keeper.rules(file).rule_for(file)
    if age.is_age(content):
        return
    if file.suffix == SUFFIX or (rule is not None and rule.whole):
        why = f"{rule.position} says so" if rule is not None and rule.whole else f"its name ends with {SUFFIX}"
        message = f"must be encrypted as a whole ({why}), and is not"
        yield Problem(top(file), message, f"jetpack secrets encrypt {shown(file)}")
    elif b"\0" not in content and is_yaml(file) and ((rule is not None and rule.keys) or AGE_TAG.encode() in content):
        try:
            document = Document(content, shown(file))
        except ContentError as error:
            yield from error.problems
            return
        for value in document.values.values():
            why = _reason(value, rule)
            if why:
                message = f"{shown_keys(value.keys)} must be encrypted ({why}), and is not"
                hint = f"jetpack secrets encrypt {shown(file)} --key {shown_keys(value.keys)}"
                yield Problem(document.position(value), message, hint)


def _reason(value: Value, rule: Rule | None) -> str:
    """Return why a value must be encrypted that is not; empty where all is well."""
    if value.sealed:
        return "" if age.is_age(value.text.encode()) else f"{AGE_TAG} stands before it"
    empty = value.plain and plain_scalar(value.text) is None
    if rule is not None and not empty and rule.wants_encrypted([str(key) for key in value.keys]):
        return f"{rule.position} says so"
    return ""


class Known:
    """Secrets to look for, by each form they may have."""

    def __init__(self, shortest: int = SHORTEST) -> None:
        self._shortest = shortest
        self._forms: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(set(self._forms.values()))

    def add(self, text: str, label: str) -> None:
        """Make a secret known; each of its lines counts."""
        for line in {text.strip(), *(line.strip() for line in text.splitlines())}:
            if len(line) >= self._shortest and len(set(line)) > 1:
                for form in forms(line):
                    if len(form) >= self._shortest:
                        self._forms.setdefault(form.encode("utf-8", "surrogateescape"), label)

    def copies(self, file: Path, content: bytes) -> Iterator[Problem]:
        """Yield where secrets stand in clear in a file; each secret once."""
        told: set[str] = set()
        for form, label in self._forms.items():
            if label not in told and (at := content.find(form)) >= 0:
                told.add(label)
                message = f"the secret {label} stands here in clear"
                yield Problem(
                    place_in(content, at, shown(file)), message, "use the variable, and give out a new secret"
                )
        for mark in _PRIVATE_KEYS:
            at = content.find(mark)
            if at >= 0 and _is_key(content[at : at + _KEY_LENGTH]):
                hint = "keep it out of the project, make a new one, and rekey"
                yield Problem(place_in(content, at, shown(file)), "a private age key stands here", hint)


def _is_key(text: bytes) -> bool:
    return len(text) == _KEY_LENGTH and text.replace(b"-", b"").isalnum() and text.isupper()


def gather(
    keeper: Keeper, files: Iterable[Path], known: Known, read: Callable[[Path], bytes | None]
) -> Mapping[Position, SecretError]:
    """Make known what the user's keys open in files; return what could not be opened."""
    closed: dict[Position, SecretError] = {}
    for file in files:
        content = read(file)
        if content is None:
            continue
        if age.is_age(content):
            try:
                text = keeper.identities.decrypt(content).decode("utf-8", "surrogateescape")
            except SecretError as error:
                closed[top(file)] = error
                continue
            for secret, label in _of_file(file, text):
                known.add(secret, label)
        elif is_yaml(file) and holds_values(content):
            closed.update(_gather_values(keeper, file, content, known))
    return closed


def _gather_values(keeper: Keeper, file: Path, content: bytes, known: Known) -> Mapping[Position, SecretError]:
    closed: dict[Position, SecretError] = {}
    try:
        document = Document(content, shown(file))
    except ContentError:
        return closed  # `check` tells what is wrong with it

    def refuse(value: Value, error: SecretError) -> None:
        closed[document.position(value)] = error

    clear = keeper.open_most(document, file, anywhere=True, refuse=refuse)
    for keys, opened in clear.items():
        known.add(opened.text, f"{shown(file)}: {shown_keys(keys)}")
    return closed


def _of_file(file: Path, text: str) -> Iterator[tuple[str, str]]:
    """Yield the secrets in an encrypted file: the values of one with variables, the lines of any other."""
    if Path(file.stem).suffix in {".yml", ".yaml"}:
        try:
            document = Document(text.encode("utf-8", "surrogateescape"), shown(file), clear=True)
        except ContentError:
            pass
        else:
            for value in document.values.values():
                if not value.plain or isinstance(plain_scalar(value.text), str):
                    yield value.text, f"{shown(file)}: {shown_keys(value.keys)}"
            return
    yield text, shown(file)
