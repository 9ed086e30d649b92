# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call is refused: a status, a text for the reason phrase, and errors by parameter."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """A call is refused; the text goes into the reason phrase, `errors` names parameters."""

    def __init__(self, message: str, status: int = 500, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = dict(errors or {})


class ForeignCallError(ApiError):
    """The published API has this call or parameter, but this server does not play it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the test cluster does not play {what}: add it to its table of calls", 501)


def refuse_parameters(errors: Mapping[str, str]) -> ApiError:
    """Return the refusal of a call whose parameters are wrong."""
    return ApiError("Parameter verification failed.", 400, errors)


def refuse_permission(path: str, *privileges: str) -> ApiError:
    """Return the refusal of a caller who lacks privileges on a path."""
    return ApiError(f"Permission check failed ({path}, {'|'.join(privileges)})", 403)
