# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `locale`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way
from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.commands.chain import chain, last_words
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.modules.system.locale_state import (
    BUILT_IN,
    LOOK,
    NAME,
    STORE,
    Locales,
    alike,
    parse_locales,
    setting_of,
    with_line,
    with_setting,
)
from jetpack_core.records import Change, CommandResult, FileStat, Outcome, PathEffect, Plan, PlanKind, TextDiff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

# locale.gen(5) of Debian and Arch, and what logins read: locale.conf(5), or Debian's own.
_GEN: Final = "/etc/locale.gen"
_DEFAULTS: Final = ("/etc/default/locale", "/etc/locale.conf")
_DEBIAN: Final = "/etc/debian_version"
_LIMIT: Final = 1024 * 1024
_CATEGORY_NAMES: Final = (
    "LANG LANGUAGE LC_CTYPE LC_NUMERIC LC_TIME LC_COLLATE LC_MONETARY LC_MESSAGES LC_PAPER LC_NAME LC_ADDRESS "
    "LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION"
)
_CATEGORIES: Final = frozenset(_CATEGORY_NAMES.split())
_PACKAGE_HINT: Final = (
    "install what it is made from: `locales` on Debian, `glibc-langpack-...` or `glibc-locale-source` on Fedora and "
    "its family, `glibc-locale` on SUSE"
)


def _locale(value: str) -> str:
    if not NAME.fullmatch(value):
        message = f"{value!r} is not the name of a locale such as de_DE.UTF-8"
        raise ValueError(message)
    return value


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _variables(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if name not in _CATEGORIES - {"LANG"}:
            message = f"{name!r} is none of {', '.join(sorted(_CATEGORIES - {'LANG'}))}"
            raise ValueError(message)
        parts = value.split(":") if name == "LANGUAGE" else [value]
        for part in parts:
            _locale(part)
    return values


LocaleName = Annotated[str, AfterValidator(_locale)]
"""The name of a locale, such as de_DE.UTF-8."""

_SCHEMA: Final = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})


@dataclass(frozen=True, slots=True)
class LocaleWork:
    """What `apply` is to do."""

    missing: tuple[str, ...] = ()
    """The locales to be made, as the host writes them."""
    commands: tuple[tuple[str, ...], ...] = ()
    gen: FileWork | None = None
    before: bytes | None = None
    """What /etc/locale.gen held; None where there was no such file."""
    default: FileWork | None = None


class Locale(Module):
    """See that locales are there, and say which one logins begin with.

    Where a locale cannot be made, nothing is changed. Programs that run keep the locale they started with.

    Example::

        - !locale
          locales: [de_DE.UTF-8, en_US.UTF-8]
          lang: de_DE.UTF-8
        - !locale
          lang: en_US.UTF-8
          variables:
            LC_TIME: de_DE.UTF-8
    """

    locales: Annotated[list[LocaleName], BeforeValidator(_names), _SCHEMA] = Field(default_factory=list)
    """The locales that are to be there; others stay."""
    lang: LocaleName | None = None
    """The value of LANG for logins. The locale must be there, or among `locales`."""
    variables: Annotated[dict[str, str], AfterValidator(_variables)] = Field(default_factory=dict)
    """The values of LC_TIME and its like, and of LANGUAGE, for logins; others stay."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.locales and not self.settings:
            message = "nothing is to be done; give `locales`, `lang` or `variables`"
            raise ValueError(message)
        return self

    @property
    def settings(self) -> dict[str, str]:
        """Return what is to be set for logins."""
        return ({} if self.lang is None else {"LANG": self.lang}) | self.variables

    async def plan(self, host: Host) -> Plan:
        """Ask which locales there are and could be, in one round trip. Raises TaskError for one that cannot be."""
        files = [host.stat(path, follow=True, content=_LIMIT, checksum=True) for path in (_GEN, *_DEFAULTS)]
        # What earlier tasks would make is made below the directory that is named.
        look = host.query(["sh", "-c", LOOK, "sh", STORE, *self.locales])
        with explained(_GEN):
            told, debian, *stats = await host.gather([look, host.stat(_DEBIAN, follow=True), *files])
        state = parse_locales(cast("CommandResult", told).stdout)
        gen, *defaults = (cast("FileStat", one) for one in stats)
        default = defaults[0 if cast("FileStat", debian).exists else 1]
        made = self._plan_locales(host, state, gen)
        written = self._plan_default(host, state, default)
        changes = (*made.changes, *written.changes)
        if not changes:
            return Plan(PlanKind.NONE)
        work = cast("LocaleWork", made.data)
        new = LocaleWork(work.missing, work.commands, work.gen, work.before, cast("FileWork | None", written.data))
        kind = PlanKind.CREATE if work.missing else PlanKind.MODIFY
        return Plan(kind, changes, (*made.diffs, *written.diffs), (*made.effects, *written.effects), data=new)

    def _plan_locales(self, host: Host, state: Locales, gen: FileStat) -> Plan:
        """Return what makes the locales that are missing, and keeps those that are there."""
        wanted = [name for name in self.locales if alike(name) not in BUILT_IN]
        missing = [name for name in wanted if not state.has(name)]
        if missing and not state.can_tell:
            raise TaskError(f"the host has no locales of glibc, so {missing[0]} cannot be there")
        names = [state.spelled(name) for name in missing]
        if not state.generates:
            commands = [state.definition(name) for name in names]
            return self._made(names, commands, (), (), None, gen)
        document = Document.parse(_content(gen))
        new = document
        for name in wanted:
            new = with_line(new, state.line(name))
        if new == document and not names:
            return Plan(PlanKind.NONE, data=LocaleWork())
        files = _compared(host, gen, new)
        effects = tuple(effect for effect in files.effects if isinstance(effect, PathEffect))
        return self._made(names, [("locale-gen",)] if names else [], files.diffs, effects, files, gen)

    def _made(
        self,
        names: Sequence[str],
        commands: Sequence[tuple[str, ...]],
        diffs: tuple[TextDiff, ...],
        effects: tuple[PathEffect, ...],
        written: Plan | None,
        gen: FileStat,
    ) -> Plan:
        changes = [Change(name, None, "generated") for name in names]
        file = cast("FileWork | None", written.data) if written is not None and written.needed else None
        if file is not None and not names:
            changes.append(Change(_GEN, "does not keep them", "keeps them"))
        if names:
            effects = (*effects, PathEffect(FileStat(STORE), known=False))
        work = LocaleWork(tuple(names), tuple(commands), file, gen.content if gen.exists else None)
        return Plan(PlanKind.CREATE if changes else PlanKind.NONE, tuple(changes), diffs, effects, data=work)

    def _plan_default(self, host: Host, state: Locales, file: FileStat) -> Plan:
        """Return what sets the variables of logins. Raises TaskError for a locale that will not be there."""
        document = Document.parse(_content(file)) if self.settings else Document()
        changes = []
        for name, value in self.settings.items():
            if name != "LANGUAGE" and not self._will_be_there(value, state):
                raise TaskError(f"the locale {value} is not there", hint="name it in `locales` as well")
            before = setting_of(document, name)
            if before != value:
                changes.append(Change(name, before, value))
                document = with_setting(document, name, value)
        if not changes:
            return Plan(PlanKind.NONE)
        plan = _compared(host, file, document)
        return Plan(PlanKind.MODIFY, tuple(changes), plan.diffs, plan.effects, data=plan.data)

    def _will_be_there(self, name: str, state: Locales) -> bool:
        return alike(name) in BUILT_IN | {alike(one) for one in self.locales} or state.has(name)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make the locales, then write the defaults. Raises TaskError, with /etc/locale.gen as it was."""
        work = cast("LocaleWork", plan.data)
        steps: list[Operation[object]] = [] if work.default is None else [operation(host, work.default, follow=True)]
        with explained(_GEN):
            if work.gen is not None and not work.missing:
                steps.insert(0, operation(host, work.gen, follow=True))
            elif work.missing:
                await self._make(host, work)
            if steps:
                await host.gather(steps)
        return Outcome()

    async def _make(self, host: Host, work: LocaleWork) -> None:
        write = [] if work.gen is None else [operation(host, work.gen, follow=True)]
        look = host.query(["sh", "-c", LOOK, "sh", STORE])
        replies = await host.gather([*write, host.run(chain(work.commands)), look])
        ended, told = (cast("CommandResult", reply) for reply in replies[-2:])
        state = parse_locales(told.stdout)
        left = [name for name in work.missing if not state.has(name)]
        if ended.ok and not left:
            return
        if work.gen is not None and work.before is None:
            await host.remove(_GEN)
        elif work.gen is not None:
            await host.write(_GEN, work.before or b"", follow=True)
        what = ", ".join(left or work.missing)
        raise TaskError(f"{what} cannot be made, and {_GEN} is as it was: {last_words(ended)}", hint=_PACKAGE_HINT)


def _compared(host: Host, file: FileStat, document: Document) -> Plan:
    refuse_in_the_way(file)
    payload = payload_of_bytes(document.to_bytes())
    return compare(file, payload, Attributes()) if file.exists else plan_new(host, file, payload, Attributes())


def _content(file: FileStat) -> bytes:
    if file.is_file and file.content is None:
        if file.size > _LIMIT:
            raise TaskError(f"{file.path} is too large: {file.size} bytes, and the limit is {_LIMIT}")
        message = f"the content of {file.path} is known only once an earlier task has made it"
        raise UnknownValueError(message)
    return file.content or b""
