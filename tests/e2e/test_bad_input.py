# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file a user writes, broken in every way: one clear error with its place, exit code 1, soon, and nothing ran."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from jetpack_core.cli.main import main

NOBODY = 65534
PATIENCE = 10.0
"""Seconds that a refusal may take on a busy machine."""
MEMORY = 600_000
"""KiB of address space, Python and its libraries included."""
JETPACK = ("-m", "jetpack_core.cli")

PROJECT = {
    ".jetpack.yml": "playbook: site.yml\ninventory: inventory\n",
    "site.yml": """- name: everything
  groups: [web]
  vars_files: [vars.yml]
  roles:
    - role: base
  tasks:
    - !copy
      src: payload.txt
      dest: "{{ root }}/payload"
    - !template
      src: page.j2
      dest: "{{ root }}/page"
      and: {notify: change}
""",
    "vars.yml": "size: 1\n",
    "extra.yml": "colour: red\n",
    "files/payload.txt": "payload\n",
    "templates/page.j2": "{{ colour }}\n",
    "roles/base/role.yml": "tasks: [main.yml]\nhandlers: [main.yml]\n",
    "roles/base/tasks/main.yml": "- !echo\n  msg: hello\n",
    "roles/base/handlers/main.yml": "- !echo\n  msg: changed\n  with: {subscribe: change}\n",
    "inventory/groups/web": "hosts: [localhost]\n",
    "inventory/group_vars/web.yml": "speed: 1\n",
    "inventory/host_vars/localhost.yml": "jet_connection: local\n",
}
TEMPLATE, PAYLOAD = "templates/page.j2", "files/payload.txt"
YAML = [name for name in PROJECT if name not in {TEMPLATE, PAYLOAD}]
LISTS = {"site.yml", "roles/base/tasks/main.yml", "roles/base/handlers/main.yml"}
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)

Damage = Callable[[Path], object]


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def appended(content: bytes) -> Damage:
    return lambda path: path.write_bytes(path.read_bytes() + content)


def recoded(encoding: str) -> Damage:
    return lambda path: path.write_bytes(path.read_text().encode(encoding))


def written(content: str | bytes) -> Damage:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


UNREADABLE: dict[str, tuple[Damage, str]] = {
    "not UTF-8": (appended(b"# caf\xe9\n"), r":\d+:6: the byte 0xe9 is not UTF-8"),
    "directory": (directory, r":1:1: is a directory"),
    "100 MB": (huge, r":1:1: is too large: 100 MB, and the limit is 16 MiB"),
}
"""What is wrong with any text, whatever it should mean."""

BROKEN: dict[str, tuple[Damage, str]] = {
    **UNREADABLE,
    "UTF-16": (recoded("utf-16"), r":1:1: is written in UTF-16"),
    "binary": (written(bytes(range(256)) * 40), r":1:1: holds a NUL byte, so it is no text file"),
    "link to itself": (link_to_itself, r":1:1: cannot be read: Too many levels of symbolic links"),
    "byte order mark": (recoded("utf-8-sig"), r":1:1: begins with a byte order mark"),
    "tab": (written("a:\n\tb: 1\n"), r":2:1: a tab, where YAML is indented with spaces"),
    "the same key twice": (written("a: 1\na: 2\n"), r":2:1: the key 'a' is there twice"),
    "endless YAML": (written(LAUGHS), r":6:\d+: the aliases of this file stand for more than 300,000 values"),
    "deep flow": (written("[" * 200_000), r":1:101: more than 100 lists and mappings inside one another"),
    "deep blocks": (
        written("".join(f"{' ' * n}a:\n" for n in range(3000))),
        r":101:101: more than 100 lists and mappings inside one another",
    ),
    "two documents": (appended(b"---\na: 1\n"), r":\d+:1: a second document begins here"),
    "foreign tag": (written("- !!python/object/apply:os.system ['true']\n"), r":1:[13]: "),
    "words": (written("just words\n"), r":1:1: .*(mapping|map|list)"),
    "number": (written("12\n"), r":1:1: .*(mapping|map|list)"),
}

BAD_TEMPLATE: dict[str, tuple[Damage, str]] = {
    **UNREADABLE,
    "UTF-16": (recoded("utf-16"), r":1:1: the byte 0xff is not UTF-8"),
    "binary": (written(bytes(range(256))), r":2:118: the byte 0x80 is not UTF-8"),
    "open block": (written("fine\n{% if colour %}\n"), r":2:\d+: "),
    "wrong expression": (written("fine\n  {{ colour + }}\n"), r":2:\d+: "),
}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a project that is all right, which any user may read."""
    folder = Path(tempfile.mkdtemp(prefix="jetpack-bad-input."))
    folder.chmod(0o755)
    for name, content in PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("JET_", "XDG_"))]:
        monkeypatch.delenv(name)
    yield folder
    shutil.rmtree(folder)


def jetpack(*arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process, and see that it comes back soon."""
    began = time.monotonic()
    home = {"HOME": str(Path.cwd() / "home"), "NO_COLOR": "1"}
    words = (*arguments, "-e", f"root={Path.cwd()}/out", "-e", "@extra.yml")
    ended = CliRunner().invoke(main, words, env=home, prog_name="jetpack")
    assert time.monotonic() - began < PATIENCE
    return ended.exit_code, ended.stdout, ended.stderr


def assert_refused(file: str, told: str) -> None:
    """Run the verbs that load everything, and see that each says what is wrong with a file and where."""
    for verb in ("check", "plan", "apply"):
        code, stdout, stderr = jetpack(verb)
        assert (code, stdout) == (1, ""), stderr
        assert re.search(f"^{re.escape(file)}{told}", stderr, re.MULTILINE), stderr
        assert re.search(r"\n\n\d+ problems?; nothing ran\n\Z", stderr), stderr
        assert "Traceback" not in stderr
        assert "internal error" not in stderr
        assert max(map(len, stderr.splitlines())) < 300, "a line that floods the terminal"
        assert not Path("out").exists()


def test_the_project_is_fine_before_it_is_broken(project: Path) -> None:
    assert jetpack("check") == (0, "1 play, 4 tasks, 1 host: no problems\n", "")
    (project / "out").mkdir()
    assert jetpack("apply")[0] == 0
    assert (project / "out" / "page").read_text() == "red\n"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in YAML
        for damage in BROKEN
        # The variables of a group or host may be a directory of files.
        if damage != "directory" or "_vars/" not in name
    ],
)
def test_a_broken_file_is_refused_with_its_place(project: Path, name: str, damage: str) -> None:
    break_it, told = BROKEN[damage]
    break_it(project / name)
    assert_refused(name, told)


@pytest.mark.parametrize("damage", BAD_TEMPLATE)
def test_a_broken_template_is_refused_with_its_place(project: Path, damage: str) -> None:
    break_it, told = BAD_TEMPLATE[damage]
    break_it(project / TEMPLATE)
    assert_refused(TEMPLATE, told)


@pytest.mark.parametrize(
    ("name", "file", "told"),
    [
        ("site.yml", "site.yml", r":1:1: there is no such file"),
        ("vars.yml", "site.yml", r":3:16: there is no file vars\.yml"),
        ("extra.yml", "extra.yml", r":1:1: there is no such file"),
        (PAYLOAD, "site.yml", r":8:12: `src`: no file 'payload\.txt' in files, \.( \[|$)"),
        (TEMPLATE, "site.yml", r":11:12: `src`: no file 'page\.j2' in templates, \.( \[|$)"),
        ("roles/base/role.yml", "site.yml", r":5:13: the role 'base' has no role\.yml in roles/base"),
        ("roles/base/tasks/main.yml", "roles/base/role.yml", r":1:9: there is no file roles/base/tasks/main\.yml"),
        ("roles/base/handlers/main.yml", "roles/base/role.yml", r":2:12: there is no file roles/base/handlers"),
        ("inventory/groups/web", "site.yml", r":1:3: the inventory has no group 'web'"),
    ],
)
def test_a_missing_file_is_told_where_it_is_named(project: Path, name: str, file: str, told: str) -> None:
    (project / name).unlink()
    assert_refused(file, told)


@pytest.mark.parametrize("name", PROJECT)
def test_a_file_that_may_not_be_read_is_named(project: Path, name: str) -> None:
    (project / name).chmod(0)
    with as_ordinary_user():
        if name == PAYLOAD:
            assert_refused("site.yml", r":8:12: `src`: the file 'payload\.txt' is there, and you may not read it")
        elif name == TEMPLATE:
            assert_refused("site.yml", r":11:12: `src`: the file 'page\.j2' is there, and you may not read it")
        else:
            assert_refused(name, r":1:1: cannot be read: Permission denied")


@pytest.mark.parametrize("name", ["site.yml", *sorted(LISTS - {"site.yml"})])
def test_a_mapping_in_place_of_a_list_is_refused(project: Path, name: str) -> None:
    (project / name).write_text("a: 1\n")
    assert_refused(name, r":1:1: .*list")


@pytest.mark.parametrize("name", sorted(set(YAML) - LISTS))
def test_a_list_in_place_of_a_mapping_is_refused(project: Path, name: str) -> None:
    (project / name).write_text("[1, 2]\n")
    assert_refused(name, r":1:[12]: .*(mapping|map)\b")


def test_an_empty_playbook_is_refused(project: Path) -> None:
    (project / "site.yml").write_text("")
    assert_refused("site.yml", ":1:1: the playbook is empty")


@pytest.mark.parametrize("name", [name for name in PROJECT if name not in {"site.yml", "roles/base/role.yml"}])
def test_other_files_may_be_empty(project: Path, name: str) -> None:
    (project / name).write_text("")
    if name == ".jetpack.yml":
        assert jetpack("check")[2].startswith("error: there is no playbook to run\n")
    elif name == "extra.yml":
        assert "page.j2:1:4: nothing defines the variable 'colour'" in jetpack("check")[2]
    else:
        assert jetpack("check")[0] == 0


@pytest.mark.parametrize("name", PROJECT)
def test_lines_may_end_as_on_windows(project: Path, name: str) -> None:
    file = project / name
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert jetpack("check") == (0, "1 play, 4 tasks, 1 host: no problems\n", "")


@pytest.mark.parametrize("damage", [appended(b"\xff\0\xfe"), huge, directory], ids=["binary", "100 MB", "directory"])
def test_what_is_only_copied_may_hold_anything(project: Path, damage: Damage) -> None:
    damage(project / PAYLOAD)
    (project / "out").mkdir()
    assert jetpack("plan")[0] == 0


SCRIPTS = {
    "nothing": ("exit 0", r"inventory/script:1:1: the inventory script printed nothing"),
    "failure": ("echo no cloud >&2; exit 3", r"inventory/script:1:1: .* exit code 3 and said\n +no cloud"),
    "signal": ("kill -9 $$", r"inventory/script:1:1: the inventory script was ended by signal 9"),
    "words": ("echo hello", r"inventory/script \(output\):1:1: this is not JSON"),
    "binary": ("printf '\\000\\001'", r"inventory/script \(output\):1:1: holds a NUL byte"),
    "a list": ("echo '[1]'", r"inventory/script \(output\):1:1: the inventory must be a mapping, not a list"),
    "depth": ("head -c 99999 /dev/zero | tr '\\0' '['", r"inventory/script \(output\):1:\d+: .*more than 100 lists"),
    "a long number": ("printf '{\"w\": 1%09999d}' 0", r"inventory/script \(output\):1:7: .*thousands of digits"),
    "no end": ("exec yes", r"inventory/script:1:1: the inventory script printed more than 64 MiB"),
    "terminal codes": ("printf '\\033[31mred' >&2; exit 1", r"inventory/script:1:1: .* and said\n +\?\[31mred"),
}


@pytest.mark.parametrize("damage", SCRIPTS)
def test_a_broken_inventory_script_is_refused(project: Path, damage: str) -> None:
    body, told = SCRIPTS[damage]
    script = project / "inventory" / "script"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    code, stdout, stderr = jetpack("plan", "-i", "inventory/script")
    assert (code, stdout) == (1, "")
    assert re.match(told, stderr), stderr
    assert "\x1b" not in stderr


def test_all_problems_are_told_at_once(project: Path) -> None:
    (project / "site.yml").write_text(PROJECT["site.yml"].replace("roles:", "rolls:"))
    for name in ("vars.yml", "inventory/groups/web", "inventory/host_vars/localhost.yml", TEMPLATE):
        appended(b"# caf\xe9\n")(project / name)
    code, _, stderr = jetpack("plan")
    places = re.findall(r"^([\w./]+):\d+:\d+: ", stderr, re.MULTILINE)
    wanted = ["site.yml", "vars.yml", TEMPLATE, "inventory/groups/web", "inventory/host_vars/localhost.yml"]
    assert (code, places) == (1, wanted)
    assert stderr.endswith("\n\n5 problems; nothing ran\n")


def test_what_follows_from_another_problem_is_not_told(project: Path) -> None:
    (project / "roles/base/role.yml").write_text("tasks: [main.yml]\n\thandlers: [main.yml]\n")
    assert jetpack("check")[2].endswith("\n\n1 problem; nothing ran\n")


@pytest.mark.parametrize("damage", [huge, written(LAUGHS), written("[" * 200_000)], ids=["100 MB", "endless", "deep"])
def test_a_refusal_takes_little_memory(project: Path, damage: Damage) -> None:
    damage(project / "site.yml")
    damage(project / "inventory" / "group_vars" / "web.yml")
    ended = subprocess.run(
        ["/bin/sh", "-c", f'ulimit -v {MEMORY} && exec "$@"', "sh", sys.executable, *JETPACK, "plan", "-e", "root=/no"],
        env={**os.environ, "HOME": str(project / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("\n\n2 problems; nothing ran\n"), ended.stderr


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Be somebody whom permissions bind; everything is imported before, as the user may not read the libraries."""
    jetpack("plan")
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
