# SPDX-License-Identifier: GPL-3.0-or-later
"""`locale` on a real Debian: what `locale` and `date` then say, with and without Python on the host."""

from __future__ import annotations

import pytest

from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.system.locale import Locale
from jetpack_core.records import PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import PLAIN_NAME
from tests.integration.fleet import SshHost
from tests.integration.modules.conftest import Reach, converged, machines, shell

pytestmark = [pytest.mark.docker, pytest.mark.ssh]


# The one image with Debian's package `locales`.
machine = machines("systemd", "systemd without Python", prepare=lambda _: None)


@pytest.fixture
def host(connected: TestHost) -> TestHost:
    return connected


class TestConformance(ModuleConformance):
    """The public conformance suite, on the files of a real host; what is made of them, the tests below see."""

    module = Locale
    directories = (PLAIN_NAME,)
    cases = (
        Case(
            "other language",
            lambda _: {"lang": "C.UTF-8"},
            shell("echo LANG=POSIX >/etc/default/locale"),
            disturb=shell("echo LC_ALL=C >>/etc/default/locale"),
        ),
        Case(
            "one variable more",
            lambda _: {"variables": {"LC_TIME": "POSIX"}},
            shell("printf '# mine\\nLANG=C.UTF-8\\n' >/etc/default/locale"),
        ),
        Case(
            "as it is",
            lambda _: {"lang": "C.UTF-8", "locales": ["C.UTF-8"]},
            shell("echo LANG=C.UTF-8 >/etc/default/locale"),
            PlanKind.NONE,
        ),
    )

    @pytest.fixture
    def host(self, connected: TestHost) -> TestHost:
        return connected


def test_a_locale_is_made_and_logins_begin_with_it(host: TestHost, machine: SshHost) -> None:
    before = machine.shell("cat /etc/locale.gen; locale -a; ls -l /etc/default/locale 2>&1")
    host.plan(Locale(locales=["de_DE.UTF-8"], lang="de_DE.UTF-8"), planning=True)
    assert machine.shell("cat /etc/locale.gen; locale -a; ls -l /etc/default/locale 2>&1") == before
    assert "de_DE.utf8" not in before
    plan = converged(host, Locale(locales=["de_DE.UTF-8"], lang="de_DE.UTF-8", variables={"LC_TIME": "C.UTF-8"}))
    assert plan.kind is PlanKind.CREATE
    assert machine.shell("LC_ALL=de_DE.UTF-8 locale yesexpr").strip() == "^[+1jJyY]"
    assert machine.shell(". /etc/default/locale; echo $LANG $LC_TIME") == "de_DE.UTF-8 C.UTF-8\n"
    assert machine.shell("grep -v '^#' /etc/locale.gen | grep .") == "de_DE.UTF-8 UTF-8\n"
    # What Debian makes anew, it makes of the list: the first is still there after the second.
    converged(host, Locale(locales=["fr_FR.UTF-8"], lang="fr_FR.UTF-8"))
    assert {"de_DE.utf8", "fr_FR.utf8"} <= set(machine.shell("locale -a").split())


def test_what_the_host_does_not_know_changes_nothing(host: TestHost, machine: SshHost) -> None:
    before = machine.read("/etc/locale.gen")
    with pytest.raises(TaskError, match="knows no locale xx_YY"):
        host.converge(Locale(locales=["xx_YY.UTF-8"]))
    machine.shell("mv /usr/share/i18n/locales/sv_SE /tmp/")
    try:
        with pytest.raises(TaskError, match=r"sv_SE.UTF-8 cannot be made, and /etc/locale.gen is as it was: .*sv_SE"):
            host.converge(Locale(locales=["sv_SE.UTF-8"], lang="sv_SE.UTF-8"))
    finally:
        machine.shell("mv /tmp/sv_SE /usr/share/i18n/locales/")
    assert machine.read("/etc/locale.gen") == before


def test_a_later_task_about_locales_that_will_be_there_is_not_guessed(host: TestHost) -> None:
    with pytest.raises(UnknownValueError):
        host.plan_all([Locale(locales=["it_IT.UTF-8"]), Locale(lang="it_IT.UTF-8")])


def test_a_host_that_defines_locales_one_by_one(host: TestHost, machine: SshHost) -> None:
    machine.shell("mv /usr/sbin/locale-gen /tmp/; mv /etc/debian_version /tmp/")
    try:
        converged(host, Locale(locales=["nb_NO.UTF-8"], lang="nb_NO.UTF-8"))
        assert machine.read("/etc/locale.conf") == b"LANG=nb_NO.UTF-8\n"
        assert "nb_NO.utf8" in machine.shell("locale -a").split()
    finally:
        machine.shell("mv /tmp/locale-gen /usr/sbin/; mv /tmp/debian_version /etc/")


def test_without_the_rights_nothing_changes(machine: SshHost, reach: Reach) -> None:
    with reach(machine, "deploy") as other, pytest.raises(TaskError) as caught:
        other.converge(Locale(locales=["es_ES.UTF-8"]))
    assert "sudo: root" in caught.value.hint
