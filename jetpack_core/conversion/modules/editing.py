# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines and blocks of text files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.modules.files import attributes

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def _common(given: Arguments, made: Made) -> list[Made]:
    made.put("insert_after", given.text("insertafter")).put("insert_before", given.text("insertbefore"))
    made.put("create", given.truth("create")).put("backup", given.truth("backup"))
    state = given.text("state") or "present"
    made.put("remove", state == "absent")
    if "validate" in given.values:
        raise Refused("`validate` for an edit", "use !template with `validate_with` for the whole file")
    given.drop("encoding", "append_newline", "prepend_newline")
    attributes(given, made)
    given.done()
    return [made]


def lineinfile(given: Arguments) -> list[Made]:
    """Convert lineinfile."""
    made = Made("line").put("path", given.text("path", "dest", "destfile", "name"))
    if given.truth("backrefs"):
        raise Refused("`backrefs`", "write the whole line, or use !command with sed")
    if given.truth("firstmatch"):
        raise Refused("`firstmatch`", "write a regular expression that only the right line has")
    pattern, search = given.text("regexp", "regex"), given.text("search_string")
    if search is not None and "{{" in search:
        raise Refused("`search_string` with a template", "use `regexp`")
    made.put("regexp", re.escape(search) if search is not None else pattern)
    return _common(given, made.put("line", given.text("line", "value")))


def blockinfile(given: Arguments) -> list[Made]:
    """Convert blockinfile; the marker stays that of Ansible, so that blocks which are there are found."""
    made = Made("block").put("path", given.text("path", "dest", "destfile", "name"))
    begin, end = given.text("marker_begin"), given.text("marker_end")
    if (begin or "BEGIN") != "BEGIN" or (end or "END") != "END":
        raise Refused("other words than BEGIN and END in the marker", "change the marker lines in the file, too")
    made.put("block", given.text("block", "content"))
    made.put("marker", given.text("marker") or "# {mark} ANSIBLE MANAGED BLOCK")
    return _common(given, made)
