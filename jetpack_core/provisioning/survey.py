# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at all guests at once, before anything is changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.steps import GuestSteps, plan_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.provisioning.wish import GuestRequest


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A guest of which nothing could be found out, or with which nothing may be done."""

    request: GuestRequest
    error: JetpackError

    @property
    def host(self) -> str:
        """Return the inventory name."""
        return self.request.host


Surveyed = GuestSteps | Unsettled


def survey(requests: Sequence[GuestRequest], threads: int) -> tuple[Surveyed, ...]:
    """Return what is to be done to each guest, in their order. Blocks.

    :param threads: How many guests are looked at at once.
    """
    if not requests:
        return ()
    with ThreadPoolExecutor(min(threads, len(requests)), "survey") as pool:
        return tuple(pool.map(_look, requests))


def _look(request: GuestRequest) -> Surveyed:
    try:
        return plan_steps(request)
    except JetpackError as error:
        return Unsettled(request, error)
    except Exception as error:  # noqa: BLE001 - a provisioner that breaks must not stop the other guests
        return Unsettled(request, broken(request, error))


def broken(request: GuestRequest, error: Exception) -> JetpackError:
    """Return what an error means that no provisioner may raise."""
    hint = "this is a bug of the provisioner's plugin; report it there"
    return JetpackError(f"the provisioner {request.wish.type} broke: {type(error).__name__}: {error}", hint=hint)
