# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of text that are rendered or evaluated."""

from __future__ import annotations

from enum import Enum


class Form(Enum):
    """What a text is."""

    VALUE = "value"
    """A template whose result is of any type when it is one single expression."""
    FILE = "file"
    """A template whose result is text."""
    COMMAND = "command"
    """A template whose result goes to a shell."""
    EXPRESSION = "expression"
