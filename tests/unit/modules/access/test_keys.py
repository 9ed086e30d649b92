# SPDX-License-Identifier: GPL-3.0-or-later
"""The editing of authorized_keys: whatever is in the file, only the keys that are meant change."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.contracts.operations import Stat, Write
from jetpack_core.errors import TaskError
from jetpack_core.modules.access.authorized_key import AuthorizedKey
from jetpack_core.modules.access.keys import Key, parse_key, with_keys, without_keys
from jetpack_core.modules.files.document import Document
from jetpack_core.records import FileKind, FileStat, PlanKind
from jetpack_core.testing.examples import examples_of, make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection


def blob(number: int, kind: str = "ssh-ed25519") -> str:
    name = kind.encode()
    return base64.b64encode(len(name).to_bytes(4, "big") + name + bytes([0, 0, 0, 32]) + bytes([number]) * 32).decode()


def text(number: int, kind: str = "ssh-ed25519") -> str:
    return f"{kind} {blob(number, kind)}"


KINDS = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"]
option_values = st.text(st.characters(codec="ascii", exclude_characters='"\\\n\r\0'), max_size=12)
options = st.one_of(
    st.sampled_from(["no-pty", "restrict", "cert-authority"]),
    st.builds(lambda value: f'command="{value} \\"quoted\\", and more"', option_values),
    st.builds(lambda value: f'from="{value}"', option_values),
)
keys = st.builds(
    lambda kind, number, given, comment: Key(kind, blob(number, kind), comment, tuple(given) or None),
    st.sampled_from(KINDS),
    st.integers(0, 5),
    st.lists(options, max_size=3, unique=True),
    st.sampled_from(["", "alice@host", "with two  words", "# no comment"]),
)
other_lines = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=40).filter(
    lambda line: parse_key(line) is None
)
files = st.lists(st.one_of(other_lines, keys.map(lambda key: key.line)), max_size=8).map("\n".join)


@given(keys)
def test_a_key_survives_its_line(key: Key) -> None:
    assert parse_key(key.line) == key
    assert parse_key(f"  {key.line}\t") == key


@given(files, st.lists(keys, min_size=1, max_size=3), st.booleans())
def test_keys_are_put_in_once_and_other_lines_stay(content: str, wanted: list[Key], exclusive: bool) -> None:
    before = Document.parse(content.encode())
    after = with_keys(before, wanted, exclusive=exclusive)
    again = Document.parse(after.to_bytes())
    assert with_keys(again, wanted, exclusive=exclusive).to_bytes() == after.to_bytes()
    found = [key for line in again.texts if (key := parse_key(line))]
    blobs = [key.blob for key in found]
    last = {key.blob: key for key in wanted}
    for key in last.values():
        assert blobs.count(key.blob) == 1
        (now,) = [one for one in found if one.blob == key.blob]
        assert key.options is None or now.allows_as(key)
    kept = [line for line in before.texts if not ((key := parse_key(line)) and key.blob in last)]
    if exclusive:
        assert set(blobs) == set(last)
        kept = [line for line in kept if not line.strip() or line.lstrip().startswith("#")]
    others = [line for line in again.texts if not ((key := parse_key(line)) and key.blob in last)]
    assert others == kept


@given(files, st.lists(keys, min_size=1, max_size=3))
def test_keys_are_taken_out_and_other_lines_stay(content: str, gone: list[Key]) -> None:
    before = Document.parse(content.encode())
    after = without_keys(before, gone)
    blobs = {key.blob for key in gone}
    assert list(after.texts) == [line for line in before.texts if not ((key := parse_key(line)) and key.blob in blobs)]
    assert without_keys(after, gone) == after


def test_options_are_a_set_and_comments_are_kept() -> None:
    now = Document.parse(f'no-pty,from="a b,c" {text(1)} hers\n'.encode())
    same = Key("ssh-ed25519", blob(1), "mine", ('from="a b,c"', "NO-PTY"))
    assert with_keys(now, [same], exclusive=False) == now
    other = Key("ssh-ed25519", blob(1), "mine", ('from="A b,c"', "no-pty"))
    assert with_keys(now, [other], exclusive=False).texts == (f'from="A b,c",no-pty {text(1)} hers',)
    assert with_keys(now, [Key("ssh-ed25519", blob(1))], exclusive=False) == now
    assert with_keys(now, [Key("ssh-ed25519", blob(1), "", ())], exclusive=False).texts == (f"{text(1)} hers",)


@pytest.mark.parametrize(
    "parameters",
    [
        {"key": ""},
        {"key": []},
        {"key": "# only a comment"},
        {"key": "ssh-ed25519 AAAA"},
        {"key": "ssh-rsa " + blob(1)},
        {"key": "-----BEGIN OPENSSH PRIVATE KEY-----"},
        {"key": text(1), "options": ["no-pty\nssh-rsa"]},
        {"key": text(1), "options": 'command="unfinished'},
        {"key": text(1), "options": "no-pty more"},
        {"key": text(1), "remove": "true", "exclusive": "true"},
        {"key": text(1), "user": "../root"},
    ],
)
def test_what_is_no_key_or_option_is_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuthorizedKey.model_validate({"user": "alice", **parameters})


def test_examples_are_valid() -> None:
    for example in examples_of(AuthorizedKey):
        if not example.templated:
            make_module(AuthorizedKey, example.parameters)


def scripted(home: str, directory: FileStat, file: FileStat) -> ScriptedConnection:
    known = {directory.path: directory, file.path: file}
    script = ScriptedConnection().on(Stat, lambda asked: known.get(asked.path, FileStat(asked.path)))
    return script.command(["getent", "passwd", "alice"], stdout=f"alice:x:1000:1000::{home}:/bin/sh\n")


DIRECTORY = FileStat("/home/alice/.ssh", FileKind.DIRECTORY, 0o700, 1000, 1000, "alice", "alice")
FILE = FileStat("/home/alice/.ssh/authorized_keys", FileKind.FILE, 0o600, 1000, 1000, "alice", "alice", content=b"")


def test_a_home_elsewhere_costs_one_more_round_trip() -> None:
    for home, trips in (("/home/alice", 1), ("/srv/alice", 2)):
        with TestHost(scripted(home, FileStat("/x"), FileStat("/y"))) as host:
            plan = host.plan(AuthorizedKey(user="alice", key=[text(1)]))
            assert (plan.kind, len(host.frames)) == (PlanKind.CREATE, trips)
            assert {effect.state.path for effect in plan.effects if hasattr(effect, "state")} == {
                f"{home}/.ssh",
                f"{home}/.ssh/authorized_keys",
            }


@pytest.mark.parametrize(
    ("directory", "file"),
    [
        (FileStat(DIRECTORY.path, FileKind.SYMLINK, target="/etc"), FileStat(FILE.path)),
        (DIRECTORY, FileStat(FILE.path, FileKind.SYMLINK, target="/etc/passwd")),
        (DIRECTORY, FileStat(FILE.path, FileKind.DIRECTORY)),
    ],
)
def test_links_in_the_home_of_somebody_else_are_not_followed(directory: FileStat, file: FileStat) -> None:
    with TestHost(scripted("/home/alice", directory, file)) as host, pytest.raises(TaskError):
        host.plan(AuthorizedKey(user="alice", key=[text(1)]))


def test_the_file_is_written_as_it_was_read() -> None:
    script = scripted("/home/alice", DIRECTORY, FILE).on(Write, FILE)
    with TestHost(script) as host:
        host.converge(AuthorizedKey(user="alice", key=[text(1), text(2)]))
    (written,) = [operation for operation in script.operations if isinstance(operation, Write)]
    assert written.content == f"{text(1)}\n{text(2)}\n".encode()
    assert written.expect is not None
