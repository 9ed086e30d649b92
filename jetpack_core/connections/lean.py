# SPDX-License-Identifier: GPL-3.0-or-later
"""Import paramiko without a library that almost nobody needs."""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def without_invoke() -> Iterator[None]:
    """Keep paramiko from importing invoke: a third of its import time, for `Match exec` in ssh_config alone.

    paramiko provides for an invoke that is missing, which is what it sees here.
    """
    if "invoke" in sys.modules:
        yield
        return
    # This is how Python itself marks what cannot be imported.
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["invoke"]


def with_invoke() -> None:
    """Give paramiko the invoke that was kept from it, for an ssh_config that runs commands."""
    config = import_module("paramiko.config")
    if getattr(config, "invoke", None) is None:
        vars(config)["invoke"] = import_module("invoke")
