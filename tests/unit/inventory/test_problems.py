# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory: every message word by word, and all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.errors import ContentError
from jetpack_core.inventory.load import load_inventory
from tests.unit.inventory.trees import write

CORPUS = {
    "unknown key": (
        {"groups/web": "host:\n  - a\n"},
        "inv/groups/web:1:1: a group has no key 'host'\n    host:\n    ^\n    hint: did you mean 'hosts'?",
    ),
    "key of another tool": (
        {"groups/web": "vars: {}\n"},
        ("inv/groups/web:1:1: a group has no key 'vars'\n    vars: {}\n    ^\n"
        "    hint: a group has `hosts` and `subgroups`, each a list of names"),
    ),
    "hosts as text": (
        {"groups/web": "hosts: a\n"},
        "inv/groups/web:1:1: 'hosts' must be a list of names\n    hosts: a\n    ^\n    hint: write one `- name` a line",
    ),
    "hosts as mapping": (
        {"groups/web": "hosts:\n  a:\n  b:\n"},
        "inv/groups/web:1:1: 'hosts' must be a list of names\n    hosts:\n    ^\n    hint: write one `- name` a line",
    ),
    "number as host": (
        {"groups/web": "hosts:\n  - a\n  - 10\n"},
        "inv/groups/web:3:5: a name must be text, not 10\n      - 10\n        ^\n    hint: write '10' in quotes",
    ),
    "group as list": (
        {"groups/web": "- a\n"},
        ("inv/groups/web:1:3: a group must be a mapping with `hosts` and `subgroups`\n    - a\n      ^\n"
        "    hint: a group has `hosts` and `subgroups`, each a list of names"),
    ),
    "group as directory": (
        {"groups/web/x": "hosts: [a]\n"},
        "inv/groups/web:1:1: is a directory, and a group is a file",
    ),
    "unknown subgroup": (
        {"groups/web": "subgroups:\n  - dbb\n", "groups/db": "hosts: [a]\n"},
        "inv/groups/web:2:5: there is no group 'dbb'\n      - dbb\n        ^\n    hint: did you mean 'db'?",
    ),
    "subgroup like no other": (
        {"groups/web": "subgroups: [zzz]\n"},
        ("inv/groups/web:1:13: there is no group 'zzz'\n    subgroups: [zzz]\n                ^\n"
        "    hint: make the file groups/zzz"),
    ),
    "slash in host": (
        {"groups/web": "hosts:\n  - ../etc\n"},
        ("inv/groups/web:2:5: the host name '../etc' holds a slash\n      - ../etc\n        ^\n"
        "    hint: names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"),
    ),
    "option as host": (
        {"groups/web": "hosts:\n  - -oProxyCommand=id\n"},
        ("inv/groups/web:2:5: the host name '-oProxyCommand=id' begins with '-'\n      - -oProxyCommand=id\n        ^\n"
        "    hint: names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"),
    ),
    "control character in host": (
        {"groups/web": 'hosts: ["a\\e[31m"]\n'},
        ("inv/groups/web:1:9: the host name 'a\\x1b[31m' holds a blank or a control character\n"
        '    hosts: ["a\\e[31m"]\n            ^\n'
        "    hint: names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"),
    ),
    "option as group": (
        {"groups/-x": "hosts: [a]\n"},
        ("inv/groups/-x:1:1: the group name '-x' begins with '-'\n    hosts: [a]\n    ^\n"
        "    hint: names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"),
    ),
    "range backwards": (
        {"groups/web": "hosts:\n  - web{5..1}\n"},
        "inv/groups/web:2:5: the range in 'web{5..1}' runs backwards\n      - web{5..1}\n        ^",
    ),
    "range too large": (
        {"groups/web": "hosts:\n  - web{1..999999999}\n"},
        ("inv/groups/web:2:5: the range in 'web{1..999999999}' has more than 100,000 names\n"
        "      - web{1..999999999}\n        ^"),
    ),
    "ranges too large together": (
        {"groups/web": "hosts:\n  - web{1..99999}-{1..99999}\n"},
        ("inv/groups/web:2:5: the range in 'web{1..99999}-{1..99999}' has more than 100,000 names\n"
        "      - web{1..99999}-{1..99999}\n        ^"),
    ),
    "half a range": (
        {"groups/web": "hosts:\n  - web[1-5]\n"},
        ("inv/groups/web:2:5: the host name 'web[1-5]' holds a bracket that is no range\n      - web[1-5]\n        ^\n"
        "    hint: names have no blanks, slashes, brackets or control characters, and do not begin with '-' or '.'"),
    ),
    "variables as list": (
        {"groups/web": "", "group_vars/web": "- a\n"},
        ("inv/group_vars/web:1:3: a file of variables must be a mapping\n    - a\n      ^\n"
        "    hint: write `name: value` lines"),
    ),
    "directory in directory": (
        {"groups/web": "", "group_vars/web/more/x": "a: 1\n"},
        ("inv/group_vars/web/more:1:1: a directory inside a directory of variables is not read\n"
        "    hint: move its files one directory up"),
    ),
    "bad name of a file of variables": (
        {"groups/web": "", "host_vars/a b.yml": "a: 1\n"},
        ("inv/host_vars/a b.yml:1:1: the host name 'a b' holds a blank or a control character\n"
        "    hint: rename the file"),
    ),
    "key twice": (
        {"groups/web": "hosts: [a]\nhosts: [b]\n"},
        "inv/groups/web:2:1: the key 'hosts' is there twice\n    hosts: [b]\n    ^\n    hint: the first is in line 1",
    ),
    "port too high": (
        {"groups/web": "", "host_vars/a": "x: 1\njet_ssh_port: 65536\n"},
        ("inv/host_vars/a:2:1: jet_ssh_port cannot be 65536\n    jet_ssh_port: 65536\n    ^\n"
        "    hint: write a number from 1 to 65535"),
    ),
    "port as word": (
        {"groups/web": "", "host_vars/a": "jet_ssh_port: ssh\n"},
        ("inv/host_vars/a:1:1: jet_ssh_port cannot be 'ssh'\n    jet_ssh_port: ssh\n    ^\n"
        "    hint: write a number from 1 to 65535"),
    ),
    "number as user": (
        {"groups/web": "", "group_vars/web": "jet_ssh_user: 7\n"},
        "inv/group_vars/web:1:1: jet_ssh_user cannot be 7\n    jet_ssh_user: 7\n    ^\n    hint: write a text",
    ),
    "no inventory": (
        {"README": "hello\n"},
        "inv:1:1: is no inventory\n    hint: an inventory directory has `groups`, `group_vars` or `host_vars`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORPUS)
def test_the_message_says_what_where_and_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, expected = CORPUS[name]
    write(tmp_path / "inv", files)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ContentError) as caught:
        load_inventory([Path("inv")])
    assert str(caught.value) == expected


def test_all_problems_of_all_inventories_are_told_at_once(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"groups/web": "host: []\nhosts: [1]\n", "group_vars/web": "x: [\n"})
    two = write(tmp_path / "two", {"groups/db": "- a\n", "host_vars/a": "jet_ssh_port: 0\n"})
    with pytest.raises(ContentError) as caught:
        load_inventory([one, two, tmp_path / "three"])
    files = [Path(problem.position.file).relative_to(tmp_path).as_posix() for problem in caught.value.problems]
    assert files == [
        "one/groups/web",
        "one/groups/web",
        "one/group_vars/web",
        "two/groups/db",
        "two/host_vars/a",
        "three",
    ]
    assert caught.value.problems[-1].message == "there is no such inventory"


def test_a_directory_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups" / "web").symlink_to("nowhere")
    with pytest.raises(ContentError, match="groups/web:1:1: there is no such file"):
        load_inventory([tmp_path])
