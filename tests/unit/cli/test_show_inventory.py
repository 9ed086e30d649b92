# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack show-inventory`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Run
from tests.unit.inventory.trees import write

SITE = {
    "groups/web": "hosts:\n  - web{1..3}\n",
    "groups/paris": "hosts: [db1]\nsubgroups: [web]\n",
    "groups/lyon": "subgroups: [web]\n",
    "group_vars/web": "ports: [80]\n",
    "host_vars/web1": "ports: [443]\nname: größe\n",
}


def test_the_tree_shows_groups_and_hosts(jetpack: Run, tmp_path: Path) -> None:
    write(tmp_path / "inv", SITE)
    done = jetpack("show-inventory", "-i", "inv")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "all (4 hosts)\n"
        "  lyon (3 hosts)\n"
        "    web (3 hosts)\n"
        "      - web1\n"
        "      - web2\n"
        "      - web3\n"
        "  paris (4 hosts)\n"
        "    web (3 hosts, see above)\n"
        "    - db1\n"
    )
    assert jetpack("show-inventory", "-i", "inv", "--show-groups", "paris").stdout.startswith("paris (4 hosts)\n")


def test_a_host_shows_where_its_variables_come_from(jetpack: Run, tmp_path: Path) -> None:
    write(tmp_path / "inv", SITE)
    done = jetpack("show-inventory", "-i", "inv", "--show-hosts", "web1")
    assert done.stdout == (
        "web1\n"
        "  groups: all, lyon, paris, web\n"
        "  name: größe\n"
        "    host web1, inv/host_vars/web1:2:1: set\n"
        "  ports: [80, 443]\n"
        "    group web, inv/group_vars/web:1:1: set\n"
        "    host web1, inv/host_vars/web1:1:1: appended\n"
    )


def test_json_can_be_an_inventory_again(jetpack: Run, tmp_path: Path) -> None:
    write(tmp_path / "inv", SITE)
    first = jetpack("show-inventory", "-i", "inv", "--json")
    (tmp_path / "again.json").write_text(first.stdout, encoding="utf-8")
    assert jetpack("show-inventory", "-i", "again.json", "--json").stdout == first.stdout
    assert json.loads(first.stdout)["_meta"]["hostvars"]["web1"] == {"ports": [443], "name": "größe"}
    some = json.loads(jetpack("show-inventory", "-i", "inv", "--json", "--show-hosts", "db1").stdout)
    assert some == {"all": {"children": ["paris"]}, "paris": {"hosts": ["db1"]}}


def test_unknown_names_and_broken_inventories_end_with_1(jetpack: Run, tmp_path: Path) -> None:
    write(tmp_path / "inv", SITE)
    done = jetpack("show-inventory", "-i", "inv", "--show-groups", "pariss")
    assert done.returncode == 1
    assert "no group 'pariss'" in done.stderr
    assert "did you mean 'paris'?" in done.stderr
    done = jetpack("show-inventory", "-i", "nowhere")
    assert done.returncode == 1
    assert "nowhere:1:1: there is no such inventory" in done.stderr
