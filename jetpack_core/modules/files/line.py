# SPDX-License-Identifier: GPL-3.0-or-later
"""The `line` module."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.edit import Pattern, TextEdit, matching, one_line


class Line(TextEdit):
    r"""See that a text file has a line, or that it has not.

    Without `regexp`, the line is put in unless it is there. With `regexp`, the last line that it is found in is
    replaced, and the line is put in if there is none. If `regexp` is not found in the new line itself, as when a
    comment is switched on, no matching line is left: the last is replaced and the others are removed.

    Example::

        - !line
          path: /etc/ssh/sshd_config
          regexp: '^#?PasswordAuthentication '
          line: PasswordAuthentication no
        - !line
          path: /etc/hosts
          line: 192.0.2.10 db.example.org db
          insert_after: '^127\.0\.0\.1'
          backup: true
        - !line
          path: /etc/fstab
          regexp: '\sswap\s'
          remove: true
    """

    line: Annotated[str, AfterValidator(one_line)] | None = None
    """The line, without a newline."""
    regexp: Pattern | None = None
    """The lines that this one stands for, or with `remove` those that are to go."""
    remove: bool = False
    """Remove every line that `regexp` is found in, or that is exactly `line`."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.line is None and not self.remove:
            message = "'line' is missing: what is to be in the file?"
            raise ValueError(message)
        if self.remove and (self.line is None) == (self.regexp is None):
            message = "to remove lines, give either 'line' or 'regexp'"
            raise ValueError(message)
        if self.remove and self.create:
            message = "'create' makes no sense with 'remove'"
            raise ValueError(message)
        return self

    @property
    def removing(self) -> bool:
        """Tell whether lines are to go."""
        return self.remove

    def edit(self, document: Document) -> Document:
        """Return the document with the line in it, or without the lines."""
        exact = [index for index, text in enumerate(document.texts) if text == self.line]
        found = exact if self.regexp is None else matching(document, self.regexp)
        if self.remove:
            return document.without(found)
        return self._present(document, exact, found, self.line or "")

    def _present(self, document: Document, exact: list[int], found: list[int], line: str) -> Document:
        if not found:
            return document if exact else document.inserted(self.place(document), [line])
        if self.regexp is None or re.search(self.regexp, line):
            return document if self.regexp is None else document.with_text(found[-1], line)
        if exact:
            return document.without(found)
        return document.with_text(found[-1], line).without(found[:-1])
