# SPDX-License-Identifier: GPL-3.0-or-later
"""In an editor: modules and parameters are proposed and explained, mistakes are marked, and nothing that is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jetpack_core.testing.documents import code_blocks
from tests.integration.editor.conftest import project_files
from tests.integration.editor.language_server import LanguageServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("editor")]

ROOT = Path(__file__).parents[3]
HEAD = "- name: p\n  groups: [all]\n  tasks:\n"
SENTINEL = "the_end_was_reached"
"""A key that is wrong everywhere, to know that a file was judged to its end."""


def judged(editor: LanguageServer, name: str, text: str) -> list[str]:
    """Return what is marked in a text: a key that is wrong for sure is put behind it, and taken out again."""
    text = text.rstrip("\n") + "\n"
    if re.search(r"^- !", text, re.MULTILINE):
        end = f"- !echo {{msg: a, {SENTINEL}: 1}}\n"
    elif re.search(r"^- name:", text, re.MULTILINE):
        end = f"- name: a\n  groups: [a]\n  {SENTINEL}: 1\n"
    elif "vars" in name:
        end = "jet_ssh_port: [the_end_was_reached]\n"
    else:
        end = f"{SENTINEL}: 1\n"
    last = text.count("\n") + 1
    sign = "Incorrect type" if "vars" in name else SENTINEL
    found = editor.faults(name, text + end, sign)
    return [one for one in found if int(one.partition(":")[0]) < last and SENTINEL not in one]


def test_modules_are_proposed_with_the_parameters_they_need(editor: LanguageServer) -> None:
    found = editor.complete("site.yml", f"{HEAD}    - |\n")["!copy"]
    assert found["insertText"].startswith("!copy\n  dest: ")
    assert "Copy a file" in str(found["documentation"])


def test_parameters_are_proposed_once_the_module_is_plain(editor: LanguageServer) -> None:
    found = set(editor.complete("site.yml", f"{HEAD}    - !shell\n      cmd: a\n      |\n"))
    assert {"save", "failed_when", "unsafe", "with", "and"} <= found
    assert not {"recurse", "dest", "groups", "port"} & found


def test_modifiers_play_keys_and_values_are_proposed(editor: LanguageServer) -> None:
    modifiers = set(editor.complete("site.yml", f"{HEAD}    - !shell\n      cmd: a\n      with:\n        |\n"))
    assert {"condition", "items", "sudo"} <= modifiers
    assert "notify" not in modifiers
    assert {"roles", "batch_size", "vars_files"} <= set(editor.complete("site.yml", "- name: a\n  |\n"))
    assert {"linear", "free"} <= set(editor.complete("site.yml", "- name: a\n  strategy: |\n"))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("site.yml", f"{HEAD}    - !copy\n      src: a\n      de|st: /b\n", "The file's own name on the host"),
        ("site.yml", f"{HEAD}    - !shell\n      c|md: a\n", "`!shell`: The command line."),
        ("site.yml", f"{HEAD}    - !shell\n      cmd: a\n      ti|meout: 3\n", "Default"),
        (
            "site.yml",
            f"{HEAD}    - !shell\n      cmd: a\n      with:\n        cond|ition: x\n",
            "unless the expression",
        ),
        ("site.yml", "- name: a\n  batch|_size: 3\n", "a rolling update"),
        ("roles/a/tasks/main.yml", "- !copy\n  src: a\n  de|st: /b\n", "The file's own name on the host"),
        ("roles/a/role.yml", "depend|encies: [b]\n", "before this one"),
        (".jetpack.yml", "play|book: site.yml\n", "when `-p` is not given"),
        ("inventory/groups/web", "subgr|oups: [a]\n", "in this one as well"),
        ("inventory/host_vars/h1", "jet_ssh_p|ort: 22\n", "The port of SSH"),
        ("inventory/host_vars/h1", "provision:\n  type: docker\n  ima|ge: debian\n", "image"),
    ],
)
def test_what_stands_there_is_explained(editor: LanguageServer, name: str, text: str, told: str) -> None:
    assert told in editor.hover(name, text)


@pytest.mark.parametrize(
    ("task", "line", "told"),
    [
        ("!copy {src: a, dets: /b}", 4, "dets"),
        ("!copy {src: a, dest: /b, with: {condtion: x}}", 4, "condtion"),
        ("!copy {src: a, dest: /b, and: {condition: x}}", 4, "condition"),
        ("!wait_for {port: soon}", 4, "pattern"),
        ("!copy {src: a, dest: /b, follow: perhaps}", 4, "pattern"),
        ("!no_such_module {a: b}", 4, "no_such_module"),
    ],
)
def test_what_is_wrong_is_marked(editor: LanguageServer, task: str, line: int, told: str) -> None:
    found = judged(editor, "site.yml", f"{HEAD}    - {task}\n")
    assert any(one.startswith(f"{line}: ") and told in one for one in found), found


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("site.yml", "- name: a\n  group: [b]\n", "group is not allowed"),
        ("site.yml", "- name: a\n  groups: [b]\n  strategy: fast\n", "linear"),
        ("roles/a/role.yml", "task: [main.yml]\n", "task is not allowed"),
        (".jetpack.yml", "thread: 3\n", "thread is not allowed"),
        ("inventory/groups/web", "host: [a]\n", "host is not allowed"),
        ("inventory/host_vars/h1", "provision: {type: docker, imagge: debian}\n", "imagge is not allowed"),
    ],
)
def test_what_is_wrong_in_other_files_is_marked(editor: LanguageServer, name: str, text: str, told: str) -> None:
    found = judged(editor, name, text)
    assert any(told in one for one in found), found


def test_nothing_is_marked_in_any_example(editor: LanguageServer) -> None:
    marked = {}
    for path in project_files(ROOT / "examples"):
        text = path.read_text()
        if path.name.startswith(".") or path.name == "compose.yml":
            continue
        found = judged(editor, _place(path.relative_to(ROOT / "examples"), text), text)
        if found:
            marked[str(path)] = found
    assert marked == {}


def _place(path: Path, text: str) -> str:
    """Return where in a project a file of an example is."""
    if path.name == "role.yml" or "tasks" in path.parts or "handlers" in path.parts:
        return "/".join(path.parts[-4:] if path.name != "role.yml" else path.parts[-3:])
    kinds = [part for part in ("group_vars", "host_vars", "groups") if part in path.parts]
    if kinds:
        return f"inventory/{kinds[0]}/{path.name}"
    return "site.yml" if re.search(r"^\s+groups:", text, re.MULTILINE) else f"inventory/host_vars/{path.name}"


def test_nothing_is_marked_in_any_playbook_of_the_documentation(editor: LanguageServer) -> None:
    marked = {}
    count = 0
    pages = [
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "plugins").glob("*/README.md")),
        ROOT / "README.md",
    ]
    for page in pages:
        for number, block in enumerate(code_blocks(page, "yaml")):
            # The tutorial shows a module of the reader's own.
            if not re.match(r"(#.*\n)*- (!|name:)", block) or "!env_entry" in block:
                continue
            count += 1
            playbook = re.match(r"(#.*\n)*- name:", block)
            found = judged(editor, "site.yml" if playbook else "roles/a/tasks/main.yml", block)
            if found:
                marked[f"{page.relative_to(ROOT)} {number}"] = found
    assert marked == {}
    assert count > 50
