# SPDX-License-Identifier: GPL-3.0-or-later
"""The `condition` modifier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from jetpack_core.contracts.fields import ExpressionText
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_ITEM: Final = re.compile(r"\bitem(_index)?\b")


class Condition(Modifier):
    """Skip the task unless the expression is true.

    One that mentions `item` or `item_index` is evaluated for each item, any other once, before the loop. The
    helper calls of Jetporch, such as `(eq os "linux")`, are understood too.

    Example::

        - !apt
          package: nginx
          with:
            condition: jet_os_flavor == "Debian"
    """

    section: ClassVar[str] = "with"
    rank: ClassVar[int] = 10
    value: ExpressionText

    def guards_items(self) -> bool:
        """Tell whether the expression mentions the item."""
        return _ITEM.search(self.value) is not None

    async def guard(self, host: Host) -> str | None:
        """Evaluate the expression. Raises TaskError when it is neither true nor false."""
        result = host.evaluate(self.value)
        if not isinstance(result, bool):
            message = f"the condition {self.value} is neither true nor false but {result!r}"
            raise TaskError(message, hint="compare it, such as: x == 1, x is defined, x | length > 0")
        return None if result else f"condition not met: {self.value}"
