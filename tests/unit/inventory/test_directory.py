# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.errors import UsageError
from jetpack_core.inventory.load import load_inventory, local_inventory
from tests.unit.inventory.trees import write

SITE = {
    "groups/web": "hosts:\n  - web2\n  - web1\n",
    "groups/db": "hosts:\n  - db1\n  - web1\n",
    "groups/paris": "subgroups:\n  - web\n  - db\n",
    "group_vars/all": "level: all\nlist: [a]\n",
    "group_vars/paris": "level: paris\nlist: [p]\nmap: {p: 1}\n",
    "group_vars/web": "level: web\nlist: [w]\nmap: {w: 1}\n",
    "group_vars/db": "level: db\nlist: [d]\n",
    "host_vars/web1": "list: [h]\nmap: {w: 2}\n",
}


def test_groups_hosts_and_variables_are_read(tmp_path: Path) -> None:
    inventory = load_inventory([write(tmp_path, SITE)])
    assert list(inventory.hosts) == ["db1", "web1", "web2"]
    assert inventory.hosts["web1"].groups == ("all", "paris", "db", "web")
    assert inventory.variables("web1") == {
        "level": "web",
        "list": ["a", "p", "d", "w", "h"],
        "map": {"p": 1, "w": 2},
    }
    assert inventory.variables("db1") == {"level": "db", "list": ["a", "p", "d"], "map": {"p": 1}}
    names = ["group all", "group paris", "group db", "group web", "host web1"]
    assert [layer.name for layer in inventory.layers("web1")] == names
    assert inventory.warnings == ()


def test_members_include_those_of_subgroups_in_inventory_order(tmp_path: Path) -> None:
    inventory = load_inventory([write(tmp_path, SITE)])
    assert inventory.members("paris") == ("db1", "web1", "web2")
    assert inventory.members("web") == ("web1", "web2")
    assert inventory.members("all") == ("db1", "web1", "web2")
    assert inventory.groups["all"].subgroups == ("paris",)
    assert inventory.groups["web"].parents == ("paris",)
    assert inventory.groups["paris"].parents == ("all",)


def test_selection_is_the_union_of_groups_within_both_limits(tmp_path: Path) -> None:
    inventory = load_inventory([write(tmp_path, SITE)])
    assert inventory.select(["web", "db"]) == ("db1", "web1", "web2")
    assert inventory.select(["all"], ["web2", "db1"]) == ("db1", "web2")
    assert inventory.select(["web"], (), ["db"]) == ("web1",)
    assert inventory.select(["web"], ["db1"], ["db"]) == ()
    assert inventory.select([]) == ()


def test_unknown_names_in_a_selection_are_one_error_with_suggestions(tmp_path: Path) -> None:
    inventory = load_inventory([write(tmp_path, SITE)])
    with pytest.raises(UsageError) as caught:
        inventory.select(["web"], ["web3"], ["pari"])
    assert caught.value.message == "the inventory has no host 'web3', and no group 'pari'"
    assert caught.value.hint == "did you mean 'web2'? did you mean 'paris'?"
    with pytest.raises(UsageError, match="no group 'xyz'"):
        inventory.members("xyz")
    with pytest.raises(UsageError, match="no host 'xyz'"):
        inventory.variables("xyz")


@pytest.mark.parametrize("suffix", ["", ".yml", ".yaml", ".json"])
def test_files_may_have_a_suffix(tmp_path: Path, suffix: str) -> None:
    files = {f"groups/web{suffix}": {"hosts": ["a.b"]}, f"group_vars/web{suffix}": {"x": 1}}
    inventory = load_inventory([write(tmp_path, files | {f"host_vars/a.b{suffix}": {"y": 2}})])
    assert inventory.variables("a.b") == {"x": 1, "y": 2}


def test_variables_may_be_a_directory_of_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    files: dict[str, object] = {"groups/web": {"hosts": ["a"]}, "group_vars/web/20.yml": {"x": 2, "l": [2]}}
    files |= {"group_vars/web/10.json": {"x": 1, "l": [1]}, "group_vars/web/30": {"z": 3, "l": [3]}}
    files |= {"group_vars/web/.git": "::", "group_vars/web/10.yml~": "::", "groups/.swp": "::", "groups/web~": "::"}
    inventory = load_inventory([write(tmp_path, files)])
    assert inventory.variables("a") == {"x": 2, "z": 3, "l": [1, 2, 3]}


def test_replacements_work_in_yaml_and_in_json(tmp_path: Path) -> None:
    files: dict[str, object] = {"groups/web": {"hosts": ["a"]}, "group_vars/all": {"x": [1], "y": [1]}}
    files |= {"group_vars/web.json": {"x!replace": [2]}, "host_vars/a": "y: !replace [3]\n"}
    inventory = load_inventory([write(tmp_path, files)])
    assert inventory.variables("a") == {"x": [2], "y": [3]}


def test_ranges_name_many_hosts(tmp_path: Path) -> None:
    hosts = ["web-{08..11}.example.com", "n[1:2]-{1..2}", "plain"]
    inventory = load_inventory([write(tmp_path, {"groups/web": {"hosts": hosts}})])
    assert list(inventory.hosts) == [
        *(f"web-{number}.example.com" for number in ("08", "09", "10", "11")),
        *("n1-1", "n1-2", "n2-1", "n2-2", "plain"),
    ]  # fmt: skip


def test_empty_files_are_empty_groups_and_no_variables(tmp_path: Path) -> None:
    files = {"groups/web": "", "groups/db": "# nothing\n", "groups/x": "hosts:\nsubgroups:\n", "group_vars/web": ""}
    inventory = load_inventory([write(tmp_path, files)])
    assert list(inventory.groups) == ["all", "db", "web", "x"]
    assert inventory.hosts == {}


def test_variables_of_nobody_are_a_warning_that_names_the_nearest(tmp_path: Path) -> None:
    files = {"groups/web": {"hosts": ["alpha"]}, "group_vars/wbe": {"x": 1}, "host_vars/alhpa": {"x": 1}}
    inventory = load_inventory([write(tmp_path / "inv", files)])
    root = tmp_path / "inv"
    assert inventory.warnings == (
        f"{root}/group_vars/wbe: variables of 'wbe', but the inventory has no such group; did you mean 'web'?",
        f"{root}/host_vars/alhpa: variables of 'alhpa', but the inventory has no such host; did you mean 'alpha'?",
    )


def test_a_misspelt_connection_variable_is_a_warning(tmp_path: Path) -> None:
    files = {"groups/web": {"hosts": ["a"]}, "host_vars/a": {"jet_ssh_host": "10.0.0.1"}}
    (warning,) = load_inventory([write(tmp_path, files)]).warnings
    assert warning.endswith("host_vars/a: jet_ssh_host is no connection variable; did you mean 'jet_ssh_hostname'?")


def test_all_cannot_be_below_another_group(tmp_path: Path) -> None:
    files = {"groups/web": {"hosts": ["a"], "subgroups": ["all"]}}
    inventory = load_inventory([write(tmp_path, files)])
    assert inventory.hosts["a"].groups == ("all", "web")
    assert "every group is in 'all'" in inventory.warnings[0]


def test_a_host_may_be_in_all_alone(tmp_path: Path) -> None:
    inventory = load_inventory([write(tmp_path, {"groups/all": {"hosts": ["a"]}, "group_vars/all": {"x": 1}})])
    assert inventory.hosts["a"].groups == ("all",)
    assert inventory.variables("a") == {"x": 1}


def test_a_local_run_has_one_host() -> None:
    inventory = local_inventory()
    assert inventory.select(["all"]) == ("localhost",)
    assert inventory.variables("localhost") == {}
    assert inventory.layers("localhost") == ()


def test_several_inventories_overlay_one_another(tmp_path: Path) -> None:
    secrets = {"group_vars/web": {"level": "secret", "list": ["s"]}, "host_vars/web1": {"password": "x"}}
    more = {"groups/web": {"hosts": ["web3"]}, "groups/new": {"hosts": ["web0"]}}
    paths = [write(tmp_path / "a", SITE), write(tmp_path / "b", secrets), write(tmp_path / "c", more)]
    inventory = load_inventory(paths)
    assert list(inventory.hosts) == ["db1", "web1", "web2", "web0", "web3"]
    assert inventory.variables("web1")["level"] == "secret"
    assert inventory.variables("web1")["list"] == ["a", "p", "d", "w", "s", "h"]
    assert inventory.variables("web1")["password"] == "x"
    assert inventory.members("paris") == ("db1", "web1", "web2", "web3")


def test_an_inventory_named_twice_counts_once_and_last(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"groups/g": {"hosts": ["a"]}, "group_vars/g": {"x": 1, "l": [1]}})
    two = write(tmp_path / "two", {"group_vars/g": {"x": 2, "l": [2]}})
    assert load_inventory([one, two, one]).variables("a") == {"x": 1, "l": [2, 1]}
    assert load_inventory([one, two, tmp_path / "two" / ".." / "two"]).variables("a") == {"x": 2, "l": [1, 2]}
