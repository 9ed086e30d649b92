# SPDX-License-Identifier: GPL-3.0-or-later
"""What text without quotes means in untyped data."""

from __future__ import annotations

import math
import re
from typing import Final

_WORDS: Final[dict[str, object]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
# The dot is required, so that a commit such as 12e4567 stays text.
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?(?:0|[1-9][0-9]*)\.")
_NUMERIC_START: Final = frozenset("+-.0123456789")


def plain_scalar(text: str) -> object:
    """Return the boolean, number or nothing that a plain scalar means, or else its text.

    Only true and false are booleans; a number with a leading zero (0644, 0o644, 0x1f), a date and `1:30` are text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
