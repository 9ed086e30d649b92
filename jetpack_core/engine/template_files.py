# SPDX-License-Identifier: GPL-3.0-or-later
"""Template files of a run, read once and rendered by the engine for their suffix."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core.contracts.encrypted import ENCRYPTED, is_age
from jetpack_core.errors import TemplateError
from jetpack_core.secrets.values import LazyMap
from jetpack_core.secrets.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

    from jetpack_core.contracts.template_engine import TemplateEngine
    from jetpack_core.engine.scope import TaskScope
    from jetpack_core.registry import Registry


_HEAD: Final = 256
"""Bytes in which an encrypted file shows itself."""
_KEYS: Final = frozenset({"JETPACK_AGE_IDENTITY"})
"""Variables of the environment that no template may see."""


@dataclass(frozen=True, slots=True)
class _TemplateFile:
    """A template as it was read."""

    text: str
    engine: TemplateEngine | None
    """None where the templates of playbooks are its engine."""
    encrypted: bool


class TemplateFiles:
    """Reads each template once, so that all hosts get the same text, until a task changes this machine."""

    def __init__(self, registry: Registry, vault: Vault | None = None) -> None:
        self._registry = registry
        self._vault = vault or Vault()
        self._read: dict[Path, _TemplateFile] = {}
        self._engines: dict[str, TemplateEngine | None] = {}
        self._environment = {f"ENV_{name}": value for name, value in os.environ.items() if name not in _KEYS}

    def render(self, path: Path, scope: TaskScope) -> str:
        """Render a template file. Raises TemplateError."""
        file = self._read.get(path)
        if file is None:
            file = self._read[path] = self._file(path)
        if file.encrypted:
            self._vault.touches += 1
        scope = scope.with_names(self._environment)
        if file.engine is None:
            return scope.render_text(file.text, str(path))
        variables = scope.variables
        if self._vault.in_use:
            variables = LazyMap(dict(variables))
        return file.engine.render(file.text, variables, name=str(path))

    def forget(self) -> None:
        """Read templates anew from here on: a task may have changed them."""
        self._read.clear()

    def decrypted(self, path: Path) -> bytes | None:
        """Return the content of an encrypted file of the control machine; else None. Raises SecretError."""
        with path.open("rb") as stream:
            content = stream.read(_HEAD)
            if not is_age(content):
                return None
            return self._vault.source(path, content + stream.read(), str(path))

    def _file(self, path: Path) -> _TemplateFile:
        try:
            content = path.read_bytes()
            encrypted = is_age(content)
            if encrypted:
                content = self._vault.source(path, content, str(path))
            text = content.decode()
        except OSError as error:
            raise TemplateError(f"cannot read the template {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise TemplateError(f"the template {path} is not UTF-8 text", hint="copy it with !copy") from error
        return _TemplateFile(
            text, self._engine(path.with_suffix("").suffix if path.suffix == ENCRYPTED else path.suffix), encrypted
        )

    def _engine(self, suffix: str) -> TemplateEngine | None:
        if suffix not in self._engines:
            made = self._registry.template_engine(suffix)
            self._engines[suffix] = made() if made is not None else None
        return self._engines[suffix]
