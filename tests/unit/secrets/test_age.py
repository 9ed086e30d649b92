# SPDX-License-Identifier: GPL-3.0-or-later
"""What is encrypted here opens with age, and the other way round; what is damaged is told apart."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetpack_core.errors import SecretError
from jetpack_core.secrets import age
from jetpack_core.secrets.age import DamagedError, NoMatchingKeyError, TruncatedError
from jetpack_core.secrets.identities import parse_recipient
from tests.unit.secrets.conftest import PASSPHRASE, Find, MakeKey

pytestmark = pytest.mark.slow

KINDS = ("x25519", "ed25519", "rsa")
PLAIN = b"first\nsecond \xff\0 line\n"


@pytest.mark.parametrize("armored", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_age_opens_what_is_encrypted_here(make_key: MakeKey, tmp_path: Path, kind: str, armored: bool) -> None:
    key = make_key(kind)
    ciphertext = age.encrypt(PLAIN, [parse_recipient(key.public, None)], armored=armored)
    opened = subprocess.run(["age", "-d", "-i", key.file], input=ciphertext, check=True, capture_output=True)
    assert opened.stdout == PLAIN
    assert age.is_armored(ciphertext) == armored


@pytest.mark.parametrize("armor", [["-a"], []])
@pytest.mark.parametrize("kind", [*KINDS, "ed25519+passphrase", "rsa+passphrase"])
def test_what_age_encrypted_opens_here(make_key: MakeKey, find: Find, kind: str, armor: list[str]) -> None:
    key = make_key(kind)
    encrypted = subprocess.run(["age", *armor, "-r", key.public], input=PLAIN, check=True, capture_output=True)
    asked = find(key.file)
    assert age.is_age(encrypted.stdout)
    assert asked.identities.decrypt(encrypted.stdout) == PLAIN
    assert asked.identities.decrypt(encrypted.stdout) == PLAIN
    assert len(asked.prompts) == ("passphrase" in kind)


def test_two_recipients_each_open_it(make_key: MakeKey, find: Find) -> None:
    keys = [make_key(kind) for kind in KINDS]
    ciphertext = age.encrypt(b"x", [parse_recipient(key.public, None) for key in keys], armored=True)
    assert [find(key.file).identities.decrypt(ciphertext) for key in keys] == [b"x"] * 3
    assert sorted(one.kind for one in age.recipients_of(ciphertext)) == ["X25519", "ssh-ed25519", "ssh-rsa"]


def with_terminal(argv: list[str | Path], typed: str) -> None:
    """Run a program that asks for a passphrase twice on its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(argv[0], [os.fspath(one) for one in argv])  # noqa: S606 - an argv
    answers = typed
    try:
        while chunk := os.read(terminal, 1024):
            if b"passphrase" in chunk and answers:
                os.write(terminal, f"{typed}\n".encode())
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_passphrase_of_age_opens_here_and_is_asked_for_once(tmp_path: Path, find: Find) -> None:
    (tmp_path / "plain").write_bytes(PLAIN)
    with_terminal(["age", "-p", "-a", "-o", tmp_path / "locked", tmp_path / "plain"], PASSPHRASE)
    asked = find()
    ciphertext = (tmp_path / "locked").read_bytes()
    assert asked.identities.decrypt(ciphertext) == asked.identities.decrypt(ciphertext) == PLAIN
    assert len(asked.prompts) == 1


def test_a_passphrase_written_here_opens_with_age(tmp_path: Path) -> None:
    (tmp_path / "locked").write_bytes(age.encrypt_with_passphrase(PLAIN, PASSPHRASE, armored=False))
    with_terminal(["age", "-d", "-o", tmp_path / "plain", tmp_path / "locked"], PASSPHRASE)
    assert (tmp_path / "plain").read_bytes() == PLAIN


def test_a_wrong_passphrase_says_so() -> None:
    ciphertext = age.encrypt_with_passphrase(b"x", PASSPHRASE, armored=True)
    with pytest.raises(NoMatchingKeyError, match="the passphrase is wrong"):
        age.decrypt_with_passphrase(ciphertext, "another")


def test_another_key_is_told_from_damage(make_key: MakeKey, find: Find) -> None:
    key, _ = age.generate_key()
    other = age.x25519_identity(key, "mine")
    ciphertext = age.encrypt(b"x", [parse_recipient(make_key("x25519").public, None)], armored=True)
    with pytest.raises(NoMatchingKeyError, match=r"no key at hand can decrypt it \(tried: mine\)"):
        age.decrypt(ciphertext, [other])
    with pytest.raises(NoMatchingKeyError, match="there is no identity to decrypt it with"):
        find().identities.decrypt(ciphertext)


def sealed(armored: bool) -> tuple[bytes, age.Identity]:
    private, public = age.generate_key()
    ciphertext = age.encrypt(b"a text of some length", [parse_recipient(public, None)], armored=armored)
    return ciphertext, age.x25519_identity(private, "mine")


def test_an_armor_without_its_end_is_cut_off() -> None:
    ciphertext, identity = sealed(armored=True)
    with pytest.raises(TruncatedError, match="its armor is cut off: the END line is missing"):
        age.decrypt(ciphertext[:-50], [identity])


def test_an_armor_with_a_foreign_character_is_damaged() -> None:
    ciphertext, identity = sealed(armored=True)
    damaged = ciphertext[:90] + b"!" + ciphertext[91:]
    with pytest.raises(DamagedError, match="its armor is damaged"):
        age.decrypt(damaged, [identity])


@pytest.mark.parametrize("kept", [25, 60, 100])
def test_a_binary_file_is_cut_off(kept: int) -> None:
    ciphertext, identity = sealed(armored=False)
    with pytest.raises(TruncatedError, match="cut off"):
        age.decrypt(ciphertext[:kept], [identity])


def test_a_payload_that_was_altered_is_damaged() -> None:
    ciphertext, identity = sealed(armored=False)
    with pytest.raises(DamagedError, match="altered or cut off"):
        age.decrypt(ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), [identity])


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.integers(0, 10_000), st.binary(max_size=3), st.integers(1, 5))
def test_no_damage_goes_unnoticed_or_ends_in_another_error(armored: bool, far: int, piece: bytes, cut: int) -> None:
    ciphertext, identity = sealed(armored=armored)
    place = far % len(ciphertext)
    damaged = ciphertext[:place] + piece + ciphertext[place + cut :]
    with contextlib.suppress(SecretError):
        assert age.decrypt(damaged, [identity]) == b"a text of some length"


def test_a_private_key_is_no_recipient() -> None:
    private, _ = age.generate_key()
    with pytest.raises(SecretError, match="this is a private key") as caught:
        parse_recipient(private, None)
    assert private not in str(caught.value)


@pytest.mark.parametrize("text", ["age1nonsense", "ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA", ""])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(SecretError, match="is no recipient"):
        parse_recipient(text, None)


def test_a_plugin_runs_only_where_it_is_allowed() -> None:
    text = "age1evil1qyqszqgpqyqszqgpqyqszqgpqyqszqgp"
    with pytest.raises(SecretError, match="'evil' is not allowed") as caught:
        parse_recipient(text, None)
    assert "JETPACK_AGE_PLUGINS=evil" in str(caught.value)
