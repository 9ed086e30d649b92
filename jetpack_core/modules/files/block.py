# SPDX-License-Identifier: GPL-3.0-or-later
"""The `block` module."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.edit import TextEdit, one_line


def _has_place(value: str) -> str:
    if "{mark}" not in value:
        message = "the marker must hold {mark}, which becomes BEGIN and END"
        raise ValueError(message)
    return one_line(value)


class Block(TextEdit):
    """See that a text file has a block of lines between two marker lines, or that it has not.

    The block is replaced where it stands. Several blocks in one file need markers of their own.

    Example::

        - !block
          path: /etc/hosts
          block: |
            192.0.2.10 db.example.org db
            192.0.2.11 web.example.org web
        - !block
          path: /etc/nginx/nginx.conf
          marker: "# {mark} limits"
          insert_after: '^http'
          block: "limit_req_zone $binary_remote_addr zone=a:10m rate=1r/s;"
    """

    block: str | None = None
    """The lines between the markers."""
    marker: Annotated[str, AfterValidator(_has_place)] = "# {mark} JETPACK MANAGED BLOCK"
    """The marker lines; `{mark}` becomes BEGIN in one and END in the other."""
    remove: bool = False
    """Remove the block and its markers instead."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.block is None and not self.remove:
            message = "'block' is missing: what is to be in the file?"
            raise ValueError(message)
        if self.remove and self.create:
            message = "'create' makes no sense with 'remove'"
            raise ValueError(message)
        if {self._begin, self._end} & set(self._texts):
            message = "a line of the block is a marker line; choose another 'marker'"
            raise ValueError(message)
        return self

    @property
    def _begin(self) -> str:
        return self.marker.replace("{mark}", "BEGIN")

    @property
    def _end(self) -> str:
        return self.marker.replace("{mark}", "END")

    @property
    def _texts(self) -> list[str]:
        """Return the lines of the block; a last newline is not one more line."""
        text = (self.block or "").removesuffix("\n")
        return [line.rstrip("\r") for line in text.split("\n")] if text else []

    @property
    def removing(self) -> bool:
        """Tell whether the block is to go."""
        return self.remove

    def edit(self, document: Document) -> Document:
        """Return the document with the block in it, or without. Raises TaskError where the markers are broken."""
        whole = () if self.remove else (self._begin, *self._texts, self._end)
        found = self._find(document)
        if found is None:
            return document.inserted(self.place(document), whole)
        first, last = found
        if document.texts[first : last + 1] == whole:
            return document
        return document.without(range(first, last + 1)).inserted(first, whole)

    def _find(self, document: Document) -> tuple[int, int] | None:
        begins = [index for index, text in enumerate(document.texts) if text == self._begin]
        ends = [index for index, text in enumerate(document.texts) if text == self._end]
        if not begins and not ends:
            return None
        if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
            where = ", ".join(str(index + 1) for index in sorted([*begins, *ends]))
            message = f"the markers of the block in {self.path} are not one BEGIN and one END: lines {where}"
            raise TaskError(message, hint="repair the file by hand, or choose another 'marker'")
        return begins[0], ends[0]
