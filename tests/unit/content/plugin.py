# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules with every kind of parameter, for the tests of the loader."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from jetpack_core.contracts.fields import ExpressionText, FileMode, HostPath, Rendering, Secret, Source, TemplateSource
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.hookspecs import Reference, hookimpl
from jetpack_core.records import Plan, PlanKind


class Passive(Module):
    """Does nothing."""

    async def plan(self, host: Host) -> Plan:
        return Plan(PlanKind.PASSIVE)


class Owners(BaseModel):
    """A mapping with fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str | None = None
    mode: FileMode | None = None


class Place(Passive):
    """Put a file somewhere."""

    src: Source | None = None
    content: str | None = None
    dest: HostPath
    owner: str | None = None
    mode: FileMode | None = None
    recurse: bool = False
    attributes: Owners | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.src is None) == (self.content is None):
            message = "give either 'src' or 'content'"
            raise ValueError(message)
        return self


class Paint(Passive):
    """Render a file."""

    src: TemplateSource
    dest: HostPath


class Run(Passive):
    """Run something."""

    titled_by: ClassVar[str] = "cmd"

    cmd: Annotated[str, Rendering("shell")]
    unsafe: bool = False
    env: dict[str, str] = Field(default_factory=dict)
    timeout: int | None = None
    failed_when: ExpressionText | None = None
    save: str | None = None


class Words(Passive):
    """Run a program."""

    titled_by: ClassVar[str] = "cmd"

    cmd: Annotated[list[str], Rendering("argv")]
    stdin: Secret | None = None


class Judge(Passive):
    """Check conditions."""

    is_true: ExpressionText | None = Field(default=None, validation_alias="true")
    all_true: list[ExpressionText] = Field(default_factory=list)


class Keep(Passive):
    """Take any data."""

    vars: dict[str, object] = Field(default_factory=dict, validation_alias=AliasChoices("vars", "variables"))


class Pick(Passive):
    """Take choices, numbers and lists."""

    state: Literal["present", "absent"] = "present"
    package: str | list[str] = Field(default_factory=list)
    count: int = Field(default=1, ge=1)
    pattern: Annotated[str | None, Rendering("raw")] = None


class Broken(Passive):
    """A module with a fault in its validation."""

    @model_validator(mode="after")
    def _break(self) -> Self:
        message = "no such thing"
        raise TypeError(message)


class Probe(Passive):
    """Has no parameters."""


class Plugin:
    """Registers them."""

    @hookimpl
    def jetpack_register_modules(self) -> list[Reference]:
        """Name the modules."""
        classes = (Place, Paint, Run, Words, Judge, Keep, Pick, Broken, Probe)
        return [Reference(one.__name__.lower(), f"{__name__}:{one.__name__}", "") for one in classes]
