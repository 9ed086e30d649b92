# SPDX-License-Identifier: GPL-3.0-or-later
"""Wholly encrypted files of variables: decrypted when somebody looks, and secret in every value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from jetpack_core.content.files import shown, top
from jetpack_core.content.problems import Problems
from jetpack_core.content.yaml import data_of, read_data, read_vars_file
from jetpack_core.contracts.encrypted import ENCRYPTED, is_age
from jetpack_core.errors import ContentError, SecretError
from jetpack_core.variables.data import Replace, SourceMap
from jetpack_core.variables.merge import resolve_replace_keys

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.records import Position
    from jetpack_core.secrets.vault import Vault


class EncryptedVariables(Mapping[str, object]):
    """The variables of an encrypted file; looking at any decrypts it.

    Looking raises SecretError where that fails, and ContentError where what is in it is wrong.
    """

    def __init__(self, path: Path, content: bytes, vault: Vault) -> None:
        self._path = path
        self._content = content
        self._vault = vault
        self._values: SourceMap | None = None

    @property
    def positions(self) -> dict[str, Position]:
        """Where each variable stands."""
        return self._data().positions

    def __getitem__(self, key: str) -> object:
        return self._data()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data())

    def __len__(self) -> int:
        return len(self._data())

    def _data(self) -> SourceMap:
        if self._values is None:
            self._values = self._read()
        return self._values

    def _read(self) -> SourceMap:
        file = shown(self._path)
        plaintext = self._vault.variables(self._path, self._content, file)
        if plaintext is None:
            return SourceMap()
        data = _secret_data(self._path, plaintext, self._vault)
        if self._path.name.endswith(".json.age"):
            data = resolve_replace_keys(data)
        if data is None:
            return SourceMap()
        if not isinstance(data, SourceMap):
            raise SecretError(f"{file}:1: a file of variables must be a mapping", hint="write `name: value` lines")
        return data


def read_layer(path: Path, problems: Problems) -> Mapping[str, object]:
    """Return the variables of a file; those of an encrypted one are decrypted when somebody looks."""
    content = _encrypted_content(path)
    if content is None:
        return read_vars_file(path, problems)
    return EncryptedVariables(path, content, problems.vault)


def lazy_data(path: Path, problems: Problems) -> object:
    """Return the data of a file, or the variables of an encrypted one, not yet decrypted."""
    content = _encrypted_content(path)
    return read_data(path, problems) if content is None else EncryptedVariables(path, content, problems.vault)


def _encrypted_content(path: Path) -> bytes | None:
    """Return the content of a file whose name says that it is encrypted, if it is."""
    if path.suffix != ENCRYPTED:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        # Reading it as any other file says what is wrong.
        return None
    return content if is_age(content) else None


def read_encrypted(path: Path, content: bytes, problems: Problems) -> object:
    """Return the data of an encrypted file, decrypted now; None with the problem noted."""
    try:
        plaintext = problems.vault.variables(path, content, shown(path))
        return None if plaintext is None else _secret_data(path, plaintext, problems.vault)
    except SecretError as error:
        problems.add(top(path), error.message.removeprefix(f"{shown(path)}:1: "), error.hint, code="unreadable-secret")
    except ContentError as error:
        problems.extend(error)
    return None


def _secret_data(path: Path, plaintext: bytes, vault: Vault) -> object:
    """Return what is in a decrypted file, every text and number a secret. Raises ContentError without its lines."""
    problems = Problems(vault)
    data = data_of(path, plaintext, problems)
    try:
        problems.raise_if_any()
    except ContentError as error:
        raise ContentError(replace(one, source_line="") for one in error.problems) from None
    return _sealed(data, vault, top(path), ())


def _sealed(value: object, vault: Vault, where: Position, parts: tuple[str | int, ...]) -> object:
    if isinstance(value, Replace):
        return Replace(_sealed(value.value, vault, where, parts))
    if isinstance(value, dict):
        known = value.positions if isinstance(value, SourceMap) else {}
        for key, one in value.items():
            value[key] = _sealed(one, vault, known.get(key, where), (*parts, key))
        return value
    if isinstance(value, list):
        value[:] = [_sealed(one, vault, where, (*parts, number)) for number, one in enumerate(value)]
        return value
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return vault.known(value, where, parts)
    return value
