# SPDX-License-Identifier: GPL-3.0-or-later
"""Open and seal values and files: identities on one side, the rules' recipients on the other."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.content.files import SIZE_LIMIT, shown, top
from jetpack_core.content.problems import Problems
from jetpack_core.errors import SecretError, UsageError
from jetpack_core.secret_files.rules import Rules, find_rules
from jetpack_core.secrets import age, binding
from jetpack_core.secrets.age import NoMatchingKeyError
from jetpack_core.secrets.identities import Identities, parse_recipient

if TYPE_CHECKING:
    from jetpack_core.secret_files.document import Document
    from jetpack_core.secret_files.spans import Keys, Value

SUFFIX: Final = ".age"


@dataclass(frozen=True, slots=True)
class Opened:
    """A decrypted value."""

    text: str = field(repr=False)
    bound: bool
    """It says where it belongs."""
    audience: str
    """The digest of the recipients it was written for; empty where it does not say."""


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom something is encrypted."""

    recipients: tuple[age.Recipient, ...] = ()
    passphrase: str = field(default="", repr=False)
    """Instead of recipients."""

    @property
    def digest(self) -> str:
        """Return what tells two audiences apart; empty with a passphrase."""
        texts = sorted({one.text for one in self.recipients})
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] if texts else ""

    def encrypt(self, plaintext: bytes, *, armored: bool) -> bytes:
        """Return the ciphertext. Raises SecretError."""
        if self.passphrase:
            return age.encrypt_with_passphrase(plaintext, self.passphrase, armored=armored)
        return age.encrypt(plaintext, self.recipients, armored=armored)

    def matches(self, ciphertext: bytes) -> bool | None:
        """Tell whether a ciphertext is for these, as far as its header shows; None where it cannot be told.

        A header tells SSH keys by a digest, and of `age1...` recipients no more than how many there are.
        """
        stanzas = age.recipients_of(ciphertext)
        wanted = (
            Counter(_stanza(one) for one in self.recipients) if not self.passphrase else Counter({("scrypt", ""): 1})
        )
        found = Counter((one.kind, _tag_of(one)) for one in stanzas)
        if any(one.plugin for one in self.recipients):
            return None
        if wanted != found:
            return False
        return None if any(kind in {"X25519", "scrypt"} for kind, _ in found) else True


def _stanza(recipient: age.Recipient) -> tuple[str, str]:
    """Return what a header says of a recipient."""
    kind, _, key = recipient.text.partition(" ")
    if not key:
        return "X25519", ""
    digest = hashlib.sha256(base64.b64decode(key)).digest()[:4]
    return kind, base64.b64encode(digest).rstrip(b"=").decode()


def _tag_of(stanza: age.Stanza) -> str:
    return stanza.arguments[0] if stanza.kind.startswith("ssh-") and stanza.arguments else ""


class Keeper:
    """Opens what the user's identities can decrypt, and seals for whom the rules or the user say.

    :param recipients: Texts or names of recipients that beat the rules.
    :param passphrase: Beats the rules and recipients.
    :param learned: Told every decrypted value and where it stands, so that it can be kept out of messages.
    """

    def __init__(
        self,
        identities: Identities,
        *,
        recipients: Iterable[str] = (),
        passphrase: str = "",
        learned: Callable[[str, str], None] = lambda _value, _label: None,
    ) -> None:
        self.identities = identities
        self._learned = learned
        self._named = tuple(recipients)
        self._passphrase = passphrase
        self._rules: dict[Path, Rules] = {}
        self._audiences: dict[tuple[str, ...], Audience] = {}

    def rules(self, file: Path) -> Rules:
        """Return the rules that are about a file's folder. Raises ContentError."""
        folder = file.absolute().parent
        if folder not in self._rules:
            self._rules[folder] = find_rules(folder)
        return self._rules[folder]

    def audience(self, file: Path) -> Audience:
        """Return for whom a file's secrets are encrypted. Raises UsageError where nothing says it, SecretError."""
        if self._passphrase:
            return Audience(passphrase=self._passphrase)
        rules = self.rules(file)
        texts = tuple(self._texts(rules)) if self._named else tuple(one.text for one in rules.recipients_for(file))
        if texts not in self._audiences:
            natives = [parse_recipient(text, None, self.identities) for text in texts]
            self._audiences[texts] = Audience(tuple({one.text: one for one in natives}.values()))
        return self._audiences[texts]

    def _texts(self, rules: Rules) -> Iterable[str]:
        for name in self._named:
            members = rules.named(name)
            yield from (one.text for one in members) if members else (name,)

    def seal(self, text: str, file: Path, keys: Keys) -> str:
        """Return the armor of a value that knows its place. Raises UsageError, SecretError."""
        audience = self.audience(file)
        plaintext = binding.seal(text, binding.place_of(file, keys), audience=audience.digest)
        return audience.encrypt(plaintext, armored=True).decode("ascii")

    def seal_raw(self, text: str, file: Path) -> str:
        """Return the armor of a value that does not say where it belongs. Raises UsageError, SecretError."""
        return self.audience(file).encrypt(text.encode(), armored=True).decode("ascii")

    def seal_file(self, content: bytes, file: Path, *, armored: bool = True) -> bytes:
        """Return a file's ciphertext. Raises UsageError, SecretError."""
        return self.audience(file).encrypt(content, armored=armored)

    def open(self, value: Value, file: Path, *, anywhere: bool = False, require_binding: bool | None = None) -> Opened:
        """Return what an encrypted value says. Raises SecretError.

        :param anywhere: accept a value that belongs to another place, and one that does not say.
        :param require_binding: refuse one that does not say; None for what the rules say.
        """
        plaintext = self.identities.decrypt(value.text.encode())
        belongs = binding.bound_to(plaintext)
        place = belongs if anywhere and belongs else binding.place_of(file, value.keys)
        if require_binding is None:
            require_binding = self.rules(file).require_binding and not anywhere
        text = binding.open_value(plaintext, place, require_binding=require_binding)
        self._learned(text, f"{shown(file)}:{value.line}")
        return Opened(text, belongs is not None, binding.audience_of(plaintext))

    def open_all(
        self, document: Document, file: Path, *, values: Iterable[Value] | None = None, anywhere: bool = False
    ) -> dict[Keys, Opened]:
        """Return what the encrypted values of a document say. Raises ContentError with all that cannot be read."""
        problems = Problems()
        found = self.open_most(
            document, file, values=values, anywhere=anywhere,
            refuse=lambda value, error: problems.add(document.position(value), error.message, error.hint),
        )  # fmt: skip
        problems.raise_if_any()
        return found

    def open_most(
        self,
        document: Document,
        file: Path,
        *,
        refuse: Callable[[Value, SecretError], None],
        values: Iterable[Value] | None = None,
        anywhere: bool = False,
        require_binding: bool | None = None,
    ) -> dict[Keys, Opened]:
        """Return what the encrypted values of a document say; `refuse` is told of those that cannot be read."""
        found: dict[Keys, Opened] = {}
        for value in document.sealed if values is None else values:
            try:
                found[value.keys] = self.open(value, file, anywhere=anywhere, require_binding=require_binding)
            except SecretError as error:
                refuse(value, error)
        return found

    def open_file(self, content: bytes, file: Path) -> bytes:
        """Return what an encrypted file says. Raises ContentError with the file's name."""
        problems = Problems()
        try:
            return self.identities.decrypt(content)
        except SecretError as error:
            problems.add(top(file), error.message, error.hint)
        problems.raise_if_any()
        return b""

    def can_open(self, content: bytes) -> bool:
        """Tell whether one of the identities decrypts something. Raises SecretError where it is damaged."""
        try:
            self.identities.decrypt(content)
        except NoMatchingKeyError:
            return False
        return True


def read_file(file: Path) -> bytes:
    """Return a file's content. Raises UsageError."""
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown(file)}: {error.strerror}") from None
    if len(content) > SIZE_LIMIT:
        raise UsageError(f"{shown(file)} is too large", hint=f"the limit is {SIZE_LIMIT // 1_048_576} MiB")
    return content


def decoded(content: bytes, file: Path) -> str:
    """Return decrypted text. Raises SecretError where it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SecretError(
            f"{shown(file)} holds no text", hint="decrypt it to a file: jetpack secrets decrypt -o"
        ) from None
