# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON by the interpreter's C code alone where it is there: importing `json` costs a third of the helper's start.

Python 3.6.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_scanner = None  # type: ignore[assignment,misc]


class _Settings:
    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}  # type: dict[str, str]  # noqa: RUF012 - the scanner empties it itself


def _refuse(value: object) -> object:
    raise TypeError("not for the wire: {!r}".format(value))


def _codec() -> "tuple[Callable[[bytes], Any], Callable[[object], bytes]]":
    if make_scanner is None:
        import json

        return lambda data: json.loads(data.decode("ascii")), lambda value: json.dumps(value).encode("ascii")
    scan = make_scanner(_Settings)  # type: ignore[arg-type]
    encode = make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda data: scan(data.decode("ascii"), 0)[0], lambda value: "".join(encode(value, 0)).encode("ascii")


load, dump = _codec()
