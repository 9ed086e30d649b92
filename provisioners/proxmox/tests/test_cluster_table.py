# SPDX-License-Identifier: GPL-3.0-or-later
"""The test cluster's own table of calls says what the published schema says, and every call of it is played."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioners.proxmox.tests.cluster import formats
from provisioners.proxmox.tests.cluster.calls import Call, read_calls, route
from provisioners.proxmox.tests.cluster.handlers import all_handlers
from provisioners.proxmox.tests.cluster.parameters import INDEX_COUNTS, Parameter
from provisioners.proxmox.tests.cluster.published import find_schema, read_formats, read_schema


@pytest.fixture(scope="module")
def schema_file() -> Path:
    path = find_schema()
    if path is None:
        pytest.skip("no copy of the published schema: name one in JETPACK_PVE_SCHEMA")
    return path


@pytest.fixture(scope="module")
def published(schema_file: Path) -> Mapping[str, Call]:
    return read_schema(schema_file)


@pytest.fixture(scope="module")
def published_formats(schema_file: Path) -> Mapping[str, Mapping[str, Any]]:
    return read_formats(schema_file)


def test_every_call_of_the_table_is_played_and_no_other() -> None:
    assert set(read_calls()) == set(all_handlers())


def test_every_call_is_found_by_its_own_path() -> None:
    calls = read_calls()
    values = {"node": "pve1", "vmid": "100", "storage": "local", "volume": "local:vztmpl/a.tar.zst", "poolid": "p"}
    values |= {"upid": "UPID:pve1:00000001:00000001:00000001:vzstart:100:root@pam:", "snapname": "before"}
    for name, call in calls.items():
        found = route(calls, call.method, call.path.format_map(values))
        assert found is not None, name
        assert found[0].name == name


@pytest.mark.parametrize("name", sorted(read_calls()))
def test_the_table_says_what_the_published_schema_says(published: Mapping[str, Call], name: str) -> None:
    mine, theirs = read_calls()[name], published[name]
    assert (mine.returns, mine.allows_token, mine.check) == (theirs.returns, theirs.allows_token, theirs.check)
    assert list(differences(name, mine.parameters, theirs.parameters)) == []


def differences(where: str, mine: Mapping[str, Parameter], theirs: Mapping[str, Parameter]) -> Iterator[str]:
    """Yield what one table says otherwise than the other; parameters that only the published one has are no matter."""
    for name, parameter in mine.items():
        if name not in theirs:
            yield f"{where}: no {name}"
        else:
            yield from parameter_differences(f"{where} {name}", parameter, theirs[name])
    for name, parameter in theirs.items():
        if not parameter.optional and parameter.alias is None and name not in mine:
            yield f"{where}: {name} is needed"


def parameter_differences(where: str, mine: Parameter, theirs: Parameter) -> Iterator[str]:
    for one in fields(Parameter):
        left, right = getattr(mine, one.name), getattr(theirs, one.name)
        if one.name == "keys":
            yield from differences(where, left or {}, right or {})
            if (left is None) != (right is None):
                yield f"{where}: keys"
        # A space would end the pattern in the table, and parts of the path are always there.
        elif one.name == "pattern":
            if (left or "").replace(r"\x20", " ") != (right or ""):
                yield f"{where}: pattern {left} is {right}"
        elif left != right and not (one.name == "optional" and f"{{{mine.name}}}" in where):
            yield f"{where}: {one.name} {left} is {right}"


def test_a_difference_is_found(published: Mapping[str, Call]) -> None:
    theirs = published["POST /nodes/{node}/lxc"].parameters
    wrong = {**theirs, "memory": Parameter("memory", "string", minimum=16), "x": Parameter("x")}
    del wrong["ostemplate"]
    assert list(differences("here", wrong, theirs)) == [
        "here memory: type string is integer",
        "here: no x",
        "here: ostemplate is needed",
    ]


def test_parameters_are_counted_as_the_published_schema_counts_them(schema_file: Path) -> None:
    counts = json.loads(schema_file.read_text(encoding="utf-8"))["index_max"]
    assert {name: counts[name]["count"] for name in INDEX_COUNTS} == INDEX_COUNTS


@pytest.mark.parametrize("name", sorted(formats.PATTERNS))
def test_formats_are_refused_in_the_published_words(
    published_formats: Mapping[str, Mapping[str, Any]], name: str
) -> None:
    theirs = published_formats[name]
    if "error" in theirs:
        with pytest.raises(formats.FormatError) as caught:
            formats.check_format(name, "\u2192 no ;")
        assert str(caught.value) == theirs["error"].replace("{value}", "\u2192 no ;")


# How long one example takes is the machine's affair.
@settings(deadline=None, max_examples=50)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(formats.PATTERNS))
def test_formats_accept_what_the_published_expressions_accept(
    published_formats: Mapping[str, Mapping[str, Any]], name: str, data: st.DataObject
) -> None:
    theirs = published_formats[name]
    if "regex" not in theirs:
        return
    flags = re.IGNORECASE if theirs.get("flags") == "i" else re.NOFLAG
    expression = re.compile(theirs["regex"].removeprefix("^").removesuffix("$"), flags | re.ASCII)
    mine = re.compile(formats.PATTERNS[name], re.ASCII)
    accepted = data.draw(st.one_of(st.from_regex(expression, fullmatch=True), st.from_regex(mine, fullmatch=True)))
    changed = data.draw(st.sampled_from([accepted, accepted[1:], accepted + "-", "." + accepted, accepted + "\u00e9"]))
    assert bool(mine.fullmatch(changed)) == bool(expression.fullmatch(changed))
