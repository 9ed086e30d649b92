# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to a secret on its way into a text, it does not come through."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import shlex
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jetpack_core.secrets.redaction import Redactor

LABEL = "host_vars/db1:4"
MARKER = f"<secret: {LABEL}>"


SECRETS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=4, max_size=40).filter(
    lambda text: text not in MARKER
)
AROUND = st.text(st.characters(codec="utf-8"), max_size=30)

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one byte": lambda text: base64.b64encode(b"-" + text.encode()).decode(),
    "base64 behind two bytes": lambda text: base64.b64encode(b"--" + text.encode() + b"--").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"--" + text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: "\n".join(textwrap.wrap(base64.b64encode(text.encode()).decode(), 7)),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "URL": lambda text: quote(text, safe=""),
    "URL path": quote,
    "URL form": quote_plus,
    "URL in lower case": lambda text: (
        "".join(f"%{byte:02x}" if byte > 127 else chr(byte) for byte in text.encode())
        if text.isalnum()
        else quote(text, safe="")
    ),
    "JSON": json.dumps,
    "JSON with other alphabets": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "shell": shlex.quote,
    "shell's other quotes": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "Python": repr,
    "HTML": html.escape,
    "split": lambda text: f"{text[: len(text) // 2]}\n{text[len(text) // 2 :]}",
    "split and indented": lambda text: f"{text[:2]}\r\n    {text[2:]}",
}


def core(form: str, shown: str) -> str:
    """Return what must not come through of a form: without the quotes and digits that only stand around it."""
    if "base64" in form:
        flat = shown.replace("\n", "").rstrip("=")
        return flat[4:-2]
    return shown.strip("'\"\\")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(secret=SECRETS, before=AROUND, after=AROUND)
def test_no_form_of_a_secret_comes_through(form: str, secret: str, before: str, after: str) -> None:
    shown = FORMS[form](secret)
    hidden = core(form, shown)
    assume(len(hidden) >= 4)
    assume(hidden not in before + after)
    assume(hidden not in MARKER)
    redactor = Redactor()
    redactor.register(secret, LABEL)
    redacted = redactor.redact(f"{before}|{shown}|{after}")
    assert MARKER in redacted
    assert hidden not in redacted.replace("\n", "")
    assert secret not in redacted
    assert redactor.count >= 1


@given(text=st.text(), secrets=st.lists(st.text(max_size=3)))
def test_without_secrets_worth_it_a_text_stays_as_it_is(text: str, secrets: list[str]) -> None:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret, LABEL)
    assert redactor.redact(text) is text
    assert not redactor
    assert redactor.count == 0


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8"), max_size=80),
    secret=SECRETS,
    cuts=st.lists(st.integers(0, 200), max_size=8),
    times=st.integers(1, 3),
)
def test_a_stream_in_pieces_is_what_the_whole_would_be(text: str, secret: str, cuts: list[int], times: int) -> None:
    whole = text.join([secret] * times) + text
    redactor = Redactor()
    redactor.register(secret, LABEL)
    stream = redactor.stream()
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    shown = "".join(stream.feed(whole[a:b]) for a, b in itertools.pairwise(places)) + stream.flush()
    assert secret not in shown.replace(MARKER, "")
    assert shown == redactor.redact(whole)


def test_a_stream_holds_back_no_more_than_it_must() -> None:
    redactor = Redactor()
    redactor.register("swordfish", LABEL)
    stream = redactor.stream()
    assert stream.feed("done\n") == "done\n"
    assert stream.feed("it is sword") == "it is "
    assert stream.feed("play\n") == "swordplay\n"
    assert stream.feed("sword\nfi") == ""
    assert stream.feed("sh!") == f"{MARKER}!"
    assert stream.flush() == ""


def test_each_line_of_a_long_secret_is_one() -> None:
    key = "-----BEGIN KEY-----\n  abcdefgh\nijklmnop\nxy\n-----END KEY-----\n"
    redactor = Redactor()
    redactor.register(key, LABEL)
    assert redactor.redact("see ijklmnop, xy and abcdefgh") == f"see {MARKER}, xy and {MARKER}"
    assert redactor.redact(f"<{key}>") == f"<{MARKER}>"


def test_the_longer_of_two_secrets_wins_and_each_has_its_label() -> None:
    redactor = Redactor()
    redactor.register("pass", "a:1")
    redactor.register("password", "b:2")
    assert redactor.redact("pass password passwort") == "<secret: a:1> <secret: b:2> <secret: a:1>wort"


def test_a_secret_is_found_deep_in_data() -> None:
    redactor = Redactor()
    assert not redactor.holds({"a": "12345"})
    redactor.register("12345", LABEL)
    assert redactor.holds({"a": [{"b": ("x", "y12345z")}]})
    assert redactor.holds({"12345": None})
    assert redactor.holds(12345)
    assert redactor.holds(b"..12345..")
    assert not redactor.holds({"a": [123456, True, None, "1234"]})


def test_many_secrets_that_become_known_one_by_one_cost_little() -> None:
    redactor = Redactor()
    words = [
        f"{number:04}{hashlib.sha256(bytes([number % 256, number // 256])).hexdigest()[:20]}" for number in range(1500)
    ]
    began = time.process_time()
    for word in words:
        redactor.register(word, "vars:1")
        assert redactor.redact(f"token {word} {word[:-1]}") == f"token <secret: vars:1> {word[:-1]}"
    # It takes about a second; with all that is known gone through each time, it took most of a minute.
    assert time.process_time() - began < 20
    encoded = base64.b64encode(words[0].encode()).decode()
    assert redactor.redact(f"{words[7][:6]}\n{words[7][6:]} and {encoded}").count("<secret") == 2


def test_a_long_secret_does_not_hold_up_a_long_output() -> None:
    redactor = Redactor()
    key = "\n".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(60))
    redactor.register(key, "vars:1")
    stream = redactor.stream()
    began = time.process_time()
    shown = "".join(stream.feed("some line of output\n" * 2000) for _ in range(4)) + stream.feed(key[:100])
    shown += stream.feed(key[100:] + " end") + stream.flush()
    assert shown == "some line of output\n" * 8000 + "<secret: vars:1> end"
    assert time.process_time() - began < 20
