# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite for accounts, their keys and the time zone, on hosts with and without Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.modules.access.authorized_key import AuthorizedKey
from jetpack_core.modules.access.group import Group
from jetpack_core.modules.access.user import User
from jetpack_core.modules.system.timezone import Timezone
from jetpack_core.records import AccountEffect, FileStat, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME, Sandbox
from tests.integration.modules.conftest import machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

DATABASES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")
HASH = "$6$jetpack$" + "a" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKFNxnk4PlPBIQ4Q5xWJN4aOONwsgIcqgDWXGF4+vkSU alice@example.org"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBjzgsJ0W2Nr8eG3Ar4GQB2nP8gH3rdUAnkJRFEpMCUb bob@example.org"
KEYS = "/home/alice/.ssh/authorized_keys"
RESET = (
    "set +e; exec 2>/dev/null; userdel -rf alice; groupdel alice; groupdel web; rm -rf /home/alice;"
    "ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime; echo Etc/UTC >/etc/timezone; true"
)


machine = machines("debian", "nopython", prepare=lambda _: None)


def lasting(now: FileStat) -> FileStat:
    """Return what of a state is stored: not the times and sizes of directories, and not the name of a number."""
    bare = replace(now, owner="", group="")
    return replace(bare, size=0, mtime=0) if now.is_directory else bare


class Accounts(Sandbox):
    """The databases of accounts, the homes, and the files of the time zone."""

    databases = True

    def snapshot(self) -> dict[str, FileStat]:
        paths = ["/etc/localtime", "/etc/timezone", *(DATABASES if self.databases else ())]
        files = self.host.ask(self.host.gather([self.host.stat(path, checksum=True) for path in paths]))
        homes = self.host.ask(self.host.walk("/home", checksum=True))
        return {now.path: lasting(now) for now in (*files, *homes)}

    def has(self, database: str, name: str) -> bool:
        """Tell whether there is an account."""
        asked = "passwd" if database == "user" else database
        return self.host.ask(self.host.query(["getent", asked, name])).ok


class OfAccounts:
    """What all of these suites share."""

    directories: ClassVar[Sequence[str]] = (PLAIN_NAME,)

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        return connected

    @pytest.fixture
    def box(self, host: TestHost, directory: str) -> Iterator[Accounts]:
        box = Accounts(host, directory)
        shell(RESET)(box)
        yield box
        shell(RESET)(box)
        box.close()

    def test_the_host_becomes_what_the_plan_foretold(self, case: Case, box: Sandbox, folder: Path) -> None:
        """The accounts are there or gone as the plan says; the databases that hold them are no effects of their own."""
        assert isinstance(self, ModuleConformance)
        assert isinstance(box, Accounts)
        foretold = [
            effect
            for effect in box.host.plan(self.made(case, box, folder), planning=True).effects
            if isinstance(effect, AccountEffect) and effect.present is not None
        ]
        box.databases = False
        prepared = Case(case.name, case.parameters)
        ModuleConformance.test_the_host_becomes_what_the_plan_foretold(self, prepared, box, folder)
        assert [effect for effect in foretold if box.has(effect.kind, effect.name) is not effect.present] == []


def user(**parameters: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda _: {"user": "alice", **parameters}


def with_shell(path: str, **parameters: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda _: {"user": "alice", "shell": path, **parameters}


MADE = shell("useradd -m alice")


class TestUser(OfAccounts, ModuleConformance):
    module = User
    cases = (
        Case("none yet", with_shell("/bin/bash", groups=["sudo"]), expected=PlanKind.CREATE, disturb=MADE),
        Case("with a password and a key", user(password=HASH, generate_ssh_key="true"), expected=PlanKind.CREATE),
        Case("for the system", user(system="true", create_home="false"), expected=PlanKind.CREATE),
        Case("other fields", with_shell("/bin/bash", gecos="A $(id)", groups=["adm"], expires="2031-02-03"), MADE),
        Case("another password", user(password=HASH), MADE),
        Case(
            "a key",
            user(generate_ssh_key="true"),
            shell("useradd -m alice; mkdir -m 700 ~alice/.ssh; chown alice ~alice/.ssh"),
        ),
        Case("as it is", user(groups=["adm"]), shell("useradd -m -G adm alice"), PlanKind.NONE),
        Case("removed", user(remove="true"), MADE, PlanKind.REMOVE, disturb=shell("userdel alice")),
        Case("removed with its home", user(remove="true", cleanup="true"), MADE, PlanKind.REMOVE),
        Case("not there", user(remove="true"), expected=PlanKind.NONE),
    )


def group(**parameters: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda _: {"group": "web", **parameters}


class TestGroup(OfAccounts, ModuleConformance):
    module = Group
    cases = (
        Case("none yet", group(), expected=PlanKind.CREATE, disturb=shell("groupadd web")),
        Case("with members", group(users=["ops"], system="true"), expected=PlanKind.CREATE),
        Case("another gid", group(gid="4242"), shell("groupadd web")),
        Case("other members", group(users=["ops"]), shell("groupadd web; gpasswd -M deploy web")),
        Case("one more", group(users=["ops"], append="true"), shell("groupadd web; gpasswd -M deploy web")),
        Case("no members", group(users=[]), shell("groupadd web; gpasswd -M deploy web")),
        Case("as it is", group(gid="4242"), shell("groupadd -g 4242 web"), PlanKind.NONE),
        Case("removed", group(remove="true"), shell("groupadd web"), PlanKind.REMOVE, shell("groupdel web")),
        Case("not there", group(remove="true"), expected=PlanKind.NONE),
    )


def key(**parameters: object) -> Callable[[Sandbox], Mapping[str, object]]:
    return lambda _: {"user": "alice", "key": KEY, **parameters}


def keys(*lines: str) -> Callable[[Sandbox], object]:
    text = "\n".join(lines)
    own = "chmod 700 /home/alice/.ssh; chmod 600 $f; chown -R alice: /home/alice/.ssh"
    return shell(f"useradd -m alice || :; mkdir -p /home/alice/.ssh; f={KEYS}; cat >$f <<'E'\n{text}\nE\n{own}")


class TestAuthorizedKey(OfAccounts, ModuleConformance):
    module = AuthorizedKey
    cases = (
        Case("no file yet", key(), MADE, PlanKind.CREATE, disturb=keys(OTHER)),
        Case("beside others", key(), keys("# mine", OTHER), disturb=keys(OTHER, "# more")),
        Case("alone", key(exclusive="true"), keys(OTHER, "# mine")),
        Case("with options", key(options=["restrict", 'command="echo \\"a, b\\""']), keys(KEY, OTHER)),
        Case("as it is", key(options="no-pty"), keys(f"no-pty {KEY} more"), PlanKind.NONE),
        Case("removed", key(remove="true"), keys(OTHER, KEY), disturb=keys(KEY)),
        Case("not there", key(remove="true"), keys(OTHER), PlanKind.NONE),
        Case("readable by all", key(), lambda box: (keys(KEY)(box), shell(f"chmod 644 {KEYS}")(box))),
    )


class TestTimezone(OfAccounts, ModuleConformance):
    module = Timezone
    cases = (
        Case(
            "another",
            lambda _: {"zone": "Asia/Tokyo"},
            disturb=shell("ln -sfn /usr/share/zoneinfo/Europe/Berlin /etc/localtime"),
        ),
        Case("no link", lambda _: {"zone": "Asia/Tokyo"}, shell("rm /etc/localtime"), PlanKind.CREATE),
        Case(
            "only the name",
            lambda _: {"zone": "Asia/Tokyo"},
            shell("ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime"),
            disturb=shell("echo mine >/etc/timezone"),
        ),
        Case("as it is", lambda _: {"zone": "Etc/UTC"}, expected=PlanKind.NONE),
    )
