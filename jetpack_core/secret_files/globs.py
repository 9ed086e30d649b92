# SPDX-License-Identifier: GPL-3.0-or-later
"""Match paths and keys against the patterns of rules."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def path_matches(pattern: str, path: str) -> bool:
    """Tell whether a path, relative to the folder of the rules and with slashes, is meant by a pattern.

    `*` and `?` stay within one part of the path, `**` spans any number of parts. A pattern without a slash
    is about the file's name, in whatever folder.
    """
    if "/" not in pattern:
        return _compiled(pattern, "/").fullmatch(path.rpartition("/")[2]) is not None
    return _compiled(pattern.lstrip("/"), "/").fullmatch(path) is not None


def key_matches(pattern: str, keys: Sequence[str]) -> bool:
    """Tell whether a value's keys, from the top of its file, are meant by a pattern such as `*password*` or `db.*`.

    A pattern without a dot is about any one of the keys on the way; otherwise `*` stays within one key, `**`
    spans any number of them. Upper and lower case are the same.
    """
    folded = [key.casefold() for key in keys]
    if "." not in pattern:
        return any(_compiled(pattern.casefold(), "").fullmatch(key) for key in folded)
    return _compiled(pattern.casefold(), ".").fullmatch(".".join(folded)) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str, separator: str) -> re.Pattern[str]:
    """Translate a pattern; without a separator, `*` matches everything."""
    within = f"[^{re.escape(separator)}]" if separator else "."
    between = re.escape(separator)
    out = ""
    for part in re.findall(r"\*\*|\*|\?|[^*?]+", pattern):
        if part == "**":
            out += ".*"
        elif part == "*":
            out += within + "*"
        elif part == "?":
            out += within
        else:
            out += re.escape(part)
    if separator:
        # `**/` also stands for no folder at all, and so does `/**/`.
        out = out.replace(f".*{between}", f"(?:.*{between})?")
    return re.compile(out, re.DOTALL)
