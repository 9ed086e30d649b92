# SPDX-License-Identifier: GPL-3.0-or-later
"""The template engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jetpack_core.contracts.template_engine import TemplateEngine
from jetpack_core.errors import TemplateError
from jetpack_plugin_handlebars.nodes import Node, SyntaxFault
from jetpack_plugin_handlebars.parsing import parse
from jetpack_plugin_handlebars.rendering import Renderer


class Handlebars(TemplateEngine):
    """Renders Handlebars as Jetporch does: nothing is escaped, and what is missing is an error."""

    def __init__(self) -> None:
        self._parsed: dict[str, Sequence[Node]] = {}

    def render(self, text: str, variables: Mapping[str, object], *, name: str) -> str:
        """Render a template; every text is parsed once. Raises TemplateError with `name:line:column`."""
        try:
            if text not in self._parsed:
                self._parsed[text] = parse(text)
            return Renderer(variables).render(self._parsed[text])
        except SyntaxFault as fault:
            where = f"{name}:{fault.place.line}:{fault.place.column}"
            raise TemplateError(f"{where}: {fault.message}", hint=fault.hint) from None
        except RecursionError:
            message = f"{name}: a variable in it holds too many lists or maps within one another"
            raise TemplateError(message, hint="take out of it what the template needs") from None
