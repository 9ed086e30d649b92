# SPDX-License-Identifier: GPL-3.0-or-later
"""The `confirm` modifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from jetpack_core.contracts.modifier import Modifier
from jetpack_core.errors import TaskError

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Scope


class Confirm(Modifier):
    """Ask the operator before the task changes anything; a no skips it.

    A question is asked once for all hosts that go together (of a rolling batch, say), where any of them would change;
    one that mentions the host is asked for each. `--yes` answers them all; without a terminal to ask on and without
    `--yes` the task fails. Plans do not ask.

    Example::

        - !sd_service
          service: postgresql
          restart: true
          with:
            confirm: Restart the database? Nobody can log in meanwhile.
    """

    section: ClassVar[str] = "with"
    value: str = Field(min_length=1)

    def question(self, scope: Scope) -> str:
        """Return the question. Raises TaskError for one that is no text."""
        text = scope.render(self.value)
        if not isinstance(text, str) or not text.strip():
            message = f"'confirm' needs a question, not {text!r}"
            raise TaskError(message)
        return text
