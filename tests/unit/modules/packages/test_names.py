# SPDX-License-Identifier: GPL-3.0-or-later
"""How packages, versions and spans of time are written, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from jetpack_core.contracts.module import Module
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.apk import Apk
from jetpack_core.modules.packages.apt import Apt
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.names import Duration, Request, parse_request, span_text
from jetpack_core.modules.packages.package import Package
from jetpack_core.modules.packages.pip import Pip
from jetpack_core.modules.packages.versions import DEBIAN, PACMAN, RPM, compare_debian, compare_pacman, compare_rpm
from jetpack_core.testing.host import TestHost

_UNSAFE = set(" \t\n'\"`$;&|<>(){}[]*?!#\\,%^")


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("nginx", "nginx", ""),
        ("g++", "g++", ""),
        ("libc6:i386", "libc6:i386", ""),
        ("nginx=1.22.1-9", "nginx", "1.22.1-9"),
        ("nginx == 1.22.1", "nginx", "1.22.1"),
        (" nginx  >=1.2 , <2 ", "nginx", ">= 1.2, < 2"),
        ("homebrew/core/wget", "homebrew/core/wget", ""),
        ("python@3.12", "python@3.12", ""),
        ("/root/a_1.0_all.deb", "/root/a_1.0_all.deb", ""),
    ],
)
def test_a_package_is_read(text: str, name: str, wanted: str) -> None:
    request = parse_request(text)
    assert (request.name, request.wanted, request.is_file) == (name, wanted, name.startswith("/"))


@pytest.mark.parametrize(
    "text",
    ["", "-y", "--allow-downgrades", "nginx;id", "$(id)", "a b", "nginx-", "nginx=-1", "nginx=", "a=1;2", "a\nb",
     "a=>1", "nginx >= 1.*", "/root/../etc/a.deb", "/root/a b.deb", "/root/a.deb=1"],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has one version"):
        parse_request(text)
    with pytest.raises(ValidationError):
        Apt.model_validate({"package": text})


@given(st.text(max_size=30))
def test_no_name_that_is_read_means_anything_to_a_shell_or_an_option_parser(text: str) -> None:
    try:
        request = parse_request(text)
    except ValueError:
        return
    words = [request.name, *(one.version for one in request.constraints)]
    assert not any(_UNSAFE & set(word) - set("*!^%") or word.startswith("-") for word in words)
    assert not _UNSAFE & set(request.name) - set("%^")


@pytest.mark.parametrize("version", [1.2, 3])
def test_a_version_that_a_template_made_a_number_is_refused(version: float) -> None:
    with pytest.raises(ValidationError, match="put it in quotes"):
        Apt.model_validate({"package": "nginx", "version": version})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "give a `package`"),
        ({"package": []}, "the list is empty"),
        ({"update": True}, "`refresh: true` refreshes the index"),
        ({"package": "a1", "remove": True, "version": "1"}, "goes without"),
        ({"package": "a1=1", "remove": True}, "what is to be removed has no version"),
        ({"package": "a1", "update": True, "version": "1"}, "goes without"),
        ({"package": "a1", "upgrade": "all"}, "about the whole system"),
        ({"package": "a1", "purge": True}, "give `remove` as well"),
        ({"package": "A1"}, "not the name of a package"),
        ({"package": "a1", "cache_valid": "soon"}, "not a span of time"),
        ({"package": "a1", "lock_timeout": "-1"}, "not a span of time"),
    ],
)
def test_parameters_that_do_not_fit_are_explained(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Apt.model_validate(parameters)


def test_a_list_has_one_version_unless_a_package_names_its_own() -> None:
    module = Apt.model_validate({"package": ["nginx", "curl=8"], "version": ">= 1"})
    assert [(one.name, one.wanted) for one in module.requests()] == [("nginx", ">= 1"), ("curl", "8")]
    assert Apt.model_validate({"package": [["nginx", "curl"]]}).package == ["nginx", "curl"]


def test_extras_belong_to_pip_alone() -> None:
    assert Pip.model_validate({"package": "psycopg[binary]>=3", "python": "/usr/bin/python3"}).requests()
    with pytest.raises(ValidationError):
        Apt.model_validate({"package": "psycopg[binary]"})


def test_compatible_releases_belong_to_pip_alone() -> None:
    for text in ("psycopg~=3.1", "psycopg ~= 3.1", "psycopg >= 3, ~= 3.1"):
        module = Pip.model_validate({"package": text, "python": "/usr/bin/python3"})
        assert [one.name for one in module.requests()] == ["psycopg"]
        assert "~= 3.1" in module.requests()[0].wanted
        with pytest.raises(ValidationError, match="known to pip alone"):
            Apt.model_validate({"package": text})


@pytest.mark.parametrize(
    ("module", "parameters", "words"),
    [
        (Apk, {"package": "nginx >= 1, < 2"}, "one condition"),
        (
            Pip,
            {"package": "psycopg[binary]", "remove": True, "python": "/usr/bin/python3"},
            "name those that are to go",
        ),
        (Dnf, {"package": "@development", "remove": True}, "a group can only be installed"),
    ],
)
def test_what_a_manager_cannot_do_is_refused(module: type[Module], parameters: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        module.model_validate(parameters)


@pytest.mark.parametrize(
    ("manager", "parameters", "words"),
    [
        ("brew", {"package": "jq", "hold": True}, "brew keeps no package on hold"),
        ("apk", {"package": "jq", "hold": False}, "apk keeps no package on hold"),
        ("brew", {"package": "jq >= 1"}, "!homebrew, the module for this host, does not take that: Homebrew has one"),
        ("apt-get", {"package": "Nginx"}, "!apt, .* 'Nginx' is not the name of a package"),
        ("winget", {"package": "jq"}, "no module for the package manager 'winget'"),
    ],
)
def test_package_says_what_the_manager_of_a_host_cannot_do(
    manager: str, parameters: dict[str, object], words: str
) -> None:
    with (
        TestHost(variables={"jet_package_manager": manager}) as host,
        pytest.raises(TaskError, match=words),
    ):
        host.plan(Package.model_validate(parameters))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("10m", 600), ("1h", 3600), ("1.5h", 5400), ("7d", 604800), (5, 5)]
)
def test_spans_of_time(text: object, seconds: float) -> None:
    assert TypeAdapter(Duration).validate_python(text) == seconds


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 seconds"), (61, "1 minute"), (7200, "2 hours"), (90000, "1 day")])
def test_spans_of_time_are_told(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "version", "good"),
    [
        ("a1=1.2", "1.2", True),
        ("a1=1.2", "1.2-1", False),
        ("a1=1.2-*", "1.2-1", True),
        ("a1!=1.2-*", "1.2-1", False),
        ("a1>=1.2", "1.2~rc1", False),
        ("a1>=1.2,<2", "1.10", True),
    ],
)
def test_conditions_hold_by_debians_rules(text: str, version: str, good: bool) -> None:
    assert parse_request(text).accepts(version, DEBIAN) is good


@pytest.mark.parametrize(
    ("wanted", "version", "good"),
    [
        ("a1=1.2", "1.2-1.el9", True),
        ("a1=1.2", "2:1.2-1.el9", True),
        ("a1=1.2-2.el9", "1.2-1.el9", False),
        ("a1=1:1.2", "2:1.2-1", False),
        ("a1>=2", "1:1.2-1", True),
        ("a1>1.2", "1.2-1", False),
    ],
)
def test_conditions_of_rpms_may_leave_out_release_and_epoch(wanted: str, version: str, good: bool) -> None:
    assert parse_request(wanted).accepts(version, RPM) is good


def test_pacman_takes_letters_at_the_end_for_an_earlier_version() -> None:
    assert compare_pacman("1.0rc1-1", "1.0-1") < 0 < compare_rpm("1.0rc1-1", "1.0-1")
    assert Request("a").accepts("1", PACMAN)


_TEXT = st.from_regex(r"([0-9]:)?[0-9][0-9a-z.+~]{0,6}(-[0-9a-z.~]{1,4})?", fullmatch=True)


@pytest.mark.parametrize("compare", [compare_debian, compare_rpm])
@given(one=_TEXT, other=_TEXT, third=_TEXT)
def test_orders_are_orders(compare: object, one: str, other: str, third: str) -> None:
    assert callable(compare)
    assert compare(one, one) == 0
    if ("-" in one) == ("-" in other) == ("-" in third):
        assert compare(one, other) == -compare(other, one)
        if compare(one, other) <= 0 and compare(other, third) <= 0:
            assert compare(one, third) <= 0
