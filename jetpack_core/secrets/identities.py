# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the private keys of the user, in the order of their sources, and load each one only when it is needed."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from jetpack_core.errors import SecretError
from jetpack_core.records import Position
from jetpack_core.secrets import age, ssh_keys
from jetpack_core.secrets.age import Identity, NoMatchingKeyError, Recipient

Ask = Callable[[str], str]
"""Ask for a passphrase with a prompt; returns what was typed."""
Tell = Callable[[str], None]

TEXT_VARIABLE: Final = "JETPACK_AGE_IDENTITY"
FILE_VARIABLE: Final = "JETPACK_AGE_IDENTITY_FILE"
COMMAND_VARIABLE: Final = "JETPACK_AGE_IDENTITY_CMD"
PLUGINS_VARIABLE: Final = "JETPACK_AGE_PLUGINS"
DEFAULT_FILE: Final = Path(".config/jetpack/identity.txt")
"""Below the home directory, where XDG_CONFIG_HOME does not say otherwise."""
_SSH_FILES: Final = (".ssh/id_ed25519", ".ssh/id_rsa")
_SIZE_LIMIT: Final = 1024 * 1024


class _Talk:
    """How age plugins speak with the user."""

    def __init__(self, ask: Ask, tell: Tell) -> None:
        self._ask = ask
        self._tell = tell

    def display_message(self, message: str) -> None:
        """Show a message."""
        self._tell(message)

    def confirm(self, message: str, yes_string: str, no_string: str | None) -> bool | None:  # noqa: ARG002
        """Ask nobody: a plugin that needs an answer says so itself."""
        self._tell(message)
        return None

    def request_public_string(self, description: str) -> str | None:
        """Ask for something."""
        return self._ask(description)

    def request_passphrase(self, description: str) -> str | None:
        """Ask for a secret."""
        return self._ask(description)


class Identities:
    """The user's private keys: `--identity` files, then the environment's, then the usual files.

    Each source is read once, when all before it could not decrypt something. A passphrase is asked for once.

    :param files: What `--identity` names.
    :param environment: The environment's variables.
    :param home: The user's home directory.
    :param ask: Asks for passphrases; raises JetpackError where nobody can be asked.
    :param warn: Told of usual files that are left out.
    :param learned: Told every private key's text and passphrase, so that it can be kept out of sight.
    :param allowed_plugins: Names of age plugins that may run, besides those of JETPACK_AGE_PLUGINS.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        environment: Mapping[str, str],
        home: Path,
        ask: Ask,
        warn: Tell,
        learned: Callable[[str, str], None] = lambda _value, _label: None,
        allowed_plugins: Sequence[str] = (),
    ) -> None:
        self._files = tuple(files)
        self._environment = environment
        self._home = home
        self._ask = ask
        self._warn = warn
        self._learned = learned
        named = environment.get(PLUGINS_VARIABLE, "").replace(",", " ").split()
        self.allowed_plugins = (*allowed_plugins, *named)
        self.callbacks = _Talk(ask, warn)
        self._loaded: list[Identity] = []
        self._locked: list[ssh_keys.LockedKey] = []
        self._sources: Iterator[None] = self._read_sources()
        self._exhausted = False
        self._wrong: SecretError | None = None
        self._passphrases: list[str] = []
        self._refused = False

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Return the plaintext by the first key that fits; of a passphrase file, by asking.

        Raises NoMatchingKeyError, DamagedError, TruncatedError, and SecretError for a source that cannot be read.
        """
        stanzas = age.recipients_of(ciphertext)
        if any(one.kind == "scrypt" for one in stanzas):
            return self._by_passphrase(ciphertext)
        tried = 0
        while True:
            if len(self._loaded) > tried:
                fresh, tried = self._loaded[tried:], len(self._loaded)
                try:
                    return age.decrypt(ciphertext, fresh)
                except NoMatchingKeyError:
                    continue
            if not self._more(stanzas):
                break
        names = ", ".join(dict.fromkeys([one.name for one in self._loaded] + [one.name for one in self._locked]))
        if not names:
            raise NoMatchingKeyError("there is no identity to decrypt it with", hint=_NAME_ONE)
        raise NoMatchingKeyError(f"no key at hand can decrypt it (tried: {names})", hint=_OTHER)

    def loaded(self) -> Sequence[Identity]:
        """Return every key that needs no passphrase, all sources read."""
        while not self._exhausted:
            self._next_source()
        return tuple(self._loaded)

    def _more(self, stanzas: Sequence[age.Stanza]) -> bool:
        """Load another key: of the next source, or at last one that needs a passphrase and is named in the file."""
        if not self._exhausted:
            self._next_source()
            return True
        tags = {one.arguments[0] for one in stanzas if one.kind.startswith("ssh-") and one.arguments}
        for locked in self._locked:
            if locked.tag in tags:
                self._locked.remove(locked)
                self._loaded.append(self._unlocked(locked))
                return True
        return False

    def _next_source(self) -> None:
        """Read one more source. Raises SecretError for one that is wrong, again and again."""
        if self._wrong is not None:
            raise self._wrong
        try:
            next(self._sources)
        except StopIteration:
            self._exhausted = True
        except SecretError as error:
            self._wrong = error
            raise

    def _unlocked(self, locked: ssh_keys.LockedKey) -> Identity:
        passphrase = self._ask(f"Passphrase of the SSH key {locked.name}")
        self._learned(passphrase, locked.name)
        return age.ssh_identity(ssh_keys.unlock(locked, passphrase), locked.name)

    def _by_passphrase(self, ciphertext: bytes) -> bytes:
        for known in self._passphrases:
            with contextlib.suppress(NoMatchingKeyError):
                return age.decrypt_with_passphrase(ciphertext, known)
        if self._refused:
            raise NoMatchingKeyError("the passphrase is wrong")
        passphrase = self._ask("Passphrase of the encrypted secrets")
        self._refused = True
        self._learned(passphrase, "passphrase")
        plaintext = age.decrypt_with_passphrase(ciphertext, passphrase)
        self._passphrases.append(passphrase)
        self._refused = False
        return plaintext

    def _read_sources(self) -> Iterator[None]:
        """Load the keys of one source after the other."""
        for file in self._files:
            self._take(self._file(file, needed=True), str(file))
            yield
        text = self._environment.get(TEXT_VARIABLE, "")
        if text:
            self._take(text.encode(), TEXT_VARIABLE)
            yield
        file_name = self._environment.get(FILE_VARIABLE, "")
        if file_name:
            self._take(self._file(Path(file_name), needed=True), file_name)
            yield
        command = self._environment.get(COMMAND_VARIABLE, "")
        if command:
            self._take(_output_of(command), COMMAND_VARIABLE)
            yield
        for file in self.usual_files():
            self._take(self._file(file, needed=False), self._shown(file))
            yield

    def usual_files(self) -> Sequence[Path]:
        """Return the files that are looked at without being named."""
        config = Path(self._environment.get("XDG_CONFIG_HOME", ""))
        own = config / "jetpack/identity.txt" if config.is_absolute() else self._home / DEFAULT_FILE
        return [own, *(self._home / name for name in _SSH_FILES)]

    def _shown(self, file: Path) -> str:
        return f"~/{file.relative_to(self._home)}" if file.is_relative_to(self._home) else str(file)

    def _file(self, file: Path, *, needed: bool) -> bytes:
        """Return a key file's content; of a usual file that cannot be used, nothing."""
        try:
            return _private_content(file)
        except FileNotFoundError:
            if needed:
                raise SecretError(f"there is no identity file {file}", hint=_NAME_ONE) from None
        except OSError as error:
            if needed:
                raise SecretError(f"cannot read the identity file {file}: {error.strerror}") from None
        except SecretError as error:
            if needed:
                raise
            self._warn(f"{error.message}: not used; {error.hint}")
        return b""

    def _take(self, content: bytes, name: str) -> None:
        """Take in the keys of a file's or variable's content."""
        if age.is_age(content):
            content = self._opened(content, name)
        if ssh_keys.is_private_key(content):
            self._take_ssh(content, name)
            return
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            text = line.strip()
            if text and not text.startswith("#"):
                self._loaded.append(self._identity(text, name, number))

    def _opened(self, content: bytes, name: str) -> bytes:
        passphrase = self._ask(f"Passphrase of the identity file {name}")
        self._learned(passphrase, name)
        try:
            return age.decrypt_with_passphrase(content, passphrase)
        except SecretError as error:
            raise SecretError(f"the identity file {name}: {error.message}", hint=error.hint) from None

    def _take_ssh(self, content: bytes, name: str) -> None:
        locked = ssh_keys.locked(content, name)
        if locked is not None:
            self._locked.append(locked)
        else:
            self._loaded.append(age.ssh_identity(content, name))

    def _identity(self, text: str, name: str, line: int) -> Identity:
        if text.startswith("AGE-SECRET-KEY-1"):
            self._learned(text, name)
            return age.x25519_identity(text, name)
        if text.startswith("AGE-PLUGIN-"):
            return age.plugin_identity(text, name, self.callbacks, self.allowed_plugins)
        hint = "an identity file has AGE-SECRET-KEY-1... lines, or is an SSH private key"
        raise SecretError(f"{name}: line {line} is no identity", hint=hint)


def parse_recipient(text: str, position: Position | None, identities: Identities | None = None) -> Recipient:
    """Return the recipient of an `age1...`, `ssh-ed25519 ...` or `ssh-rsa ...` text. Raises SecretError.

    :param identities: Says which plugins are allowed; none without it.
    """
    if identities is None:
        return age.parse_recipient(text, position)
    return age.parse_recipient(text, position, identities.callbacks, identities.allowed_plugins)


_NAME_ONE: Final = f"name one with --identity FILE or {FILE_VARIABLE}, or make one: jetpack secrets keygen"
_OTHER: Final = "name another identity with --identity, or have it encrypted for you: jetpack secrets rekey"


def _private_content(file: Path) -> bytes:
    """Return the content of a file that nobody else may read. Raises OSError, SecretError."""
    with file.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            message = f"the identity file {file} has mode {mode}, so that others may read it"
            raise SecretError(message, hint=f"chmod 600 {shlex.quote(str(file))}")
        return stream.read(_SIZE_LIMIT)


def _output_of(command: str) -> bytes:
    """Return what the user's command prints; its standard error is the user's to see."""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretError(f"{COMMAND_VARIABLE}: {command!r} cannot be run: {reason}") from None
    if done.returncode != 0:
        raise SecretError(f"{COMMAND_VARIABLE}: {command!r} ended with {done.returncode}")
    return done.stdout
