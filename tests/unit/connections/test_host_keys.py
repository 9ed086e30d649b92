# SPDX-License-Identifier: GPL-3.0-or-later
"""known_hosts files as OpenSSH writes them, and the verdicts on keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from jetpack_core.connections.host_keys import HostKeyPolicy, append_known_host, fingerprint, matches
from jetpack_core.connections.ssh_settings import SshSettings, settings
from jetpack_core.contracts.connection import Endpoint
from jetpack_core.errors import HostKeyError


def key(seed: str) -> str:
    return base64.b64encode(b"\0\0\0\x0bssh-ed25519" + hashlib.sha256(seed.encode()).digest()).decode()


ONE, TWO = key("one"), key("two")


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def policy(known: Path, name: str = "web.example", port: int = 22, **changes: object) -> HostKeyPolicy:
    made: SshSettings = settings(Endpoint(name, port=port), paramiko.SSHConfig())
    made = replace(made, user_known_hosts=(known,), global_known_hosts=())
    return HostKeyPolicy(replace(made, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "name", "found"),
    [
        ("web.example", "web.example", True),
        ("WEB.example", "web.EXAMPLE", True),
        ("db.example,web.example", "web.example", True),
        ("*.example", "web.example", True),
        ("*.example,!web.example", "web.example", False),
        ("!web.example,*.example", "web.example", False),
        ("we?.example", "web.example", True),
        ("[web.example]:2222", "[web.example]:2222", True),
        ("[web.example]:2222", "web.example", False),
        ("[*.example]:2222", "[web.example]:2222", True),
        ("web", "web.example", False),
        (hashed("web.example"), "web.example", True),
        (hashed("web.example"), "db.example", False),
        ("|1|broken", "web.example", False),
    ],
)
def test_names(names: str, name: str, found: bool) -> None:
    assert matches(names, name) is found


@pytest.mark.parametrize("line", ["web.example", "*.example", hashed("web.example"), "a,web.example"])
def test_a_known_key_is_accepted(known: Path, line: str) -> None:
    known.write_text(f"# comment\n\nnonsense\n{line} ssh-ed25519 {ONE} me@here\n")
    policy(known).verify("ssh-ed25519", ONE)


def test_a_changed_key_names_file_and_line(known: Path) -> None:
    known.write_text(f"other ssh-ed25519 {TWO}\nweb.example ssh-ed25519 {ONE}\n")
    with pytest.raises(HostKeyError) as caught:
        policy(known).verify("ssh-ed25519", TWO)
    message = str(caught.value)
    assert f"{known}:2" in message
    assert fingerprint(ONE) in message
    assert fingerprint(TWO) in message
    assert "ssh-keygen -R" in message


def test_a_changed_key_is_never_accepted_as_new(known: Path) -> None:
    known.write_text(f"web.example ssh-ed25519 {ONE}\n")
    with pytest.raises(HostKeyError, match="has changed"):
        policy(known, accept_new=True).verify("ssh-ed25519", TWO)
    with pytest.raises(HostKeyError, match="has changed"):
        policy(known, accept_new=True).verify("ssh-rsa", TWO)


def test_several_keys_of_one_host(known: Path) -> None:
    known.write_text(f"web.example ssh-rsa {ONE}\nweb.example ssh-ed25519 {TWO}\nweb.example ssh-ed25519 {ONE}\n")
    made = policy(known)
    assert made.preferred_types() == ["ssh-rsa", "ssh-ed25519", "ssh-ed25519"]
    made.verify("ssh-ed25519", TWO)
    made.verify("ssh-ed25519", ONE)
    made.verify("ssh-rsa", ONE)


def test_an_unknown_key_shows_its_fingerprint_and_the_way_out(known: Path) -> None:
    with pytest.raises(HostKeyError) as caught:
        policy(known).verify("ssh-ed25519", ONE)
    assert fingerprint(ONE) in str(caught.value)
    assert "--accept-new-host-keys" in str(caught.value)
    assert not known.exists()


def test_a_new_key_is_kept_when_that_was_asked_for(tmp_path: Path) -> None:
    known = tmp_path / "new" / "known_hosts"
    policy(known, port=2222, accept_new=True).verify("ssh-ed25519", ONE)
    assert known.read_text() == f"[web.example]:2222 ssh-ed25519 {ONE}\n"
    assert known.stat().st_mode & 0o777 == 0o600
    policy(known, port=2222).verify("ssh-ed25519", ONE)
    with pytest.raises(HostKeyError, match="has changed"):
        policy(known, port=2222, accept_new=True).verify("ssh-ed25519", TWO)


def test_a_file_that_cannot_be_read_makes_no_host_a_new_one(tmp_path: Path) -> None:
    # A directory is what even root cannot read; so is any file once no more may be opened.
    (tmp_path / "known_hosts").mkdir()
    with pytest.raises(HostKeyError, match=r"known_hosts cannot be read: Is a directory"):
        policy(tmp_path / "known_hosts", accept_new=True)


def test_the_name_without_port_is_enough_when_the_key_is_right(known: Path) -> None:
    known.write_text(f"web.example ssh-ed25519 {ONE}\n")
    policy(known, port=2222).verify("ssh-ed25519", ONE)
    with pytest.raises(HostKeyError, match="is not known"):
        policy(known, port=2222).verify("ssh-ed25519", TWO)


def test_revoked_keys_and_authorities(known: Path) -> None:
    lines = (f"@revoked * ssh-ed25519 {ONE}", f"web.example ssh-ed25519 {ONE}", f"@cert-authority db ssh-ed25519 {TWO}")
    known.write_text("\n".join(lines))
    with pytest.raises(HostKeyError, match=r"revoked in .*known_hosts:1"):
        policy(known).verify("ssh-ed25519", ONE)
    with pytest.raises(HostKeyError, match="certificate authority only"):
        policy(known, "db", accept_new=True).verify("ssh-ed25519", key("three"))


def test_pinned_keys_replace_known_hosts(known: Path) -> None:
    known.write_text(f"web.example ssh-ed25519 {ONE}\n")
    made = policy(known, pinned_keys=(f"ssh-ed25519 {TWO} comment",), accept_new=True)
    made.verify("ssh-ed25519", TWO)
    with pytest.raises(HostKeyError, match="not the one it is known by"):
        made.verify("ssh-ed25519", ONE)
    assert made.preferred_types() == ["ssh-ed25519"]


def test_a_host_that_was_just_made_is_met_whatever_had_its_address_before(known: Path) -> None:
    known.write_text(f"web.example ssh-ed25519 {ONE}\n@revoked * ssh-ed25519 {key('stolen')}\n")
    met: list[str] = []
    made = policy(known, meet=met.append)
    made.verify("ssh-ed25519", TWO)
    assert met == [f"ssh-ed25519 {TWO}"]
    with pytest.raises(HostKeyError, match="revoked"):
        made.verify("ssh-ed25519", key("stolen"))
    assert known.read_text().count("\n") == 2
    pinned = policy(known, meet=met.append, pinned_keys=(f"ssh-ed25519 {TWO}",))
    with pytest.raises(HostKeyError, match="not the one it is known by"):
        pinned.verify("ssh-ed25519", ONE)


def test_many_additions_at_once_lose_nothing(known: Path) -> None:
    known.write_text("first ssh-ed25519 AAAA")
    lines = [f"host{number} ssh-ed25519 {ONE}" for number in range(50)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda line: append_known_host(known, line), lines * 2))
    assert sorted(known.read_text().splitlines()) == sorted(["first ssh-ed25519 AAAA", *lines])


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    public = (tmp_path / "k.pub").read_text()
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k.pub")], check=True, capture_output=True, text=True)
    assert shown.stdout.split()[1] == fingerprint(public.split()[1])
