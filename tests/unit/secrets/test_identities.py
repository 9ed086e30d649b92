# SPDX-License-Identifier: GPL-3.0-or-later
"""Where private keys are found, in which order, and what is wrong with them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from jetpack_core.errors import SecretError
from jetpack_core.secrets import age
from jetpack_core.secrets.identities import parse_recipient
from tests.unit.secrets.conftest import PASSPHRASE, Find, Key, MakeKey


def encrypted_for(key: Key) -> bytes:
    return age.encrypt(b"x", [parse_recipient(key.public, None)], armored=True)


@pytest.fixture
def key(make_key: MakeKey) -> Key:
    return make_key("x25519")


def private_line(key: Key) -> str:
    return key.file.read_text().splitlines()[-1]


def test_the_environment_has_the_key_itself(key: Key, find: Find) -> None:
    found = find(environment={"JETPACK_AGE_IDENTITY": private_line(key)})
    assert found.identities.decrypt(encrypted_for(key)) == b"x"


def test_the_environment_names_a_file(key: Key, find: Find) -> None:
    found = find(environment={"JETPACK_AGE_IDENTITY_FILE": str(key.file)})
    assert found.identities.decrypt(encrypted_for(key)) == b"x"


def test_the_environment_names_a_command(key: Key, find: Find) -> None:
    found = find(environment={"JETPACK_AGE_IDENTITY_CMD": shlex.join(["cat", str(key.file)])})
    assert found.identities.decrypt(encrypted_for(key)) == b"x"


def test_a_command_that_fails_is_told(key: Key, find: Find) -> None:
    found = find(environment={"JETPACK_AGE_IDENTITY_CMD": "false"})
    with pytest.raises(SecretError, match="JETPACK_AGE_IDENTITY_CMD: 'false' ended with 1"):
        found.identities.decrypt(encrypted_for(key))


def test_a_command_does_not_run_where_an_earlier_key_fits(key: Key, find: Find, tmp_path: Path) -> None:
    command = shlex.join(["touch", str(tmp_path / "ran")])
    found = find(key.file, environment={"JETPACK_AGE_IDENTITY_CMD": command})
    assert found.identities.decrypt(encrypted_for(key)) == b"x"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", [".config/jetpack/identity.txt", ".ssh/id_ed25519", ".ssh/id_rsa"])
def test_the_usual_files_are_looked_at(make_key: MakeKey, find: Find, tmp_path: Path, place: str) -> None:
    kind = {".ssh/id_ed25519": "ed25519", ".ssh/id_rsa": "rsa"}.get(place, "x25519")
    key = make_key(kind)
    target = tmp_path / "home" / place
    target.parent.mkdir(parents=True)
    key.file.rename(target)
    assert find().identities.decrypt(encrypted_for(key)) == b"x"


def test_the_usual_file_follows_xdg(key: Key, find: Find, tmp_path: Path) -> None:
    (tmp_path / "config/jetpack").mkdir(parents=True)
    key.file.rename(tmp_path / "config/jetpack/identity.txt")
    found = find(environment={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert found.identities.decrypt(encrypted_for(key)) == b"x"


def test_a_key_that_others_may_read_is_refused(key: Key, find: Find) -> None:
    key.file.chmod(0o644)
    with pytest.raises(SecretError) as caught:
        find(key.file).identities.decrypt(encrypted_for(key))
    assert str(caught.value) == (
        f"the identity file {key.file} has mode 0644, so that others may read it\n  hint: chmod 600 {key.file}"
    )


def test_a_usual_file_that_others_may_read_is_left_out_with_a_warning(key: Key, find: Find, tmp_path: Path) -> None:
    usual = tmp_path / "home/.config/jetpack/identity.txt"
    usual.parent.mkdir(parents=True)
    key.file.rename(usual)
    usual.chmod(0o640)
    found = find()
    with pytest.raises(SecretError, match="there is no identity"):
        found.identities.decrypt(encrypted_for(key))
    assert found.warnings == [
        f"the identity file {usual} has mode 0640, so that others may read it: not used; chmod 600 {usual}"
    ]


def test_a_missing_file_is_told(key: Key, find: Find, tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="there is no identity file"):
        find(tmp_path / "none").identities.decrypt(encrypted_for(key))


def test_a_line_that_is_no_key_is_told_without_showing_it(key: Key, find: Find) -> None:
    key.file.write_text("# comment\n\nhunter2\n")
    with pytest.raises(SecretError, match="line 3 is no identity") as caught:
        find(key.file).identities.decrypt(encrypted_for(key))
    assert "hunter2" not in str(caught.value)


def test_a_damaged_key_is_told_without_showing_it(key: Key, find: Find) -> None:
    damaged = private_line(key)[:-1]
    key.file.write_text(damaged)
    with pytest.raises(SecretError, match="the age key in it is damaged") as caught:
        find(key.file).identities.decrypt(encrypted_for(key))
    assert damaged not in str(caught.value)


def test_an_encrypted_key_asks_only_when_something_is_for_it(make_key: MakeKey, find: Find) -> None:
    locked, other = make_key("ed25519+passphrase"), make_key("rsa")
    found = find(locked.file)
    with pytest.raises(SecretError, match=r"no key at hand can decrypt it \(tried: .*ed25519\+passphrase"):
        found.identities.decrypt(encrypted_for(other))
    assert found.prompts == []
    assert found.identities.decrypt(encrypted_for(locked)) == b"x"
    assert found.prompts == [f"Passphrase of the SSH key {locked.file}"]


def test_a_wrong_passphrase_of_a_key_says_so(make_key: MakeKey, find: Find) -> None:
    locked = make_key("ed25519+passphrase")
    with pytest.raises(SecretError, match=r"the passphrase of the SSH key .* is wrong"):
        find(locked.file, answer="another").identities.decrypt(encrypted_for(locked))


@pytest.mark.slow  # a passphrase is made hard to guess by making every try cost seconds
def test_an_encrypted_identity_file_asks_once(key: Key, find: Find) -> None:
    key.file.write_bytes(age.encrypt_with_passphrase(key.file.read_bytes(), PASSPHRASE, armored=True))
    found = find(key.file)
    assert found.identities.decrypt(encrypted_for(key)) == found.identities.decrypt(encrypted_for(key)) == b"x"
    assert found.prompts == [f"Passphrase of the identity file {key.file}"]


PLUGIN_RECIPIENT = "age1demo1ppppppppppppppppppppppppppppppppkwlalv"
PLUGIN_IDENTITY = "AGE-PLUGIN-DEMO-1PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP86M0Z5"


def test_a_plugin_runs_only_where_it_is_allowed(key: Key, find: Find) -> None:
    key.file.write_text(f"{PLUGIN_IDENTITY}\n")
    with pytest.raises(SecretError, match="the age plugin 'demo' is not allowed") as caught:
        find(key.file).identities.decrypt(encrypted_for(key))
    assert "JETPACK_AGE_PLUGINS=demo" in str(caught.value)
    with pytest.raises(SecretError, match="the age plugin 'demo' is not allowed"):
        parse_recipient(PLUGIN_RECIPIENT, None, find().identities)


def test_a_plugin_that_is_allowed_and_not_there_is_told(key: Key, find: Find) -> None:
    key.file.write_text(f"{PLUGIN_IDENTITY}\n")
    found = find(key.file, environment={"JETPACK_AGE_PLUGINS": "other, demo"})
    with pytest.raises(SecretError, match="Could not find") as caught:
        found.identities.decrypt(encrypted_for(key))
    assert "is age-plugin-demo on the PATH?" in str(caught.value)
    with pytest.raises(SecretError, match="Could not find"):
        parse_recipient(PLUGIN_RECIPIENT, None, found.identities)
