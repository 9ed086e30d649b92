# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory scripts, run for real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jetpack_core.errors import ContentError
from jetpack_core.inventory.load import load_inventory
from tests.unit.inventory.trees import printing, script, write

DATA = {
    "_meta": {"hostvars": {"web1": {"x": "meta"}, "db1": {"list!replace": ["only"]}}},
    "_other": {"whatever": 1},
    "web": {"hosts": ["web1", "web2"], "vars": {"list": ["w"]}, "hostvars": {"web2": {"x": "own"}}},
    "db": ["db1"],
    "paris": {"children": ["web", "db", "empty"], "vars": {"list": ["p"]}},
}


def failure(path: Path, timeout: float = 20.0) -> str:
    """Return what a script that fails is told to have done."""
    with pytest.raises(ContentError) as caught:
        load_inventory([path], script_timeout=timeout)
    return str(caught.value).replace(str(path), "SCRIPT")


def test_a_script_gives_groups_hosts_and_variables(tmp_path: Path) -> None:
    inventory = load_inventory([printing(tmp_path / "inv.py", DATA)])
    assert list(inventory.hosts) == ["web1", "web2", "db1"]
    assert list(inventory.groups) == ["all", "db", "empty", "paris", "web"]
    assert inventory.variables("web1") == {"x": "meta", "list": ["p", "w"]}
    assert inventory.variables("web2") == {"x": "own", "list": ["p", "w"]}
    assert inventory.variables("db1") == {"list": ["only"]}


def test_the_variables_beside_a_script_are_merged_over_its_own(tmp_path: Path) -> None:
    path = printing(tmp_path / "inv.py", DATA)
    write(tmp_path, {"group_vars/web": {"list": ["file"]}, "host_vars/web1.yml": {"x": "file", "y": 1}})
    inventory = load_inventory([path])
    assert inventory.variables("web1") == {"x": "file", "y": 1, "list": ["p", "w", "file"]}


def test_the_directory_around_a_script_may_be_an_inventory_too(tmp_path: Path) -> None:
    write(tmp_path, {"groups/web": {"hosts": ["static"]}, "group_vars/web": {"list": ["file"]}})
    path = printing(tmp_path / "inv.py", DATA)
    inventory = load_inventory([tmp_path, path])
    assert list(inventory.hosts) == ["static", "web1", "web2", "db1"]
    assert inventory.variables("static") == {"list": ["p", "w", "file"]}


def test_a_json_file_is_read_like_a_script(tmp_path: Path) -> None:
    write(tmp_path, {"inv.json": DATA})
    assert list(load_inventory([tmp_path / "inv.json"]).hosts) == ["web1", "web2", "db1"]


def test_what_a_script_says_is_shown_when_it_fails(tmp_path: Path) -> None:
    path = script(tmp_path / "inv", "import sys\nprint('{}')\nsys.exit('no \\x1b[31mcredentials\\nat all')")
    assert failure(path) == (
        "SCRIPT:1:1: the inventory script ended with exit code 1 and said\n"
        "    no ?[31mcredentials\n"
        "    at all\n"
        "    hint: run it by hand; it is called without arguments"
    )


def test_a_script_that_dies_or_says_nothing_is_told_so(tmp_path: Path) -> None:
    path = script(tmp_path / "inv", "import os; os.kill(os.getpid(), 9)")
    assert failure(path).startswith("SCRIPT:1:1: the inventory script was ended by signal 9 and said nothing\n")
    assert "printed nothing" in failure(script(tmp_path / "silent", ""))


def test_bad_json_is_shown_with_its_place(tmp_path: Path) -> None:
    path = script(tmp_path / "inv", 'print(\'{"web": {\\n  "hosts": ["a",]}}\')')
    where, excerpt, caret = failure(path).split("\n")
    assert where.startswith("SCRIPT (output):2:")
    assert ": this is not JSON: " in where
    assert excerpt == '      "hosts": ["a",]}}'
    assert caret.strip() == "^"


def ended(process: int, patience: float = 30) -> bool:
    """Tell whether a process ends: a signal to a group reaches its members one after the other."""
    until = time.monotonic() + patience
    status = Path("/proc") / str(process) / "stat"
    while time.monotonic() < until:
        try:
            if status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_a_script_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    path = tmp_path / "inv"
    # A shell has started what it hangs on long before its time is up, on a busy machine too.
    path.write_text(f"#!/bin/sh\nsleep 600 &\necho $! >'{tmp_path}/pid'\nwait\n")
    path.chmod(0o755)
    began = time.monotonic()
    assert failure(path, timeout=3.0) == (
        "SCRIPT:1:1: the inventory script did not end within 3 seconds\n"
        "    hint: run it by hand to see what it waits for"
    )
    assert time.monotonic() - began < 100
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_script_gets_no_input_and_no_arguments(tmp_path: Path) -> None:
    body = "import json, sys\nprint(json.dumps({'g': [f'h{len(sys.argv)}', f'i{len(sys.stdin.read())}']}))"
    assert list(load_inventory([script(tmp_path / "inv", body)]).hosts) == ["h1", "i0"]


def test_a_script_without_an_interpreter_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "inv"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    assert failure(path).startswith("SCRIPT:1:1: the inventory script cannot be run: No such file or directory\n")
    path.write_text("print()\n")
    assert "cannot be run: Exec format error" in failure(path)


def test_a_file_that_is_not_executable_says_how_to_make_it_so(tmp_path: Path) -> None:
    path = tmp_path / "inv.py"
    path.write_text("print('{}')\n")
    assert failure(path) == (
        "SCRIPT:1:1: is neither a directory, an executable script nor a `.json` file\n"
        "    hint: make a script executable: chmod +x SCRIPT"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], ["the inventory must be a mapping, not a list"]),
        ({"web": 1}, ["web must be a mapping, not a number"]),
        ({"web": {"hosts": "a"}}, ["web.hosts must be a list of names, not text"]),
        ({"web": {"hosts": {"a": {}}}}, ["web.hosts must be a list of names, not a mapping"]),
        ({"web": {"hosts": [1]}}, ["web.hosts: a name must be text, not a number"]),
        ({"web": {"host": ["a"]}}, ["web: a group has no key 'host'"]),
        ({"web": ["../x"]}, ["the host name '../x' holds a slash"]),
        ({"web": ["-oProxyCommand=x"]}, ["the host name '-oProxyCommand=x' begins with '-'"]),
        ({"a/b": []}, ["the group name 'a/b' holds a slash"]),
        ({"a": {"children": ["b c"]}}, ["the group name 'b c' holds a blank or a control character"]),
        ({"_meta": {"hostvars": {"a\n": {}}}},
            ["_meta.hostvars: the host name 'a\\n' holds a blank or a control character"]),
        ({"a": {"vars": [], "hostvars": 3}},
            ["a.vars must be a mapping, not a list", "a.hostvars must be a mapping, not a number"]),
        ({"a": {"hostvars": {"h": {"jet_ssh_port": 0}}}}, ["a.hostvars.h: jet_ssh_port cannot be 0"]),
    ],
)  # fmt: skip
def test_wrong_shapes_are_named(tmp_path: Path, data: object, expected: list[str]) -> None:
    with pytest.raises(ContentError) as caught:
        load_inventory([printing(tmp_path / "inv", data)])
    assert [problem.message for problem in caught.value.problems] == expected
