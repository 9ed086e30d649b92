# SPDX-License-Identifier: GPL-3.0-or-later
"""The age format; the only module that knows the library behind it, which loads on first use."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast

from jetpack_core.contracts.encrypted import ARMOR, is_age, is_armored
from jetpack_core.errors import SecretError

if TYPE_CHECKING:
    from types import ModuleType

    from jetpack_core.records import Position

__all__ = [
    "Callbacks",
    "DamagedError",
    "Identity",
    "NoMatchingKeyError",
    "Recipient",
    "Stanza",
    "TruncatedError",
    "check_plugin",
    "decrypt",
    "decrypt_with_passphrase",
    "encrypt",
    "encrypt_with_passphrase",
    "generate_key",
    "is_age",
    "is_armored",
    "parse_recipient",
    "plugin_identity",
    "recipients_of",
    "ssh_identity",
    "x25519_identity",
]

_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_PLUGIN_RECIPIENT: Final = re.compile(r"age1([a-z0-9-]+)1[02-9ac-hj-np-z]+")
_SSH_TYPES: Final = ("ssh-ed25519", "ssh-rsa")


class NoMatchingKeyError(SecretError):
    """None of the identities at hand can decrypt it."""


class DamagedError(SecretError):
    """The ciphertext is not what was written."""


class TruncatedError(DamagedError):
    """The end of the ciphertext is missing."""


class TooMuchWorkError(DamagedError):
    """Trying a passphrase would take far longer than this machine ever needs for one of its own."""


# The library judges that by one look at the clock, which a busy machine gets wrong now and then.
_MEASURED: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A private key, loaded."""

    name: str
    """Where it came from, as messages show it."""
    native: object = field(repr=False)
    public: str = ""
    """The recipient that belongs to it, where it can be told."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key; two of the same text are the same."""

    text: str
    native: object = field(repr=False, compare=False)
    plugin: str = ""
    """The name of the age plugin it needs, if any."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One line of a header: for whom a file is, as far as the file tells."""

    kind: str
    """`X25519`, `ssh-ed25519`, `ssh-rsa`, `scrypt`, or what a plugin writes."""
    arguments: tuple[str, ...] = ()


class Callbacks(Protocol):
    """How an age plugin speaks with the user."""

    def display_message(self, message: str) -> None:
        """Show a message."""

    def confirm(self, message: str, yes_string: str, no_string: str | None) -> bool | None:
        """Ask a question with two answers; None where nobody can be asked."""

    def request_public_string(self, description: str) -> str | None:
        """Ask for something that is not secret; None where nobody can be asked."""

    def request_passphrase(self, description: str) -> str | None:
        """Ask for a secret; None where nobody can be asked."""


def decrypt(ciphertext: bytes, identities: Sequence[Identity]) -> bytes:
    """Return the plaintext. Raises NoMatchingKeyError, DamagedError, TruncatedError."""
    whole = _checked(ciphertext)
    return _read(lambda library: library.decrypt(whole, [one.native for one in identities]), _names(identities))


def decrypt_with_passphrase(ciphertext: bytes, passphrase: str) -> bytes:
    """Return the plaintext of what was encrypted with a passphrase. Raises as `decrypt` does."""
    whole = _checked(ciphertext)
    for _ in range(_MEASURED - 1):
        with contextlib.suppress(TooMuchWorkError):
            return _read(lambda library: library.passphrase.decrypt(whole, passphrase), "the passphrase")
    return _read(lambda library: library.passphrase.decrypt(whole, passphrase), "the passphrase")


def encrypt(plaintext: bytes, recipients: Sequence[Recipient], *, armored: bool) -> bytes:
    """Return the ciphertext for all recipients. Raises SecretError."""
    if not recipients:
        raise SecretError("there is nobody to encrypt for", hint="name a recipient")
    natives = [one.native for one in recipients]
    return _write(lambda library: library.encrypt(plaintext, natives, armored=armored))


def encrypt_with_passphrase(plaintext: bytes, passphrase: str, *, armored: bool) -> bytes:
    """Return the ciphertext for whoever knows a passphrase. Raises SecretError."""
    if not passphrase:
        raise SecretError("an empty passphrase protects nothing")
    return _write(lambda library: library.passphrase.encrypt(plaintext, passphrase, armored=armored))


def recipients_of(ciphertext: bytes) -> tuple[Stanza, ...]:
    """Return for whom a file is, as far as its header tells. Raises DamagedError, TruncatedError."""
    header, mark, _ = _binary(_checked(ciphertext)).partition(b"\n---")
    if not mark:
        raise TruncatedError("its header is cut off", hint=_AGAIN)
    lines = header.decode("ascii", "replace").split("\n")
    words = [line[3:].split(" ") for line in lines if line.startswith("-> ")]
    return tuple(Stanza(kind, tuple(rest)) for kind, *rest in words if not kind.endswith("-grease"))


def x25519_identity(text: str, name: str) -> Identity:
    """Return the identity of an `AGE-SECRET-KEY-1` text. Raises SecretError."""
    library = _library()
    try:
        native = library.x25519.Identity.from_str(text)
    except library.IdentityError:
        # The text is a secret, so it is not shown.
        raise SecretError(f"{name}: the age key in it is damaged") from None
    return Identity(name, native, str(native.to_public()))


def ssh_identity(key: bytes, name: str) -> Identity:
    """Return the identity of an SSH private key without passphrase. Raises SecretError."""
    library = _library()
    try:
        return Identity(name, library.ssh.Identity.from_buffer(key))
    except library.IdentityError as error:
        hint = "use an ed25519 or rsa key"
        raise SecretError(f"{name}: this SSH key cannot be used: {error}", hint=hint) from None


def plugin_identity(text: str, name: str, callbacks: Callbacks, allowed: Sequence[str]) -> Identity:
    """Return the identity of an `AGE-PLUGIN-` text. Raises SecretError for plugins that are not allowed."""
    library = _library()
    try:
        parsed = library.plugin.Identity.from_str(text)
    except library.IdentityError as error:
        raise SecretError(f"{name}: the plugin identity in it is damaged: {error}") from None
    plugin = check_plugin(str(parsed.plugin()), name, allowed)
    try:
        return Identity(name, library.plugin.IdentityPluginV1(plugin, [parsed], callbacks))
    except (library.IdentityError, library.DecryptError) as error:
        raise _no_plugin(plugin, name, error) from None


def check_plugin(plugin: str, name: str, allowed: Sequence[str]) -> str:
    """Return the name of a plugin that may run. Raises SecretError for any other."""
    if plugin in allowed and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", plugin):
        return plugin
    hint = f"if you trust the program age-plugin-{plugin}, allow it: JETPACK_AGE_PLUGINS={plugin}"
    raise SecretError(f"{name}: the age plugin {plugin!r} is not allowed", hint=hint)


def _no_plugin(plugin: str, name: str, error: Exception) -> SecretError:
    reason = "".join(one for one in str(error).splitlines()[0] if one.isprintable()).rstrip(".")
    message = f"{name}: the age plugin {plugin!r} cannot be used: {reason}"
    return SecretError(message, hint=f"is age-plugin-{plugin} on the PATH?")


def parse_recipient(
    text: str, position: Position | None, callbacks: Callbacks | None = None, allowed: Sequence[str] = ()
) -> Recipient:
    """Return the recipient of an `age1...`, `ssh-ed25519 ...` or `ssh-rsa ...` text. Raises SecretError."""
    library = _library()
    text = text.strip()
    where = f"{position}: " if position is not None else ""
    try:
        if text.startswith(_SSH_TYPES):
            kind, _, rest = text.partition(" ")
            shown = f"{kind} {rest.split(' ', 1)[0]}"
            return Recipient(shown, library.ssh.Recipient.from_str(shown))
        found = _PLUGIN_RECIPIENT.fullmatch(text)
        if found is not None:
            plugin = check_plugin(found[1], f"{where}{text}", allowed)
            return Recipient(text, _plugin_recipient(text, plugin, where, callbacks), plugin)
        return Recipient(text, library.x25519.Recipient.from_str(text))
    except library.RecipientError as error:
        hint = "a recipient is age1..., ssh-ed25519 ... or ssh-rsa ..."
        if text.upper().startswith("AGE-SECRET-KEY"):
            raise SecretError(f"{where}this is a private key, not a recipient", hint=hint) from None
        raise SecretError(f"{where}{text!r} is no recipient: {error}", hint=hint) from None


def _plugin_recipient(text: str, plugin: str, where: str, callbacks: Callbacks | None) -> object:
    library = _library()
    parsed = library.plugin.Recipient.from_str(text)
    try:
        return library.plugin.RecipientPluginV1(plugin, [parsed], [], callbacks)
    except library.EncryptError as error:
        raise _no_plugin(plugin, f"{where}{text}", error) from None


def generate_key() -> tuple[str, str]:
    """Return a new X25519 identity and its recipient, as texts."""
    identity = _library().x25519.Identity.generate()
    return str(identity), str(identity.to_public())


_AGAIN: Final = "fetch it again, or encrypt it anew"


def _names(identities: Sequence[Identity]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in identities)) or "no identity"


def _checked(ciphertext: bytes) -> bytes:
    """Return ciphertext as it may be decrypted; damage of the armor is told here, in words."""
    if not is_age(ciphertext):
        raise DamagedError("this is not encrypted with age", hint=_AGAIN)
    if not is_armored(ciphertext):
        return ciphertext
    text = b"\n".join(line.strip() for line in ciphertext.strip().splitlines())
    if not text.endswith(_END):
        if _END[:8] in text[len(ARMOR) :]:
            raise DamagedError("its armor is damaged: the END line is not the last", hint=_AGAIN)
        raise TruncatedError("its armor is cut off: the END line is missing", hint=_AGAIN)
    return text + b"\n"


def _binary(ciphertext: bytes) -> bytes:
    if not is_armored(ciphertext):
        return ciphertext
    body = b"".join(ciphertext.strip().splitlines()[1:-1])
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise DamagedError(f"its armor is damaged: {error}", hint=_AGAIN) from None


def _read(run: Callable[[ModuleType], object], tried: str) -> bytes:
    library = _library()
    try:
        return cast("bytes", run(library))
    except library.DecryptError as error:
        raise _explained(str(error), tried) from None
    except BaseException as error:  # noqa: BLE001 - the library's breakdown is no Exception
        raise _panic(error) from None


def _explained(text: str, tried: str) -> SecretError:
    low = text.lower()
    if "no matching keys" in low:
        return NoMatchingKeyError(f"no key at hand can decrypt it (tried: {tried})", hint=_GET_A_KEY)
    if "decryption failed" in low:
        return NoMatchingKeyError("the passphrase is wrong")
    if "excessive work" in low:
        return TooMuchWorkError("its passphrase asks for more work than this machine is fit for", hint=_AGAIN)
    return _damage(text, low)


def _damage(text: str, low: str) -> DamagedError:
    if "armor" in low or "decodeerror" in low:
        return DamagedError(f"its armor is damaged: {text.splitlines()[0]}", hint=_AGAIN)
    if "fill whole buffer" in low or "end of file" in low or "truncated" in low:
        return TruncatedError("it is cut off", hint=_AGAIN)
    if "decryption error" in low or "mac" in low.split():
        return DamagedError("it was altered or cut off after it was encrypted", hint=_AGAIN)
    return DamagedError(f"it cannot be decrypted: {text.splitlines()[0] if text else 'damaged'}", hint=_AGAIN)


_GET_A_KEY: Final = "name another identity with --identity, or have it encrypted for you: jetpack secrets rekey"


def _write(run: Callable[[ModuleType], object]) -> bytes:
    library = _library()
    try:
        return cast("bytes", run(library))
    except library.EncryptError as error:
        raise SecretError(f"it cannot be encrypted: {error}") from None
    except BaseException as error:  # noqa: BLE001 - the library's breakdown is no Exception
        raise _panic(error) from None


def _panic(error: BaseException) -> BaseException:
    """Make an error of the library's own breakdown, which is no Exception; anything else stays what it is."""
    if type(error).__name__ == "PanicException":
        return DamagedError("it cannot be decrypted: the age library broke on it", hint=_AGAIN)
    return error


def _library() -> ModuleType:
    import pyrage  # type: ignore[import-untyped]

    return cast("ModuleType", pyrage)
