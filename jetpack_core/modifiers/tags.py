# SPDX-License-Identifier: GPL-3.0-or-later
"""The `tags` modifier."""

from __future__ import annotations

from typing import ClassVar

from jetpack_core.contracts.modifier import Modifier, Selection


class Tags(Modifier):
    """Run the task only when `--tags` names one of its tags or of its role's; handlers run whenever notified.

    Example::

        - !shell
          cmd: /usr/local/bin/backup
          with:
            tags: [backup, nightly]
    """

    section: ClassVar[str] = "with"
    value: list[str]

    def select(self, selection: Selection) -> bool | None:
        """Compare the tags, and the role's, with those asked for."""
        if selection.handler or not selection.wanted_tags:
            return None
        return bool(selection.wanted_tags & {*self.value, *selection.inherited_tags})
