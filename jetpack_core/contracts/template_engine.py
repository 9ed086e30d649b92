# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of a template engine, chosen by a template file's suffix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping


class TemplateEngine(ABC):
    """Renders template files. Values are data: whatever they hold, they are never rendered again."""

    @abstractmethod
    def render(self, text: str, variables: Mapping[str, object], *, name: str) -> str:
        """Render a template.

        :param name: the file, for errors. Raises TemplateError with `name:line`; an undefined variable is one.
        """
