# SPDX-License-Identifier: GPL-3.0-or-later
"""`homebrew` and `apk` against scripted replies: neither program can be had from Debian.

The replies have the form that Homebrew's documentation gives for `brew info --json=v2`, and that apk-tools 2.14 prints
on Alpine Linux; no real brew or apk has run these tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.apk import Apk
from jetpack_core.modules.packages.homebrew import Homebrew
from jetpack_core.records import CommandResult, Plan, PlanKind
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.scripted import ScriptedConnection


class Script:
    """A host whose commands are answered from a list of (words that occur, exit code, output)."""

    def __init__(self) -> None:
        self.connection = ScriptedConnection()
        self.host = TestHost(self.connection)

    def says(self, words: str, *outputs: str, rc: int = 0, stderr: str = "") -> None:
        answers = [CommandResult((), rc, output, stderr) for output in outputs or ("",)]
        self.connection.on(lambda operation: isinstance(operation, Run) and words in _words(operation), *answers)

    @property
    def changing(self) -> list[str]:
        asked = [one for one in self.connection.operations if isinstance(one, Run) and not one.read_only]
        return [_words(one) for one in asked]


def _words(operation: Operation[object]) -> str:
    assert isinstance(operation, Run)
    argv = operation.argv[4:] if operation.argv[:2] == ("/bin/sh", "-c") else operation.argv
    # A changing command of apk stands behind what asks for the holder of the lock.
    return " ".join(argv[argv.index("apk") :] if "apk" in argv else argv)


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    with made.host:
        yield made


def changes(plan: Plan) -> dict[str, tuple[object, object]]:
    return {change.field: (change.before, change.after) for change in plan.changes}


def formula(name: str, stable: str, *installed: str, outdated: bool = False, pinned: bool = False) -> dict[str, object]:
    return {
        "name": name,
        "full_name": name,
        "tap": "homebrew/core",
        "oldnames": [],
        "aliases": [],
        "versions": {"stable": stable, "head": "HEAD", "bottle": True},
        "revision": 0,
        "installed": [{"version": version, "installed_on_request": True} for version in installed],
        "outdated": outdated,
        "pinned": pinned,
    }


def info(*formulae: dict[str, object]) -> str:
    return json.dumps({"formulae": formulae, "casks": []})


def brew(**parameters: object) -> Homebrew:
    return Homebrew.model_validate(parameters)


def test_brew_installs_what_is_missing(script: Script) -> None:
    wget, jq = formula("wget", "1.25.0"), formula("jq", "1.7.1", "1.7.1")
    script.says("info --json=v2 --formula wget jq", info(wget, jq))
    script.says("info --json=v2 --formula wget", info(formula("wget", "1.25.0", "1.25.0")))
    script.says("true")
    script.says("install --formula wget")
    module = brew(package=["wget", "jq"])
    script.connection.on(
        lambda one: isinstance(one, Run) and _words(one) == "info --json=v2 --formula wget jq",
        CommandResult((), 0, info(wget, jq)),
    )
    plan = script.host.plan(module)
    assert (plan.kind, changes(plan)) == (PlanKind.CREATE, {"wget": (None, "1.25.0")})
    outcome = script.host.apply(module, plan)
    assert script.changing == ["install --formula wget"]
    assert outcome.result["changed"] == {"wget": {"before": None, "after": "1.25.0"}}


@pytest.mark.parametrize(
    ("parameters", "told", "expected"),
    [
        ({}, formula("jq", "1.8", "1.7", outdated=True), {}),
        ({"update": True}, formula("jq", "1.8", "1.7", outdated=True), {"jq": ("1.7", "1.8")}),
        ({"update": True}, formula("jq", "1.8", "1.7", outdated=True, pinned=True), {}),
        ({"update": True}, formula("jq", "1.8", "1.7", "1.8"), {}),
        ({"version": "1.8"}, formula("jq", "1.8", "1.8_1"), {}),
        ({"remove": True}, formula("jq", "1.8", "1.8"), {"jq": ("1.8", None)}),
        ({"remove": True}, formula("jq", "1.8"), {}),
    ],
)
def test_brew_changes_only_what_it_must(
    script: Script, parameters: dict[str, object], told: dict[str, object], expected: dict[str, object]
) -> None:
    script.says("true")
    script.says("info", info(told))
    plan = script.host.plan(brew(package="jq", **parameters))
    assert changes(plan) == expected
    assert script.changing == []


def test_brew_has_one_version(script: Script) -> None:
    script.says("true")
    script.says("info", info(formula("jq", "1.8")))
    with pytest.raises(TaskError, match=r"Homebrew has jq 1\.8, not 1\.6"):
        script.host.plan(brew(package="jq", version="1.6"))


def test_brew_says_what_it_does_not_know(script: Script) -> None:
    script.says("info", rc=1, stderr='Error: No available formula with the name "nonesuch".\n')
    with pytest.raises(TaskError, match="No available formula"):
        script.host.plan(brew(package="nonesuch"))


def apk(**parameters: object) -> Apk:
    return Apk.model_validate(parameters)


_INSTALLED = "musl-1.2.5-r0\nbusybox-1.36.1-r29\nca-certificates-bundle-20240226-r0\npy3-yaml-6.0.1-r3\n"


def test_apk_installs_what_is_missing_with_what_it_needs(script: Script) -> None:
    script.says("apk info --verbose", _INSTALLED, _INSTALLED + "nginx-1.26.2-r0\npcre2-10.43-r0\n")
    script.says("apk info --installed nginx", rc=1)
    script.says("apk info --installed busybox>=1.36", "busybox>=1.36\n")
    script.says(
        "apk add --simulate nginx",
        "(1/2) Installing pcre2 (10.43-r0)\n(2/2) Installing nginx (1.26.2-r0)\nOK: 10 MiB in 17 packages\n",
    )
    script.says("apk add --no-progress", "OK: 10 MiB in 17 packages\n")
    module = apk(package=["nginx", "busybox >= 1.36"])
    plan = script.host.plan(module)
    assert (plan.kind, changes(plan)) == (PlanKind.CREATE, {"pcre2": (None, "10.43-r0"), "nginx": (None, "1.26.2-r0")})
    outcome = script.host.apply(module, plan)
    assert script.changing == ["apk add --no-progress nginx"]
    assert set(outcome.result["changed"]) == {"pcre2", "nginx"}  # type: ignore[call-overload]


def test_apk_updates_downgrades_and_removes(script: Script) -> None:
    script.says("apk info --verbose", _INSTALLED)
    script.says("apk info --installed")
    script.says(
        "apk add --simulate --upgrade busybox", "(1/1) Upgrading busybox (1.36.1-r29 -> 1.36.1-r31)\nOK: 7 MiB\n"
    )
    assert changes(script.host.plan(apk(package="busybox", update=True))) == {"busybox": ("1.36.1-r29", "1.36.1-r31")}
    script.says("apk del --simulate py3-yaml", "(1/1) Purging py3-yaml (6.0.1-r3)\nOK: 7 MiB in 14 packages\n")
    assert changes(script.host.plan(apk(package=["py3-yaml", "gone"], remove=True))) == {"py3-yaml": ("6.0.1-r3", None)}
    script.says("apk info --installed busybox=1.35.0-r0", rc=1)
    script.says(
        "apk add --simulate busybox=1.35.0-r0", "(1/1) Downgrading busybox (1.36.1-r29 -> 1.35.0-r0)\nOK: 7 MiB\n"
    )
    with pytest.raises(TaskError, match="busybox would go back"):
        script.host.plan(apk(package="busybox=1.35.0-r0"))
    assert script.host.plan(apk(package="busybox=1.35.0-r0", downgrade=True)).kind is PlanKind.MODIFY


def test_apk_says_what_it_does_not_know(script: Script) -> None:
    script.says("apk info --verbose", _INSTALLED)
    script.says("apk info --installed nonesuch", rc=1)
    error = "ERROR: unable to select packages:\n  nonesuch (no such package):\n    required by: world[nonesuch]\n"
    script.says("apk add --simulate nonesuch", rc=1, stderr=error)
    with pytest.raises(TaskError, match="no such package"):
        script.host.plan(apk(package="nonesuch"))


def test_brew_finds_names_whatever_their_capitals(script: Script) -> None:
    wget = {**formula("wget", "1.25.0"), "aliases": ["gnu-wget"]}
    script.says("true")
    script.says("info --json=v2 --formula", info(wget))
    script.says("info --json=v2 --formula wget", info(formula("wget", "1.25.0", "1.25.0")))
    script.says("info --json=v2 --formula Wget", info(wget))
    script.says("install --formula wget")
    module = brew(package=["Wget", "gnu-wget"])
    plan = script.host.plan(module)
    assert changes(plan) == {"wget": (None, "1.25.0")}
    outcome = script.host.apply(module, plan)
    assert script.changing == ["install --formula wget"]
    assert outcome.result["changed"] == {"wget": {"before": None, "after": "1.25.0"}}


def test_brew_installs_from_a_tap_by_the_whole_name(script: Script) -> None:
    tapped = {**formula("tool", "1.0"), "full_name": "vendor/tap/tool", "tap": "vendor/tap"}
    script.says("true")
    script.says("info", info(tapped))
    script.says("install --formula vendor/tap/tool")
    module = brew(package="vendor/tap/tool")
    script.host.apply(module, script.host.plan(module))
    assert script.changing == ["install --formula vendor/tap/tool"]


def test_brew_that_answers_with_something_else_is_not_believed(script: Script) -> None:
    script.says("info", info(formula("wget", "1.25.0")))
    with pytest.raises(TaskError, match="brew says nothing of jq"):
        script.host.plan(brew(package=["wget", "jq"]))


@pytest.mark.parametrize(
    "steps", ["", "( 1/10) Purging ansible-doc (9.0-r0)\n(10/10) Purging other (1.0-r0)\n"], ids=["nothing", "some"]
)
def test_apk_that_would_keep_a_package_is_told_with_its_words(script: Script, steps: str) -> None:
    script.says("apk info --verbose", _INSTALLED)
    script.says("apk info --installed")
    kept = "World updated, but the following packages are not removed due to:\n"
    kept += "  py3-yaml: ansible-core ansible\n            yq\n\n"
    script.says("apk del --simulate py3-yaml", f"{kept}{steps}OK: 7 MiB in 14 packages\n")
    with pytest.raises(TaskError, match="not removed due to: py3-yaml: ansible-core ansible yq") as caught:
        script.host.plan(apk(package="py3-yaml", remove=True))
    assert "remove what needs it" in caught.value.hint


def test_apk_counts_many_steps_with_blanks(script: Script) -> None:
    script.says("apk info --verbose", _INSTALLED)
    script.says("apk info --installed", rc=1)
    steps = "".join(f"({one:2d}/11) Installing p{one} (1.0-r0)\n" for one in range(1, 12))
    script.says("apk add --simulate nginx", f"{steps}OK: 7 MiB in 14 packages\n")
    assert len(changes(script.host.plan(apk(package="nginx")))) == 11


def test_apk_knows_virtual_packages_by_their_names(script: Script) -> None:
    script.says("apk info --verbose", f"{_INSTALLED}.build-deps-20260509.091445\n")
    script.says("apk info --installed .build-deps")
    script.says("apk del --simulate .build-deps", "(1/1) Purging .build-deps (20260509.091445)\nOK: 7 MiB\n")
    plan = script.host.plan(apk(package=".build-deps", remove=True))
    assert changes(plan) == {".build-deps": ("20260509.091445", None)}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Resource temporarily unavailable\njetpack: the lock is held by 4711 (apk)\n",
            r"held by process 4711 \(apk\)",
        ),
        ("Resource temporarily unavailable\n", "held by another process"),
    ],
)
def test_apk_is_tried_again_while_its_lock_is_held(script: Script, said: str, words: str) -> None:
    script.says("apk info --verbose", _INSTALLED)
    script.says("apk info --installed", rc=1)
    script.says("apk add --simulate nginx", "(1/1) Installing nginx (1.0-r0)\nOK: 7 MiB\n")
    script.says("apk add --no-progress nginx", rc=99, stderr=f"ERROR: Unable to lock database: {said}")
    module = apk(package="nginx", lock_timeout=0.0)
    with pytest.raises(TaskError, match=f"the lock of apk is {words}, still after .*; nothing was changed"):
        script.host.apply(module, script.host.plan(module))
    script.says("apk add --no-progress nginx", rc=99, stderr="ERROR: Unable to lock database: Permission denied\n")
    outcome = script.host.apply(module, script.host.plan(module))
    assert (outcome.failed, "Permission denied; no package was changed" in outcome.msg) == (True, True)
