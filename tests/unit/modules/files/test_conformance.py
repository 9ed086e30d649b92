# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on every file module, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

from jetpack_core.modules.files.block import Block
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.directory import Directory
from jetpack_core.modules.files.fetch import Fetch
from jetpack_core.modules.files.file import File
from jetpack_core.modules.files.line import Line
from jetpack_core.modules.files.link import Link
from jetpack_core.modules.files.stat import Stat
from jetpack_core.modules.files.template import Template
from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import Sandbox

CREATE, MODIFY, REMOVE, NONE = PlanKind.CREATE, PlanKind.MODIFY, PlanKind.REMOVE, PlanKind.NONE


Step = Callable[[Sandbox], object]


def put(name: str, content: str | bytes = "old\n", mode: int = 0o644) -> Step:
    return lambda box: box.write(name, content, mode=mode)


def several(*steps: Step) -> Step:
    def run(box: Sandbox) -> None:
        for step in steps:
            step(box)

    return run


class TestCopyOfContent(ModuleConformance):
    module = Copy
    sources: ClassVar = {"motd": "hello\n", "site/index.html": "<p>hello</p>\n"}
    cases = (
        Case(
            "new file",
            lambda box: {"content": "x\n", "dest": box.path("f"), "mode": "0o640"},
            expected=CREATE,
            disturb=put("f"),
        ),
        Case("empty file", lambda box: {"content": "", "dest": box.path("f")}, expected=CREATE),
        Case("not UTF-8", lambda box: {"content": "\udcff\n", "dest": box.path("f")}, expected=CREATE),
        Case(
            "other content",
            lambda box: {"content": "x\n", "dest": box.path("f")},
            put("f"),
            disturb=put("f", "mine\n"),
        ),
        Case(
            "other mode",
            lambda box: {"content": "old\n", "dest": box.path("f"), "attributes": {"mode": "0600"}},
            put("f"),
            disturb=put("f", "mine\n"),
        ),
        Case("as it is", lambda box: {"content": "old\n", "dest": box.path("f")}, put("f"), NONE),
        Case(
            "own number as owner",
            lambda box: {"content": "old\n", "dest": box.path("f"), "owner": os.getuid(), "group": str(os.getgid())},
            put("f"),
            NONE,
        ),
        Case(
            "replaces a link",
            lambda box: {"content": "x\n", "dest": box.path("l")},
            several(put("f"), lambda box: box.link("l", "f")),
            disturb=lambda box: box.link("l", "g"),
        ),
        Case("from binary", lambda box: {"content": "x\n", "dest": box.path("f")}, put("f", b"\0\1\2")),
        Case(
            "checked",
            lambda box: {"content": "x\n", "dest": box.path("f"), "validate_with": ["test", "-s", "%s"]},
            put("f"),
            round_trips=4,
        ),
    )


class TestCopyOfFile(ModuleConformance):
    module = Copy
    sources: ClassVar = {"motd": "hello\n", "empty": "", "big": "x" * 3_000_000, "site/index.html": "<p>hello</p>\n"}
    cases = (
        Case("new file", lambda box: {"src": "motd", "dest": box.path("f")}, expected=CREATE, disturb=put("f")),
        Case("empty file", lambda box: {"src": "empty", "dest": box.path("f")}, put("f")),
        Case(
            "big file", lambda box: {"src": "big", "dest": box.path("f")}, put("f", "x" * 2_999_999), disturb=put("f")
        ),
        Case("new big file", lambda box: {"src": "big", "dest": box.path("f"), "mode": "0o600"}, expected=CREATE),
        Case("as it is", lambda box: {"src": "motd", "dest": box.path("f")}, put("f", "hello\n"), NONE),
    )


class TestCopyOfTree(ModuleConformance):
    module = Copy
    sources: ClassVar = {
        "motd": "hello\n",
        "site/index.html": "<p>hello</p>\n",
        "site/css/main.css": "p {}\n",
        "site/-a 'b\" $(touch x)\n*é": "hostile\n",
        "site/empty": None,
        "site/big": "x" * 300_000,
    }
    cases = (
        Case(
            "new tree",
            lambda box: {"src": "site", "dest": box.path("d"), "mode": "0o640", "directory_mode": "0o750"},
            expected=CREATE,
            disturb=lambda box: box.make_directory("d"),
        ),
        Case(
            "partly there",
            lambda box: {"src": "site", "dest": box.path("d"), "recursive": "true"},
            several(lambda box: box.make_directory("d/css"), put("d/index.html"), put("d/mine")),
            disturb=put("d/index.html", "mine\n"),
        ),
    )


class TestTemplate(ModuleConformance):
    module = Template
    sources: ClassVar = {"nginx.conf.j2": "workers {{ 1 + 1 }};\n"}
    cases = (
        Case(
            "new file", lambda box: {"src": "nginx.conf.j2", "dest": box.path("f")}, expected=CREATE, disturb=put("f")
        ),
        Case(
            "other content",
            lambda box: {"src": "nginx.conf.j2", "dest": box.path("f"), "mode": "0o600"},
            put("f"),
            disturb=put("f", "mine\n"),
        ),
        Case("as it is", lambda box: {"src": "nginx.conf.j2", "dest": box.path("f")}, put("f", "workers 2;\n"), NONE),
        Case(
            "checked",
            lambda box: {"src": "nginx.conf.j2", "dest": box.path("f"), "validate_with": ["grep", "-q", "2;", "%s"]},
            expected=CREATE,
            round_trips=4,
        ),
    )


class TestFile(ModuleConformance):
    module = File
    cases = (
        Case("missing", lambda box: {"path": box.path("f")}, expected=CREATE, disturb=put("f")),
        Case("missing, with mode", lambda box: {"path": box.path("f"), "mode": "0o600"}, expected=CREATE),
        Case("there", lambda box: {"path": box.path("f"), "mode": "0o644"}, put("f"), NONE),
        Case(
            "other mode",
            lambda box: {"path": box.path("f"), "mode": "0o4755"},
            put("f"),
            disturb=lambda box: box.host.ask(box.host.set_attributes(box.path("f"), mode=0o600)),
        ),
        Case(
            "remove", lambda box: {"path": box.path("f"), "remove": "yes"}, put("f"), REMOVE, disturb=put("f", "new\n")
        ),
        Case("remove nothing", lambda box: {"path": box.path("f"), "remove": "true"}, expected=NONE),
        Case(
            "remove a link",
            lambda box: {"path": box.path("l"), "remove": "true"},
            several(put("f"), lambda box: box.link("l", "f")),
            REMOVE,
        ),
    )


def crowd(box: Sandbox) -> None:
    box.write("d/a", mode=0o600)
    box.make_directory("d/sub")
    box.write("d/sub/b", mode=0o755)
    box.link("d/sub/l", "b")


class TestDirectory(ModuleConformance):
    module = Directory
    cases = (
        Case(
            "missing", lambda box: {"path": box.path("d")}, expected=CREATE, disturb=lambda box: box.make_directory("d")
        ),
        Case("deep", lambda box: {"path": box.path("a/b/c"), "mode": "0o700"}, expected=CREATE),
        Case("there", lambda box: {"path": box.path("d")}, lambda box: box.make_directory("d"), NONE),
        Case(
            "other mode",
            lambda box: {"path": box.path("d"), "mode": "0o1777"},
            lambda box: box.make_directory("d"),
            disturb=lambda box: box.host.ask(box.host.set_attributes(box.path("d"), mode=0o711)),
        ),
        Case(
            "link to one",
            lambda box: {"path": box.path("l")},
            several(lambda box: box.make_directory("d"), lambda box: box.link("l", "d")),
            NONE,
        ),
        Case(
            "recurse",
            lambda box: {"path": box.path("d"), "recurse": "true", "mode": "0o750"},
            several(lambda box: box.make_directory("d"), crowd),
            disturb=lambda box: box.host.ask(box.host.set_attributes(box.path("d"), mode=0o711)),
        ),
        Case(
            "recurse with two modes",
            lambda box: {"path": box.path("d"), "recurse": "true", "mode": "0o750", "file_mode": "0o640"},
            several(lambda box: box.make_directory("d"), crowd),
        ),
        Case(
            "recurse in nothing", lambda box: {"path": box.path("d"), "recurse": "true"}, expected=CREATE, round_trips=3
        ),
        Case(
            "remove",
            lambda box: {"path": box.path("d"), "remove": "true"},
            several(lambda box: box.make_directory("d"), crowd),
            REMOVE,
        ),
        Case("remove nothing", lambda box: {"path": box.path("d"), "remove": "true"}, expected=NONE),
    )


class TestLink(ModuleConformance):
    module = Link
    cases = (
        Case("missing", lambda box: {"path": box.path("l"), "target": "f"}, expected=CREATE, disturb=put("l")),
        Case(
            "elsewhere",
            lambda box: {"path": box.path("l"), "target": "f"},
            lambda box: box.link("l", "g"),
            disturb=lambda box: box.link("l", "h"),
        ),
        Case("there", lambda box: {"path": box.path("l"), "target": "f"}, lambda box: box.link("l", "f"), NONE),
        Case(
            "over a file",
            lambda box: {"path": box.path("l"), "target": "f", "force": "true"},
            put("l"),
            disturb=put("l", "mine\n"),
        ),
        Case("remove", lambda box: {"path": box.path("l"), "remove": "true"}, lambda box: box.link("l", "f"), REMOVE),
        Case("remove nothing", lambda box: {"path": box.path("l"), "remove": "true"}, expected=NONE),
        Case("hard", lambda box: {"path": box.path("h"), "target": box.path("f"), "hard": "true"}, put("f"), CREATE),
        Case(
            "hard over a file",
            lambda box: {"path": box.path("h"), "target": box.path("f"), "hard": "true", "force": "true"},
            several(put("f"), put("h", "other\n")),
        ),
        Case(
            "hard, there",
            lambda box: {"path": box.path("h"), "target": box.path("f"), "hard": "true"},
            several(put("f"), lambda box: box.host.ask(box.host.link(box.path("h"), box.path("f"), hard=True))),
            NONE,
        ),
        Case("remove hard", lambda box: {"path": box.path("h"), "hard": "true", "remove": "true"}, put("h"), REMOVE),
    )


class TestLine(ModuleConformance):
    module = Line
    cases = (
        Case(
            "append",
            lambda box: {"path": box.path("f"), "line": "new"},
            put("f"),
            disturb=put("f", "mine\n"),
        ),
        Case("there", lambda box: {"path": box.path("f"), "line": "old"}, put("f"), NONE),
        Case("there, other mode", lambda box: {"path": box.path("f"), "line": "old", "mode": "0o600"}, put("f")),
        Case(
            "replace",
            lambda box: {"path": box.path("f"), "line": "port 22", "regexp": "^#?port "},
            put("f", "#port 1\nother\n#port 2\n"),
        ),
        Case(
            "create",
            lambda box: {"path": box.path("f"), "line": "x", "create": "true"},
            expected=CREATE,
            disturb=put("f"),
        ),
        Case("backup", lambda box: {"path": box.path("f"), "line": "new", "backup": "true"}, put("f", mode=0o600)),
        Case("remove", lambda box: {"path": box.path("f"), "line": "old", "remove": "true"}, put("f")),
        Case("remove from nothing", lambda box: {"path": box.path("f"), "line": "x", "remove": "true"}, expected=NONE),
        Case("not UTF-8", lambda box: {"path": box.path("f"), "line": "é"}, put("f", b"\xff\xfe\r\nx")),
    )


class TestBlock(ModuleConformance):
    module = Block
    cases = (
        Case("append", lambda box: {"path": box.path("f"), "block": "a\nb\n"}, put("f"), disturb=put("f", "mine\n")),
        Case("create", lambda box: {"path": box.path("f"), "block": "a", "create": "true"}, expected=CREATE),
        Case(
            "there",
            lambda box: {"path": box.path("f"), "block": "a"},
            put("f", "# BEGIN JETPACK MANAGED BLOCK\na\n# END JETPACK MANAGED BLOCK\n"),
            NONE,
        ),
        Case(
            "other block",
            lambda box: {"path": box.path("f"), "block": "a\nc", "backup": "true"},
            put("f", "x\n# BEGIN JETPACK MANAGED BLOCK\na\n# END JETPACK MANAGED BLOCK\ny\n"),
        ),
        Case(
            "remove",
            lambda box: {"path": box.path("f"), "remove": "true"},
            put("f", "x\n# BEGIN JETPACK MANAGED BLOCK\na\n# END JETPACK MANAGED BLOCK\ny\n"),
        ),
    )


class TestStat(ModuleConformance):
    module = Stat
    cases = (
        Case("nothing", lambda box: {"path": box.path("f"), "save": "x"}, expected=PlanKind.PASSIVE),
        Case("file", lambda box: {"path": box.path("f"), "checksum": "true"}, put("f"), PlanKind.PASSIVE),
    )


class TestFetch(ModuleConformance):
    """Only what holds for a module that writes on the control machine: the host never changes."""

    module = Fetch
    cases = ()
