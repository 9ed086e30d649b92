# SPDX-License-Identifier: GPL-3.0-or-later
"""Decrypts what a run looks at: once, into memory only, and never without making it known to the redactor."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import SecretError, UnknownValueError
from jetpack_core.records import Position
from jetpack_core.secrets.redaction import Redactor
from jetpack_core.secrets.values import Sealed

if TYPE_CHECKING:
    from jetpack_core.secrets.identities import Identities


_SEARCHED: Final = 256 * 1024
"""Bytes of the largest file that is searched for what looks like a secret."""
_WORDS: Final = re.compile(r"[^\s'\"=:;,(){}<>]{12,}[=]{0,2}")
_DERIVED: Final = re.compile(r"\S{8,}")
_DIGIT: Final = re.compile("[0-9]")
_LETTER: Final = re.compile("[A-Za-z]")


class Vault:
    """What a run needs to read secrets; nothing is decrypted, and no identity loaded, before it is looked at.

    :param identities: Makes the user's keys, when the first secret is looked at; None has none.
    :param lenient: What no key fits is unknown, with one warning, instead of an error; for planning and showing.
    :param warn: Told of that once.
    """

    def __init__(
        self,
        identities: Callable[[], Identities] | None = None,
        redactor: Redactor | None = None,
        *,
        lenient: bool = False,
        warn: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self.redactor = Redactor() if redactor is None else redactor
        self.lenient = lenient
        self.touches = 0
        """Grows whenever a secret is looked at, so that whoever works with one can be told."""
        self.in_use = False
        """Whether there is any secret at all."""
        self.locked: dict[str, str] = {}
        """Files of variables that could not be decrypted, and why; what is not defined may be in them."""
        self._make = identities
        self._identities: Identities | None = None
        self._warn = warn
        self._strict_roots: dict[Path, bool] = {}
        self._files: dict[Path, bytes] = {}
        self._told = False
        self._last = ""

    def value(self, ciphertext: bytes, position: Position, parts: tuple[str | int, ...]) -> Sealed:
        """Return an encrypted value of a file, which is not decrypted yet."""
        self.in_use = True
        return Sealed(self, position, parts, ciphertext=ciphertext)

    def known(self, value: object, position: Position, parts: tuple[str | int, ...] = ()) -> Sealed:
        """Return a value that was decrypted with its file."""
        self.in_use = True
        return Sealed(self, position, parts, known=value)

    def open(self, sealed: Sealed) -> object:
        """Return a secret's value, decrypted once. Raises SecretError with its place; may be an Unknown if lenient."""
        if not sealed.opened and sealed.ciphertext is not None:
            try:
                sealed.known = self._open_value(sealed, sealed.ciphertext)
            except SecretError as error:
                return self._missing(error, sealed.position)
            sealed.opened = True
        self.touches += 1
        self._last = sealed.label
        if isinstance(sealed.known, str | int | float):
            self.redactor.register(str(sealed.known), sealed.label)
        return sealed.known

    def learn_derived(self, value: object) -> None:
        """Make known what an expression made of the secret that was looked at last: its digest, a part of it.

        Only one word of letters and digits counts: an ordinary word, such as `enabled`, would be hidden everywhere.
        """
        if not (
            isinstance(value, str) and _DERIVED.fullmatch(value) and _DIGIT.search(value) and _LETTER.search(value)
        ):
            return
        if self._last and not self.redactor.holds(value):
            self.redactor.register(value, self._last)

    def _open_value(self, sealed: Sealed, ciphertext: bytes) -> str:
        from jetpack_core.secrets.binding import open_value, place_of

        plaintext = self._decrypt(ciphertext)
        file = Path(sealed.position.file)
        return open_value(plaintext, place_of(file, sealed.parts), require_binding=self._is_strict(file))

    def _missing(self, error: SecretError, position: Position) -> Unknown:
        """Return what stands for a value that no key fits. Raises SecretError where that is no choice."""
        from jetpack_core.secrets.age import NoMatchingKeyError

        reason = f"{position.file}:{position.line}: {error.message}"
        if not (self.lenient and isinstance(error, NoMatchingKeyError)):
            raise type(error)(reason, hint=error.hint) from None
        self._tell(reason, error.hint)
        return Unknown(f"the secret of {reason}")

    def _tell(self, reason: str, hint: str) -> None:
        if not self._told:
            self._told = True
            self._warn(f"{reason}; what depends on such secrets is unknown{f' ({hint})' if hint else ''}")

    def read(self, file: Path, content: bytes, shown: str) -> bytes:
        """Return a wholly encrypted file's content, decrypted once.

        Raises SecretError with the file's name, and UnknownValueError where no key fits and that is to be lenient.
        """
        self.in_use = True
        found = self._files.get(file)
        if found is None:
            try:
                found = self._files[file] = self._decrypt(content)
            except SecretError as error:
                self._missing(error, Position(shown, 1, 1)).refuse()
        self.touches += 1
        return found

    def source(self, file: Path, content: bytes, shown: str) -> bytes:
        """Return the content of an encrypted file that is sent to hosts, as `read` does.

        Whatever in it looks like a key or a password is made known to the redactor.
        """
        fresh = file not in self._files
        found = self.read(file, content, shown)
        if fresh and len(found) <= _SEARCHED:
            for word in _WORDS.findall(found.decode("utf-8", "replace")):
                if _DIGIT.search(word) and _LETTER.search(word):
                    self.redactor.register(word, shown)
        return found

    def variables(self, file: Path, content: bytes, shown: str) -> bytes | None:
        """Return the content of an encrypted file of variables; None where no key fits and that is to be lenient."""
        try:
            return self.read(file, content, shown)
        except UnknownValueError as error:
            self.locked[shown] = error.message
            return None

    def nothing_known(self) -> Unknown | None:
        """Return what stands for a name that nobody defined, where a file that may define it is not readable."""
        reason = next(iter(self.locked.values()), None)
        return None if reason is None else Unknown(f"it may be in a file of variables: {reason}")

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if self._identities is None and self._make is not None:
            self._identities = self._make()
        if self._identities is None:
            from jetpack_core.secrets.age import NoMatchingKeyError

            raise NoMatchingKeyError("there is no identity to decrypt it with")
        return self._identities.decrypt(ciphertext)

    def _is_strict(self, file: Path) -> bool:
        """Tell whether a file's project says that values must know their place."""
        from jetpack_core.secrets.binding import root_of

        root = root_of(file)
        if root not in self._strict_roots:
            self._strict_roots[root] = _requires_binding(root)
        return self._strict_roots[root]


def _requires_binding(root: Path) -> bool:
    """Read `require_binding` of a project's rules; what else they say is checked where they are used."""
    import yaml

    from jetpack_core.secrets.binding import RULES_FILE

    try:
        rules = yaml.safe_load((root / RULES_FILE).read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, yaml.YAMLError) as error:
        raise SecretError(f"{root / RULES_FILE} cannot be read: {type(error).__name__}") from None
    return isinstance(rules, dict) and rules.get("require_binding") is True
