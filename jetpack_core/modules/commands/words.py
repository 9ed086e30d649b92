# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the words of a command line, its environment and its input."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from jetpack_core.contracts.fields import EXPOSED, IN_PROCESS_LIST, Rendering, Secret


def _text(value: object) -> object:
    """Turn what a template such as `{{ port }}` gave into the text that was meant."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict | list):
        message = "a list or mapping is not text; write `| to_json` behind it, or name the part that is meant"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueError only
    return value


def refuse_secret(value: object) -> object:
    """Refuse a secret where every user of the host could read it in the process list.

    Raises ValueError, which names the places that are safe.
    """
    if isinstance(value, SecretStr):
        raise ValueError(IN_PROCESS_LIST)  # noqa: TRY004 - pydantic reports ValueError only
    return value


def _without_nul(value: str) -> str:
    if "\0" in value:
        message = "a NUL character cannot be part of a command or its environment"
        raise ValueError(message)
    return value


def _revealable(value: str | SecretStr) -> str | SecretStr:
    _without_nul(revealed(value))
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        message = "there is no command; it is empty"
        raise ValueError(message)
    return value


def _one_list(value: object) -> object:
    """Take the list that a template such as `{{ words }}` gave, where it stood for the whole command."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value


def _names_a_program(words: list[str]) -> list[str]:
    if not words[0].strip():
        message = "the first word is empty, so there is no program to run"
        raise ValueError(message)
    return words


def _variable(value: str) -> str:
    if not value or "=" in value:
        message = f"{value!r} cannot be the name of an environment variable"
        raise ValueError(message)
    return value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]
"""Text; numbers and booleans that a template gave are written out."""

Word = Annotated[Text, BeforeValidator(refuse_secret), AfterValidator(_without_nul), EXPOSED]
"""One argument of a command, passed as it is and never a secret."""

CommandText = Annotated[Word, AfterValidator(_not_blank)]
"""A command line, or the name of a program."""

Words = Annotated[
    list[Word],
    BeforeValidator(_one_list),
    Field(min_length=1),
    AfterValidator(_names_a_program),
    Rendering("argv"),
]
"""A program and its arguments: a list, or text that is split before values are put in."""

VariableName = Annotated[str, AfterValidator(_without_nul), AfterValidator(_variable)]
"""The name of an environment variable."""

# What is checked must hold for both members: a text that is refused as text would else be taken as a secret.
VariableValue = Annotated[str | Secret, BeforeValidator(_text), AfterValidator(_revealable)]
"""The value of an environment variable; a secret is welcome."""

InputText = Annotated[str | Secret, BeforeValidator(_text)]
"""What a command reads on standard input; a secret is welcome."""


def revealed(value: str | SecretStr) -> str:
    """Return the text itself, for the one place it is handed to."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value
