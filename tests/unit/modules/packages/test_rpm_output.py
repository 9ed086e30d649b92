# SPDX-License-Identifier: GPL-3.0-or-later
"""What dnf 5, yum 3, microdnf and zypper say, where Debian has no such program or it says so only at rare times.

The tables have the form in which dnf 5 (of Fedora 41) prints them to a pipe; no real dnf 5 has run these tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jetpack_core.contracts.operations import Operation, Run, Stat
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.records import CommandResult, FileStat, Outcome, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection

_FETCHED = "Updating and loading repositories:\nRepositories loaded.\n"
_HEAD = "Package                 Arch   Version        Repository      Size\n"
_UPGRADE = f"""{_FETCHED}{_HEAD}Upgrading:
 editor-common          noarch 2:9.1.2-1.fc41 updates      0.0   B
   replacing editor-common noarch 2:9.1.1-2.fc41 fedora    0.0   B
 libserve               x86_64 1.22.0-8.fc41  updates      1.4 MiB
   replacing libserve   x86_64 1.21.1-1.fc41  <unknown>    1.4 MiB
Installing:
 newname                x86_64 3.0-1.fc41     updates     22.9 KiB
   replacing oldname    x86_64 2.9-4.fc41     <unknown>   21.0 KiB
Installing dependencies:
 libdep                 x86_64 0:5.4-1.fc41   updates      1.0 MiB
Installing weak dependencies:
 doc                    noarch 5.4-1.fc41     updates      1.0 MiB
Removing unused dependencies:
 orphan                 x86_64 1.0-1.fc40     <unknown>    5.0 KiB

Transaction Summary:
 Installing:         3 packages
 Upgrading:          2 packages
 Replacing:          3 packages
 Removing:           1 package

Operation aborted by the user.
"""


def test_dnf_5_names_the_new_version_and_not_the_one_it_replaces() -> None:
    found = Dnf(upgrade="all").targets(CommandResult((), 1, _UPGRADE))
    assert found == {
        "editor-common": "2:9.1.2-1.fc41",
        "libserve": "1.22.0-8.fc41",
        "newname": "3.0-1.fc41",
        "oldname": None,
        "libdep": "5.4-1.fc41",
        "doc": "5.4-1.fc41",
        "orphan": None,
    }


def test_an_old_kernel_goes_as_a_new_one_comes() -> None:
    table = """Dependencies resolved.
================
 Package  Architecture  Version    Repository  Size
================
Installing:
 kernel   x86_64        6.1.9-1    updates     5.5 k
     replacing  kernel-old.noarch 1.0-1
Removing:
 kernel   x86_64        6.1.7-1    @updates      0

"""
    assert Dnf(upgrade="all").targets(CommandResult((), 1, table)) == {"kernel": "6.1.9-1", "kernel-old": None}


class Script:
    """A host with rpm's database, whose commands are answered by what occurs in them."""

    def __init__(self) -> None:
        self.connection = ScriptedConnection()
        self.host = TestHost(self.connection)
        self.connection.on(Stat, lambda one: FileStat(one.path))

    def says(self, words: str, *answers: CommandResult) -> None:
        self.connection.on(lambda one: isinstance(one, Run) and words in _words(one), *answers)


def _words(operation: Operation[object]) -> str:
    return " ".join(operation.argv) if isinstance(operation, Run) else ""


def said(stdout: str = "", rc: int = 0, stderr: str = "") -> CommandResult:
    return CommandResult((), rc, stdout, stderr)


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    with made.host:
        yield made


def test_an_upgrade_by_dnf_5_is_planned_and_made(script: Script) -> None:
    before = "libserve\t0:1.21.1-1.fc41\tx86_64\noldname\t0:2.9-4.fc41\tx86_64\norphan\t0:1.0-1.fc40\tx86_64\n"
    after = "libserve\t0:1.22.0-8.fc41\tx86_64\nnewname\t0:3.0-1.fc41\tx86_64\n"
    script.says("needs-restarting", said())
    script.says("versionlock", said("#dnf5\n#missing\n"))
    script.says("rpm -qa", said(before))
    script.says("--assumeno", said(_UPGRADE, rc=1))
    script.says("--assumeyes", said("Complete!\n"))
    script.says("rpm -q --qf", said(after))
    module = Dnf(upgrade="all")
    plan = script.host.plan(module)
    found = {change.field: (change.before, change.after) for change in plan.changes}
    assert plan.kind is PlanKind.MODIFY
    assert found["libserve"] == ("1.21.1-1.fc41", "1.22.0-8.fc41")
    assert found["oldname"] == ("2.9-4.fc41", None)
    became = script.host.apply(module, plan).result["changed"]
    assert isinstance(became, dict)
    assert became["libserve"] == {"before": "1.21.1-1.fc41", "after": "1.22.0-8.fc41"}
    assert became["oldname"] == {"before": "2.9-4.fc41", "after": None}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("No core libraries or services have been updated since boot-up.\nReboot should not be necessary.\n", [False]),
        (
            "Core libraries or services have been updated:\n  * kernel\nReboot is required to fully utilize them.\n",
            [True],
        ),
        ("", []),
    ],
)
def test_dnf_tells_of_a_restart_where_its_plugin_does(script: Script, told: str, found: list[bool]) -> None:
    script.says("versionlock", said("#dnf\n"))
    script.says("rpm -qa", said("libserve\t0:1.21.1-1.fc41\n"))
    script.says("--assumeno", said("Nothing to do.\n"))
    script.says("needs-restarting", said(told, rc=1))
    result = script.host.plan(Dnf(upgrade="all")).outcome.result
    assert [needed for name, needed in result.items() if name == "reboot_required"] == found


@pytest.mark.parametrize(
    ("words", "holder"),
    [
        ("Another transaction is in progress.", "another process"),
        ("Another transaction is in progress.\nProcess PID: 4711, dnf install nginx", "process 4711"),
    ],
)
def test_dnf_5_is_tried_again_while_another_transaction_goes_on(script: Script, words: str, holder: str) -> None:
    script.says("needs-restarting", said())
    script.says("versionlock", said("#dnf5\n"))
    script.says("rpm -qa", said("libserve\t0:1.21.1-1.fc41\n"))
    script.says("--assumeno", said(_UPGRADE, rc=1))
    script.says("rpm -q --qf", said())
    locked = said(rc=1, stderr=f"Transaction failed: Failed to obtain rpm transaction lock. {words}\n")
    script.says("--assumeyes", locked)
    module = Dnf(upgrade="all", lock_timeout=0.0)
    plan = script.host.plan(module)
    with pytest.raises(TaskError, match=f"the lock of rpm is held by {holder}, still after .*nothing was changed"):
        script.host.apply(module, plan)


@pytest.mark.parametrize(
    ("program", "words", "hint"),
    [
        ("yum", "the host has only yum 3", "!command with yum"),
        ("microdnf", "the host has only microdnf", "microdnf install -y dnf"),
        ("none", "there is no dnf on the host", "`package`"),
    ],
)
@pytest.mark.parametrize("parameters", [{"package": ["nginx"]}, {"upgrade": "all"}, {"refresh": True}])
def test_a_program_that_is_not_known_is_refused_with_what_to_do(
    script: Script, program: str, words: str, hint: str, parameters: dict[str, object]
) -> None:
    script.says("", said("1700000000", rc=127))
    script.says("versionlock", said(f"#{program}\n#missing\n"))
    with pytest.raises(TaskError, match=words) as caught:
        script.host.plan(Dnf.model_validate(parameters))
    assert hint in caught.value.hint


_XML = (
    '<stream><install-summary packages-to-change="1"><to-upgrade><solvable type="package" name="libzypp"'
    ' edition="17.2-1" arch="x86_64" edition-old="17.1-1"/></to-upgrade></install-summary></stream>'
)


def zypper_ends(script: Script, rc: int, stderr: str = "") -> Outcome:
    script.says("zypp/locks", said())
    script.says("rpm -qa", said("libzypp\t0:17.1-1\n"))
    script.says("zypper --non-interactive", said(rc=rc, stderr=stderr))
    script.says("--dry-run", said(_XML))
    script.says("rpm -q --qf", said("libzypp\t0:17.2-1\tx86_64\n"))
    module = Zypper(upgrade="security")
    return script.host.apply(module, script.host.plan(module))


@pytest.mark.parametrize(
    ("rc", "remark", "restart"),
    [(0, "", False), (102, "", True), (103, "run the task again", False), (106, "left a repository out: gone", False)],
)
def test_zypper_tells_more_than_success_by_its_exit_code(script: Script, rc: int, remark: str, restart: bool) -> None:
    outcome = zypper_ends(script, rc, stderr="gone\n")
    assert not outcome.failed
    assert outcome.changed is None
    assert outcome.result["reboot_required"] is restart
    assert outcome.result["changed"] == {"libzypp": {"before": "17.1-1", "after": "17.2-1"}}
    assert [remark in text for text in script.host.warnings] == [True] * bool(remark)


@pytest.mark.parametrize("rc", [1, 4, 8, 104, 105, 107])
def test_what_zypper_calls_a_failure_is_one(script: Script, rc: int) -> None:
    outcome = zypper_ends(script, rc, stderr="the script of libzypp failed\n")
    assert (outcome.failed, outcome.changed) == (True, True)
    assert "the script of libzypp failed; changed by then: libzypp 17.1-1 -> 17.2-1" in outcome.msg
