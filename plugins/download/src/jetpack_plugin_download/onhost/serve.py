# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out requests on a host: JSON on standard input and output. Python 3.6."""

import json
import os
import sys

from jetpack_plugin_download.onhost.asking import check, read
from jetpack_plugin_download.onhost.fetching import fetch
from jetpack_plugin_download.onhost.session import Session
from jetpack_plugin_download.onhost.trouble import Impossible, Refused, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Request = dict[str, Any]
    Reply = dict[str, Any]


def carry_out(request: "Request", state: str, report: "Callable[[str], None] | None" = None) -> "Reply":
    """Do what a request says; failures are part of the reply.

    :param state: The file with the record of the last download.
    """
    try:
        session = Session(request, report)
        action = request["action"]
        if action == "check":
            if not os.path.exists(request["dest"]):
                return {"skipped": True}
            return check(session, load_record(state))
        if action == "read":
            return read(session, int(request["limit"]))
        return fetch(session, request["part"], request.get("note"))
    except (Refused, Trouble, Impossible) as error:
        return {"failed": str(error)}


def load_record(path: str) -> "dict[str, Any] | None":
    """Return what is recorded of a file, or None."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def main() -> None:
    """Carry out the request on standard input, on a host."""
    request = json.loads(sys.stdin.buffer.read().decode("ascii"))

    def report(message: str) -> None:
        print(message, file=sys.stderr)
        sys.stderr.flush()

    replies = [carry_out(one, sys.argv[1], report) for one in request]
    print(json.dumps(replies))
