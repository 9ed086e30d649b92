# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted values among variables: they stay encrypted until somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, SupportsIndex, overload

from jetpack_core.secrets.redaction import marker

if TYPE_CHECKING:
    from collections.abc import ItemsView, ValuesView

    from jetpack_core.records import Position
    from jetpack_core.secrets.vault import Vault


class Sealed:
    """A secret value; as text it is only the marker that says where it is written.

    :param vault: Opens it.
    :param ciphertext: What it is encrypted to; None for a value of a wholly encrypted file, `known` from there.
    :param parts: The keys and list numbers that lead to it in its file.
    """

    __slots__ = ("ciphertext", "known", "opened", "parts", "position", "vault")

    def __init__(
        self,
        vault: Vault,
        position: Position,
        parts: tuple[str | int, ...] = (),
        *,
        ciphertext: bytes | None = None,
        known: object = None,
    ) -> None:
        self.vault = vault
        self.position = position
        self.parts = parts
        self.ciphertext = ciphertext
        self.known = known
        self.opened = ciphertext is None

    @property
    def label(self) -> str:
        """Return where it is written, as `host_vars/db1:4`."""
        return f"{self.position.file}:{self.position.line}"

    def open(self) -> object:
        """Return the value. Raises SecretError; while planning, it may be an Unknown instead."""
        return self.vault.open(self)

    def __str__(self) -> str:
        return marker(self.label)

    __repr__ = __str__


class LazyMap(dict[str, object]):
    """A mapping that holds secrets; each is decrypted when it is looked at."""

    __slots__ = ("origin",)

    def __init__(self, origin: dict[str, object]) -> None:
        super().__init__(origin)
        self.origin = origin

    def __getitem__(self, key: str) -> object:
        return reveal(super().__getitem__(key))

    def get(self, key: str, default: object = None) -> object:
        """Return a key's value, or the default."""
        return reveal(super().get(key, default))

    def values(self) -> ValuesView[object]:  # type: ignore[override]
        """Return the values, each decrypted."""
        return {key: self[key] for key in self}.values()

    def items(self) -> ItemsView[str, object]:  # type: ignore[override]
        """Return the pairs, their values decrypted."""
        return {key: self[key] for key in self}.items()

    def copy(self) -> dict[str, object]:
        """Return another one."""
        return LazyMap(self.origin)

    def __eq__(self, other: object) -> bool:
        return bool(opened(self) == opened(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(opened(self))

    __str__ = __repr__


class LazyList(list[object]):
    """A list that holds secrets; each is decrypted when it is looked at."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> object: ...
    @overload
    def __getitem__(self, index: slice) -> list[object]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> object:
        return reveal(super().__getitem__(index))

    def __iter__(self) -> Iterator[object]:
        return (reveal(one) for one in super().__iter__())

    def __reversed__(self) -> Iterator[object]:
        return (reveal(one) for one in super().__reversed__())

    def __contains__(self, value: object) -> bool:
        return any(opened(one) == value for one in self)

    def __add__(self, other: list[object]) -> list[object]:  # type: ignore[override]
        return [*self, *other]

    def __radd__(self, other: list[object]) -> list[object]:
        return [*other, *self]

    def __mul__(self, times: SupportsIndex) -> list[object]:
        return list(self) * times

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return bool(opened(self) == opened(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(opened(self))

    __str__ = __repr__


LAZY: Final = frozenset({Sealed, LazyMap, LazyList})


def reveal(value: object) -> object:
    """Return a value as templates may look at it: a secret decrypted, what holds secrets made to decrypt them."""
    if isinstance(value, Sealed):
        return value.open()
    if type(value) in LAZY or not holds_sealed(value):
        return value
    return LazyMap(value) if isinstance(value, dict) else LazyList(value) if isinstance(value, list) else value


def holds_sealed(value: object) -> bool:
    """Tell whether a secret is anywhere in plain data."""
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) in LAZY:
            return True
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(list.__iter__(one))
    return False


def opened(value: object) -> object:
    """Return data with every secret in it decrypted, as data of its own where there was any. Raises SecretError."""
    if isinstance(value, Sealed):
        return value.open()
    if not holds_sealed(value):
        return value
    if isinstance(value, dict):
        return {key: opened(one) for key, one in dict.items(value)}
    return [opened(one) for one in list.__iter__(value)] if isinstance(value, list) else value
