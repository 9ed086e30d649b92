# SPDX-License-Identifier: GPL-3.0-or-later
"""Login shells that are no POSIX shells and print banners, and hosts whose locale is not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.connections.ssh import SshConnection
from jetpack_core.contracts.operations import Become, List, Read, Run, Stat, TempDirectory, Write
from jetpack_core.records import FileKind
from tests.integration.connections.conftest import Connect
from tests.integration.fleet.hosts import OPS_PASSWORD, SshHost
from tests.integration.fleet.session import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

ROOT = Become("root", "sudo -u {{ jet_sudo_user }} {{ jet_command }}")
BANNERS = {
    "fish": ("/home/{}/.config/fish/config.fish", b"echo 'Welcome to $PATH'; echo oops >&2\n"),
    "csh": ("/home/{}/.cshrc", b"echo 'Welcome to fish'; sh -c 'echo oops >&2'\n"),
    "zsh": ("/home/{}/.zshenv", b"echo 'Welcome to *'; echo oops >&2\n"),
}
# Locales are those of the accounts: sshd sets what PAM finds there (pam_env(8)).
LOCALES = ["de_DE.ISO-8859-1", "ja_JP.EUC-JP", "C", "xx_XX.no-such"]
NAME = "grün 日本 \udcff\udce9 a'b"
TEXT = "日本 grün\n".encode() + bytes(range(256))


@pytest.fixture(scope="module", params=["python", "shell"])
def machine(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[SshHost]:
    host = fleet.start("shells")
    if request.param == "shell":
        host.shell("for one in /usr/bin/python3*; do mv $one /usr/share/${one##*/}.away; done")
    yield host
    fleet.remove(host)


@pytest.mark.parametrize("shell", ["fish", "csh", "zsh"])
@pytest.mark.parametrize("user", ["ops", "deploy"])
def test_a_login_shell_of_another_kind_that_prints_a_banner(
    shell: str, user: str, machine: SshHost, connect: Connect
) -> None:
    path, banner = BANNERS[shell]
    machine.write(path.format(user), banner)
    machine.shell(f"usermod --shell $(command -v {shell}) {user}; chown -R {user}: /home/{user}")
    driver = connect(machine, user, ROOT if user == "deploy" else Become("root", "", OPS_PASSWORD))
    for become, name in ((driver.become, "root"), (None, user)):
        driver.become = become
        assert driver.sh("id -un").stdout == f"{name}\n"
        assert driver.do(Run(("printf", "%s", "$HOME !x `id` \\ \n~"))).stdout == "$HOME !x `id` \\ \n~"
        folder = driver.do(TempDirectory())
        driver.do(Write(f"{folder}/f", TEXT))
        assert driver.do(Read(f"{folder}/f")) == TEXT


@pytest.mark.parametrize("locale", LOCALES)
def test_names_contents_and_output_go_through_exactly(locale: str, machine: SshHost, connect: Connect) -> None:
    machine.write("/etc/default/locale", f"LANG={locale}\nLC_ALL={locale}\n".encode())
    driver = connect(machine, "deploy")
    connection = driver.connection
    assert isinstance(connection, SshConnection)
    around = driver.sh("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'").stdout
    assert f"LC_ALL={locale}" in around.splitlines()
    for become in (None, ROOT):
        driver.become = become
        folder = driver.do(TempDirectory())
        path = f"{folder}/{NAME}"
        driver.do(Write(path, TEXT))
        assert driver.do(Stat(path)).kind is FileKind.FILE
        assert [one.path for one in driver.do(List(folder))] == [path]
        assert driver.do(Read(path)) == TEXT
        # Neither names as arguments nor bytes as output are of any encoding that the host knows.
        ran = driver.sh('cat "$1"; printf "%s" "$2" >&2; exit 3', path, NAME)
        assert ran.stdout.encode("utf-8", "surrogateescape") == TEXT
        assert (ran.stderr, ran.rc) == (NAME, 3)
        assert driver.sh('printf "%s" "$LC_ALL"').stdout == "C.UTF-8"


def test_a_command_may_choose_a_locale(machine: SshHost, connect: Connect) -> None:
    driver = connect(machine, "deploy")
    done = driver.do(Run(("locale", "charmap"), env={"LC_ALL": "ja_JP.EUC-JP"}))
    assert done.stdout == "EUC-JP\n"
