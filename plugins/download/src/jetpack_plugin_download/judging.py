# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file on a host is the one at the address, as far as that can be told without taking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from jetpack_core.records import FileStat
from jetpack_plugin_download.looking import Record
from jetpack_plugin_download.onhost.session import strong
from jetpack_plugin_download.request import Reply

_NOT_MODIFIED: Final = 304


class Verdict(Enum):
    """What is known."""

    SAME = auto()
    DIFFERENT = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of the file at the address, compared with the one on the host."""

    verdict: Verdict
    sha256: str | None = None
    size: int | None = None
    """Of the file at the address; None where only taking it can tell."""
    validators: Mapping[str, str] = field(default_factory=dict)
    """`etag` and `last_modified` of the file at the address, as far as the server said."""


def judge(now: FileStat, record: Record | None, reply: Reply | None) -> Judgement:
    """Compare the file, what is recorded of the last download, and what the server says of the file it has."""
    if reply is None or not isinstance(reply.get("status"), int):
        return Judgement(Verdict.UNKNOWN)
    said = {name: reply[name] for name in ("etag", "last_modified") if isinstance(reply.get(name), str)}
    size = reply.get("size") if isinstance(reply.get("size"), int) else None
    if record is not None and reply.get("conditional"):
        if _is_recorded(record, reply, size):
            verdict = Verdict.SAME if now.checksum == record.sha256 else Verdict.DIFFERENT
            return Judgement(verdict, record.sha256, record.size, said)
        if strong(reply.get("etag")) and strong(record.etag) and now.checksum == record.sha256:
            return Judgement(Verdict.DIFFERENT, validators=said)
    if size is not None and now.is_file and size != now.size:
        return Judgement(Verdict.DIFFERENT, validators=said)
    return Judgement(Verdict.UNKNOWN, validators=said)


def _is_recorded(record: Record, reply: Reply, size: int | None) -> bool:
    """Tell whether the server still has what was recorded."""
    if reply["status"] == _NOT_MODIFIED:
        return record.etag is not None or record.last_modified is not None
    # Some servers send what they have whatever they are asked, with the same validator.
    return strong(record.etag) and reply.get("etag") == record.etag and size in {None, record.size}
