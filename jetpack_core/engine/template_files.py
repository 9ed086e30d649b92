# SPDX-License-Identifier: GPL-3.0-or-later
"""Template files of a run, read once and rendered by the engine for their suffix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jetpack_core.errors import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.contracts.template_engine import TemplateEngine
    from jetpack_core.engine.scope import TaskScope
    from jetpack_core.registry import Registry


class TemplateFiles:
    """Reads each template once, so that all hosts get the same text."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._texts: dict[Path, str] = {}
        self._engines: dict[str, TemplateEngine | None] = {}
        self._environment = {f"ENV_{name}": value for name, value in os.environ.items()}

    def render(self, path: Path, scope: TaskScope) -> str:
        """Render a template file. Raises TemplateError."""
        text = self._text(path)
        scope = scope.with_names(self._environment)
        engine = self._engine(path.suffix)
        if engine is None:
            return scope.render_text(text, str(path))
        return engine.render(text, scope.variables, name=str(path))

    def _text(self, path: Path) -> str:
        if path not in self._texts:
            try:
                self._texts[path] = path.read_bytes().decode()
            except OSError as error:
                raise TemplateError(f"cannot read the template {path}: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise TemplateError(f"the template {path} is not UTF-8 text", hint="copy it with !copy") from error
        return self._texts[path]

    def _engine(self, suffix: str) -> TemplateEngine | None:
        if suffix not in self._engines:
            made = self._registry.template_engine(suffix)
            self._engines[suffix] = made() if made is not None else None
        return self._engines[suffix]
