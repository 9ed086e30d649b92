# SPDX-License-Identifier: GPL-3.0-or-later
"""From nothing to secrets on two hosts, and on to a second recipient, after which the first is refused."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import MakeProject, Project, Ran
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

PASSWORD = "Gr1sgram ist kein Ort"
TOKEN = "tok-9f8e7d6c5b4a3928"
CERTIFICATE = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n"
VARS = "# the shop\nshop:\n  user: shop        # not secret\n"
PLAYBOOK = """
- name: shop
  groups: [web]
  tasks:
    - !template {src: shop.conf.j2, dest: /tmp/shop.conf}
    - !copy {src: tls.key.age, dest: /tmp/tls.key}
"""
TEMPLATE = "user={{ shop.user }}\npassword={{ shop.password }}\ntoken={{ shop.token }}\n"


def secrets(project: Project, *words: str, stdin: str = "") -> Ran:
    done = subprocess.run(
        project.argv("secrets", *words),
        cwd=project.folder,
        env=project.environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert PASSWORD not in done.stderr
    assert TOKEN not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def write_rules(project: Project, **recipients: str) -> None:
    named = "".join(f"  {name}: {recipient}\n" for name, recipient in recipients.items())
    rules = f"recipients:\n{named}rules:\n  - paths: '**'\n    recipients: [{', '.join(recipients)}]\n"
    (project.folder / ".jetpack-secrets.yml").write_text(rules)


def shown_nowhere(ran: Ran) -> bool:
    return not any(secret in ran.out + ran.err for secret in (PASSWORD, TOKEN, "MIIEvQIBADANBgkqhkiG"))


def prepare(made: Project) -> None:
    """Write what there is before the first secret is encrypted."""
    shutil.rmtree(made.folder / "roles")
    (made.folder / "site.yml").write_text(PLAYBOOK)
    (made.folder / "templates/shop.conf.j2").write_text(TEMPLATE)
    (made.folder / "files").mkdir(exist_ok=True)
    (made.folder / "files/tls.key").write_text(CERTIFICATE)
    (made.folder / "inventory/group_vars/web").write_text(VARS)


def test_from_nothing_to_a_second_recipient(
    new_host: Callable[[str], SshHost], project: MakeProject, tmp_path: Path
) -> None:
    hosts = [new_host("debian"), new_host("debian")]
    shop = project(hosts)
    prepare(shop)

    made = secrets(shop, "keygen")
    first = made.out.strip()
    assert made.code == 0
    assert first.startswith("age1")
    write_rules(shop, ada=first)
    for key, value in (("shop.password", PASSWORD), ("shop.token", TOKEN)):
        done = secrets(shop, "set", "inventory/group_vars/web", key, stdin=f"{value}\n")
        assert done.code == 0, done.err
    done = secrets(shop, "encrypt", "files/tls.key")
    assert done.code == 0, done.err
    text = (shop.folder / "inventory/group_vars/web").read_text()
    assert text.startswith(VARS)
    assert PASSWORD not in text
    assert not (shop.folder / "files/tls.key").exists()

    planned = shop.run("plan", "--diff")
    assert planned.code == 0, planned.out + planned.err
    assert shown_nowhere(planned)
    assert "(hidden: a secret is in it)" in planned.out
    applied = shop.run("apply", "-vv", "--diff")
    assert applied.code == 0, applied.out + applied.err
    assert shown_nowhere(applied)
    for host in hosts:
        expected = f"user=shop\npassword={PASSWORD}\ntoken={TOKEN}\n"
        assert host.read("/tmp/shop.conf").decode() == expected
        assert host.read("/tmp/tls.key").decode() == CERTIFICATE
        assert host.shell("stat -c %a /tmp/shop.conf /tmp/tls.key").split() == ["600", "600"]

    new_key = tmp_path / "second.txt"
    second = secrets(shop, "keygen", "--output", str(new_key)).out.strip()
    write_rules(shop, bob=second)
    assert secrets(shop, "rekey", "--check").code == 1
    done = secrets(shop, "rekey")
    assert done.code == 0, done.err
    assert done.out.splitlines() == ["rekeyed files/tls.key.age", "rekeyed inventory/group_vars/web"]

    refused = shop.run("apply")
    assert refused.code == 2
    assert "inventory/group_vars/web:4: no key at hand can decrypt it" in refused.out
    assert secrets(shop, "view", "inventory/group_vars/web").code == 1
    again = shop.run("apply", "--identity", str(new_key), "--json")
    assert again.code == 0, again.out + again.err
    assert again.statuses() == {"matched"}
