# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.writing import Flow

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def attributes(given: Arguments, made: Made) -> Made:
    """Take owner, group and mode."""
    made.put("owner", given.text("owner")).put("group", given.text("group")).put("mode", given.mode())
    given.drop("unsafe_writes", "selevel", "serole", "setype", "seuser", "attributes", "attr")
    return made


def _check(given: Arguments, made: Made) -> None:
    text = given.text("validate")
    if text:
        words = shlex.split(text)
        if not words[0].startswith("/"):
            given.look(f"{words[0]} is looked for in the PATH of the acting user", "write its whole path")
        made.put("validate_with", Flow(words))


def _kept(given: Arguments, made: Made, dest: str) -> None:
    if given.truth("force", "thirsty") is False:
        made.before["skip_if_exists"] = dest
    if given.truth("backup"):
        given.look("no backup of the old file is made", "keep the content in version control, or use !command with cp")


def copy(given: Arguments) -> list[Made]:
    """Convert copy."""
    if given.truth("remote_src"):
        raise Refused("a copy within the host", "use !command with cp, or the module !move of jetpack-plugin-move")
    dest = given.text("dest")
    if dest is None:
        raise Refused("no `dest`", "say where the file goes")
    made = Made("copy")
    content = given.take("content")
    source = given.text("src")
    if isinstance(content, dict | list):
        raise Refused("`content` that is no text", "write it as text, or as {{ x | to_json }}")
    if source is not None:
        found = given.find("files", source) if "{{" not in source else None
        if found is not None and found.is_dir():
            dest = dest if source.endswith("/") else posixpath.join(dest, posixpath.basename(source))
        elif dest.endswith("/"):
            dest += posixpath.basename(source)
        made.put("src", source.rstrip("/"))
    else:
        made.parameters["content"] = "" if content is None else str(content)
    made.parameters["dest"] = dest
    made.put("directory_mode", given.mode("directory_mode"))
    _kept(given, made, dest)
    _check(given, made)
    given.drop("follow", "local_follow", "decrypt", "checksum")
    attributes(given, made)
    given.done()
    return [made]


def _refuse_unseen(given: Arguments, source: str) -> None:
    """Raise Refused where a template looks at what only its task has: its own variables, or a loop's other name."""
    path = given.find("templates", source) if "{{" not in source else None
    text = path.read_bytes().decode(errors="replace") if path is not None and path.is_file() else None
    bound = sorted(name for name, meant in given.rewriter.bindings.items() if name != meant)
    unseen = [name for name in bound if text is None or re.search(rf"\b{re.escape(name)}\b", text)]
    if unseen:
        raise Refused(
            f"the template looks at {', '.join(unseen)}, which only the task has",
            "compute it with !set before the task; the element of a loop is `item`",
        )


def template(given: Arguments) -> list[Made]:
    """Convert template."""
    source, dest = given.text("src"), given.text("dest", "path")
    if source is None or dest is None:
        raise Refused("`src` or `dest` is missing", "say what is rendered, and where to")
    _refuse_unseen(given, source)
    if dest.endswith("/"):
        dest += posixpath.basename(source).removesuffix(".j2")
    if given.truth("trim_blocks") is False or given.truth("lstrip_blocks"):
        raise Refused("settings of Jinja2 for one template", "write {%- and -%} where blanks are to go")
    made = Made("template", {"src": source, "dest": dest})
    _kept(given, made, dest)
    _check(given, made)
    given.drop("follow")
    attributes(given, made)
    given.done()
    return [made]


def file(given: Arguments) -> list[Made]:
    """Convert file."""
    path = given.text("path", "dest", "name")
    state = given.text("state") or "file"
    if path is None:
        raise Refused("no `path`", "say which file")
    given.drop("follow", "access_time", "modification_time", "access_time_format", "modification_time_format")
    if state in {"link", "hard"}:
        made = Made("link", {"path": path}).put("target", given.text("src"))
        made.put("hard", state == "hard").put("force", given.truth("force"))
        given.drop("owner", "group", "mode")
    else:
        made = _plain_file(given, path, state)
    given.done()
    return [made]


def _plain_file(given: Arguments, path: str, state: str) -> Made:
    given.drop("force")
    if state == "directory":
        made = Made("directory", {"path": path.rstrip("/") or "/"}).put("recurse", given.truth("recurse"))
        mode = str(given.values.get("mode", ""))
        if "X" in mode:
            raise Refused(f"the mode {mode}", "say `mode:` for directories and `file_mode:` for files")
        return attributes(given, made)
    given.drop("recurse")
    if state == "absent":
        given.drop("owner", "group", "mode")
        if path.endswith("/"):
            return Made("directory", {"path": path.rstrip("/"), "remove": True})
        given.look("!file removes a file only", "where it is a directory, write !directory with `remove: true`")
        return Made("file", {"path": path, "remove": True})
    if state not in {"file", "touch"}:
        raise Refused(f"the state {state} has no counterpart", "see docs/reference/modules.md")
    if state == "file":
        given.look("!file makes a file that is missing", "where it is a directory, write !directory")
    return attributes(given, Made("file", {"path": path}))


def fetch(given: Arguments) -> list[Made]:
    """Convert fetch."""
    flat = given.truth("flat")
    dest = given.text("dest") or ""
    given.drop("fail_on_missing", "validate_checksum")
    made = Made("fetch").put("src", given.text("src"))
    made.parameters["dest"] = dest if flat else dest.rstrip("/") + "/"
    given.done()
    return [made.put("flat", flat and "{{" not in dest)]


def stat(given: Arguments) -> list[Made]:
    """Convert stat."""
    made = Made("stat").put("path", given.text("path", "dest", "name")).put("follow", given.truth("follow"))
    if given.truth("get_checksum"):
        made.put("checksum", True)
        given.look("the checksum is SHA-256, and not SHA-1")
    given.drop("get_mime", "get_attributes", "get_md5", "checksum_algorithm")
    given.done()
    return [made.put("save", given.register or None)]
