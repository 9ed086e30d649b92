# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading documentation out of classes, and `jetpack doc`."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from click.testing import CliRunner
from pydantic import AliasChoices, BaseModel, Field

from jetpack_core.cli.describe import DOCUMENTED, describe, parameters_of, split_docstring
from jetpack_core.cli.main import main
from jetpack_core.contracts.fields import FileMode, HostPath, Secret
from jetpack_core.contracts.module import Module
from jetpack_core.records import Plan, PlanKind
from jetpack_core.registry import Kind, Registry


class Owner(BaseModel):
    user: str = "root"


class Sample(Module):
    """Do a thing
    on two lines.

    It is a sample.

    Example::

        - !sample
          path: /srv

    The end.
    """  # noqa: D205 - the summary is broken on purpose

    path: HostPath
    """Where it
    is."""
    mode: FileMode | None = None
    kind: Literal["file", "link"] = "file"
    names: list[str] = Field(default_factory=list, validation_alias=AliasChoices("names", "name"))
    password: Secret | None = None
    force: bool = False
    owner: Owner | None = None
    is_true: str = Field("x", validation_alias="true")

    async def plan(self, host: object) -> Plan:
        return Plan(PlanKind.NONE)


def by_name() -> dict[str, tuple[str, bool, str]]:
    return {one.name: (one.type, one.required, one.default) for one in parameters_of(Sample)}


def test_types_are_words_and_defaults_are_yaml() -> None:
    assert by_name() == {
        "path": ("path on the host", True, ""),
        "mode": ("file mode", False, ""),
        "kind": ("`file`, `link`", False, "file"),
        "names": ("list of text", False, ""),
        "password": ("secret text", False, ""),
        "force": ("true or false", False, "false"),
        "owner": ("map", False, ""),
        "owner.user": ("text", False, "root"),
        "true": ("text", False, "x"),
    }


def test_descriptions_are_one_line_and_other_spellings_are_named() -> None:
    described = {one.name: one for one in parameters_of(Sample)}
    assert described["path"].description == "Where it is."
    assert described["names"].aliases == ("name",)


def test_a_docstring_falls_into_summary_description_and_example() -> None:
    assert split_docstring((Sample.__doc__ or "").replace("\n    ", "\n")) == (
        "Do a thing on two lines.",
        "It is a sample.\n\nThe end.",
        "- !sample\n  path: /srv",
    )


@pytest.mark.parametrize("text", ["One line", "One line\n\nAnd more: an Example of it."])
def test_a_docstring_without_an_example_has_none(text: str) -> None:
    assert split_docstring(text)[2] == ""


def test_everything_built_in_explains_itself() -> None:
    registry = Registry()
    for kind in DOCUMENTED:
        for name, entry in registry.entries(kind).items():
            doc = describe(registry, entry)
            assert doc.summary, name
            undocumented = [one.name for one in doc.parameters if not one.description and one.name != "value"]
            assert not undocumented, f"{kind.noun} {name}"
            assert doc.example or kind not in {Kind.MODULE, Kind.MODIFIER}, f"{name} has no example"


def test_the_list_has_everything_but_verbs() -> None:
    listed = json.loads(CliRunner().invoke(main, ["doc", "--json"]).stdout)
    registry = Registry()
    expected = {(kind.noun, name) for kind in DOCUMENTED for name in registry.entries(kind)}
    assert {(one["kind"], one["name"]) for one in listed} >= expected
    assert not [one for one in listed if one["kind"] == "command"]
    text = CliRunner().invoke(main, ["doc"]).stdout
    assert all(f"  {name} " in text for _, name in expected)


@pytest.mark.parametrize("name", ["items", "!items"])
def test_one_thing_is_explained(name: str) -> None:
    result = CliRunner().invoke(main, ["doc", name])
    assert result.exit_code == 0
    assert result.stdout.startswith("modifier items, of jetpack-core\n")
    assert "Written with: { items: expression or list or map }" in result.stdout
    assert "Example:\n" in result.stdout


def test_one_thing_is_explained_as_json() -> None:
    (doc,) = json.loads(CliRunner().invoke(main, ["doc", "retry", "--json"]).stdout)
    assert (doc["kind"], doc["name"], doc["parameters"][0]["name"]) == ("modifier", "retry", "value")


def test_a_wrong_name_is_told_the_nearest_one() -> None:
    result = CliRunner().invoke(main, ["doc", "itms"])
    assert result.exit_code == 1
    assert result.stderr == "error: nothing installed is called 'itms'\n  hint: did you mean 'items'?\n"
