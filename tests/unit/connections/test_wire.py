# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages survive any cutting of the stream, and nonsense is refused."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.connections.remote.helper import wire
from jetpack_core.connections.remote.helper.text import dump, load
from jetpack_core.connections.shell_answers import Tokens

messages = st.tuples(
    st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=3000), st.binary(max_size=3000), st.booleans()
)


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 500), min_size=1))
def test_messages_survive_any_cutting(sent: list[tuple[int, int, bytes, bytes, bool]], sizes: list[int]) -> None:
    stream = b"".join(wire.encode(kind, frame, body, blob, 0, 7, packing) for kind, frame, body, blob, packing in sent)
    parser, received = wire.Parser(), []
    while stream:
        size = sizes[len(stream) % len(sizes)]
        parser.feed(stream[:size])
        stream = stream[size:]
        while (message := parser.message()) is not None:
            received.append((message[0], message[3], message[4], message[5]))
    assert received == [one[:4] for one in sent]


def test_what_gets_smaller_is_packed() -> None:
    assert len(wire.encode(1, 1, b"", b"x" * 100_000)) < 2000
    assert len(wire.encode(1, 1, b"", b"x" * 100_000, packing=False)) > 100_000


def test_oversized_messages_are_refused() -> None:
    parser = wire.Parser()
    parser.feed(wire.HEAD.pack(17, 0, 0, 1, wire.BODY_LIMIT + 1, 0))
    with pytest.raises(wire.ProtocolError):
        parser.message()


def test_a_bomb_is_refused() -> None:
    bomb = zlib.compress(b"\0" * (wire.BODY_LIMIT + 1), 9)
    with pytest.raises(wire.ProtocolError):
        wire.decode(wire.HEAD.pack(17, wire.PACKED_BODY, 0, 1, len(bomb), 0) + bomb)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters()) | st.floats(0, 1e9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(values)
def test_the_small_json_is_json(value: object) -> None:
    assert json.loads(dump(value)) == value
    assert load(json.dumps(value).encode()) == value


@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(1, 64))
def test_answers_of_a_shell_are_found_in_any_bytes(contents: list[bytes], size: int) -> None:
    nonce = "0123456789abcdef"
    stream = b"".join(content + b"\n--" + nonce.encode() + b" 0 \n" for content in contents)
    tokens, found = Tokens(nonce), []
    while stream:
        tokens.feed(stream[:size])
        stream = stream[size:]
        while (token := tokens.next()) is not None:
            found.append(token.before)
    assert found == contents
