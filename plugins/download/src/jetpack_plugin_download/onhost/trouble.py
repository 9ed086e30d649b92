# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a file is not fetched, and how addresses are shown. Python 3.6."""

import urllib.parse


class Refused(Exception):
    """This address will not give the file, however often it is asked."""


class Trouble(Exception):
    """It may go better in a while; `after` is how many seconds the server asked for."""

    def __init__(self, message: str, after: "float | None" = None) -> None:
        Exception.__init__(self, message)
        self.after = after


class Impossible(Exception):
    """No address can help: the disk is full, or the place cannot be written to."""


def shown(url: str) -> str:
    """Return an address without its query, which may hold a key."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path, "…" if parts.query else "", ""))
