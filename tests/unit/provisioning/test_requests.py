# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that are wrong: everything is told at once, with its place, before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.provisioning.conftest import Site


def test_values_are_rendered_from_the_variables_of_the_host(site: Site) -> None:
    site.write("inventory/host_vars/a", "size: 4\nprovision:\n  memory: '{{ size * 128 }}'\n")
    site.write("inventory/host_vars/b", "provision:\n  image: '{{ inventory_hostname }}-image'\n")
    assert site("provision").returncode == 0
    assert site.guest("a")["memory"] == 512  # type: ignore[index]
    assert site.guest("b")["image"] == "b-image"  # type: ignore[index]


def test_everything_wrong_is_told_at_once_and_nothing_is_made(site: Site) -> None:
    site.write("inventory/host_vars/a", "provision:\n  memroy: 5\n  wait_timeout: soon\n")
    site.write("inventory/host_vars/b", "provision:\n  memory: lots\n  image: '{{ nothing }}'\n")
    site.write("inventory/host_vars/c", "provision:\n  type: shelve\n")
    failed = site("apply", "-p", "site.yml")
    assert failed.returncode == 1
    assert site.log == []
    told = failed.stderr
    assert "inventory/host_vars/a:2:3: `provision.memroy` is not known here" in told
    assert "did you mean `memory`?" in told
    assert "inventory/host_vars/a:3:3: `provision.wait_timeout` must be a number, not 'soon'" in told
    assert "inventory/host_vars/b:3:3: `provision.image`" in told
    assert "nothing" in told
    assert "inventory/host_vars/c:2:3: there is no provisioner 'shelve'" in told
    assert "did you mean 'shelf'?" in told


def test_a_map_is_wanted_and_a_type_in_it(site: Site) -> None:
    site.write("inventory/group_vars/web", "provision: docker\n")
    failed = site("provision")
    assert "inventory/group_vars/web:1:1: `provision` must be a mapping, not 'docker'" in failed.stderr
    site.write("inventory/group_vars/web", "provision: {memory: 5}\n")
    assert "`provision` needs `type`" in site("provision").stderr


def test_a_common_key_that_is_misspelt_is_suggested(site: Site) -> None:
    failed = site("provision", "-e", "provision.wait_timout=3")
    assert "did you mean `wait_timeout`?" in failed.stderr


def test_hosts_whose_apis_wait_for_each_other_are_named(site: Site) -> None:
    site.write("inventory/host_vars/a", "provision: {cluster: b}\n")
    site.write("inventory/host_vars/b", "provision: {cluster: c}\n")
    site.write("inventory/host_vars/c", "provision: {cluster: a}\n")
    failed = site("provision")
    assert failed.returncode == 1
    assert "inventory/host_vars/b:1:13: `provision.cluster`: b is made by c is made by a is made by b" in failed.stderr
    site.write("inventory/host_vars/a", "provision: {cluster: a}\n")
    assert "a is made by a, so none" in site("provision", "a").stderr


def test_hosts_that_are_no_guests_are_named(site: Site) -> None:
    site.write("inventory/groups/others", "hosts: [d]\n")
    failed = site("provision", "d")
    assert failed.returncode == 1
    assert "d: not provisioned" in failed.stderr
    assert "no host 'x'" in site("destroy", "x").stderr
