# SPDX-License-Identifier: GPL-3.0-or-later
"""The `subscribe` modifier."""

from __future__ import annotations

from typing import ClassVar

from jetpack_core.contracts.modifier import Modifier


class Subscribe(Modifier):
    """Name the notification a handler answers; every handler has one, no other task may.

    Example::

        handlers:
          - !sd_service
            service: nginx
            reload: true
            with:
              subscribe: reload nginx
    """

    section: ClassVar[str] = "with"
    value: str
