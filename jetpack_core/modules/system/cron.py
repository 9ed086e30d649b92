# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `cron`."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self, cast

from pydantic import AfterValidator, model_validator

from jetpack_core.contracts.attributes import Attributes
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_parent
from jetpack_core.errors import OperationCode, OperationError, StaleError, TaskError
from jetpack_core.modules.access.accounts import AccountName
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.modules.files.content import FileWork, compare, operation, plan_new
from jetpack_core.modules.files.document import Document, document_of
from jetpack_core.modules.files.payload import decoded, payload_of_bytes
from jetpack_core.modules.files.removal import plan_removal
from jetpack_core.modules.system.crontab import (
    job_line,
    variable_value,
    with_job,
    with_variable,
    without_job,
    without_variable,
)
from jetpack_core.modules.system.schedule import Day, Hour, Minute, Month, SpecialTime, Weekday
from jetpack_core.records import Change, CommandResult, FileStat, Outcome, Plan, PlanKind, TextDiff

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

_DIRECTORY: Final = "/etc/cron.d"
_TIMES: Final = ("minute", "hour", "day", "month", "weekday")
_CONTENT_LIMIT: Final = 1024 * 1024
_STALE: Final = 75

# What `crontab -l` says in the C locale of one that is not there yet: cronie and its forefathers; busybox.
_NONE_YET: Final = re.compile(r"no crontab for |can't open '[^']*': No such file or directory")

# The crontab travels by standard input, since its variables may hold what `ps` should not show.
_INSTALL: Final = """\
sum=$(crontab "$@" -l 2>/dev/null | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi)
[ "${sum%% *}" = "$SEEN" ] || exit 75
exec crontab "$@" -
"""


def _one_line(value: str) -> str:
    if not value.strip() or value != value.strip() or any(char in value for char in "\0\r\n"):
        message = "this must be one line, without blanks around it"
        raise ValueError(message)
    return value


def _variable_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        message = f"{value!r} is not the name of an environment variable"
        raise ValueError(message)
    return value


def _value(value: str) -> str:
    plain = bool(value) and value == value.strip() and value[0] not in "\"'"
    if any(char in value for char in "\0\r\n") or (not plain and '"' in value and "'" in value):
        message = "cron has no way to write this value: it must be one line, and quoted by one kind of quotes"
        raise ValueError(message)
    return value


def _file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        message = f"{value!r} is not a name that cron reads in {_DIRECTORY}: letters, digits, _ and -"
        raise ValueError(message)
    return value


OneLine = Annotated[str, AfterValidator(_one_line)]


@dataclass(frozen=True, slots=True)
class _Crontab:
    """A user's crontab as it is to be, and what it was."""

    before: str
    after: str


class Cron(Module):
    r"""Run a command at given times, from a user's crontab or from a file in /etc/cron.d.

    A job is found again by its name, which stands in a comment above it (`#Jetpack: NAME`); jobs that Ansible or
    pyinfra named are found as well. All other lines stay as they are. A `%` in a command ends it for cron unless it
    is written as `\%`.

    Example::

        - !cron
          job: back up the database
          command: /usr/local/bin/backup --all
          minute: "30"
          hour: "2"
          weekday: mon-fri
          user: postgres
        - !cron
          job: rebuild the index
          command: /usr/local/bin/reindex
          special_time: daily
          cron_file: site
        - !cron
          variable: MAILTO
          value: ops@example.org
        - !cron
          job: something old
          remove: true
    """

    job: OneLine | None = None
    """The job's name, by which it is found again."""
    command: OneLine | None = None
    """What is run, by /bin/sh unless the variable SHELL says otherwise."""
    minute: Minute = "*"
    """At which minutes: numbers, ranges such as 0-30/10, or */5."""
    hour: Hour = "*"
    """At which hours, from 0 to 23."""
    day: Day = "*"
    """On which days of the month."""
    month: Month = "*"
    """In which months: numbers or names such as jan."""
    weekday: Weekday = "*"
    """On which days of the week: 0 to 7, where 0 and 7 are Sunday, or names such as mon."""
    special_time: SpecialTime | None = None
    """Instead of these five, a name such as daily or reboot."""
    disabled: bool = False
    """Keep the job in a comment, so that it does not run."""
    variable: Annotated[str, AfterValidator(_variable_name)] | None = None
    """Instead of a job, a variable of the crontab, such as MAILTO or PATH. It holds for the jobs below it."""
    value: Annotated[str, AfterValidator(_value)] | None = None
    """The variable's value."""
    user: AccountName | None = None
    """Whose crontab it is, or in a `cron_file` who runs the job (root unless said); otherwise the acting user's."""
    cron_file: Annotated[str, AfterValidator(_file_name)] | None = None
    """The name of a file in /etc/cron.d to use, rather than a user's crontab."""
    remove: bool = False
    """Remove the job or the variable; with `cron_file` alone, the file."""

    titled_by: ClassVar[str] = "job"

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if message := self._mistake():
            raise ValueError(message)
        return self

    def _mistake(self) -> str:
        given = self.model_fields_set
        if self.job is None and self.variable is None:
            whole_file = self.cron_file is not None and self.remove and given <= {"remove", "cron_file"}
            return "" if whole_file else "give either 'job' or 'variable'"
        about_jobs = sorted({"job", "command", "special_time", "disabled", *_TIMES} & given)
        if self.variable is not None:
            wanted, doubt = "value", f"'{about_jobs[0]}' is about a job, not about a variable" if about_jobs else ""
        else:
            times = sorted(given & set(_TIMES))
            wanted, doubt = "command", "'value' is that of a variable, not of a job" if "value" in given else ""
            if self.special_time is not None and times:
                doubt = f"'special_time' and '{times[0]}' exclude each other"
        if self.remove == (getattr(self, wanted) is not None):
            return doubt or f"give either '{wanted}' or 'remove: true'"
        return doubt

    @property
    def _system(self) -> bool:
        return self.cron_file is not None

    @property
    def _line(self) -> str:
        """Return the job's line."""
        if self.special_time is not None:
            when = f"@{self.special_time}"
        else:
            when = f"{self.minute} {self.hour} {self.day} {self.month} {self.weekday}"
        words = [when, *([self.user or "root"] if self._system else []), self.command or ""]
        return ("#" if self.disabled else "") + " ".join(words)

    def _edited(self, now: Document) -> Document:
        if self.variable is not None:
            if self.remove:
                return without_variable(now, self.variable)
            return with_variable(now, self.variable, self.value or "")
        if self.remove:
            return without_job(now, self.job or "", system=self._system)
        return with_job(now, self.job or "", self._line, system=self._system)

    def _entry(self, document: Document) -> str | None:
        """Return the entry that this is about, as a document has it."""
        if self.variable is not None:
            return variable_value(document, self.variable)
        return job_line(document, self.job or "", system=self._system)

    async def plan(self, host: Host) -> Plan:
        """Read the crontab and edit it in memory. Raises TaskError where there is no cron or no such user."""
        return await (self._plan_crontab(host) if self.cron_file is None else self._plan_file(host, self.cron_file))

    def _about(self, now: Document, then: Document, diff: TextDiff) -> Plan:
        """Return the plan to change one entry."""
        before, after = self._entry(now), self._entry(then)
        field = self.variable or "job"
        if before == after:
            changes = (Change("name", None, self.job),) if after is not None else (Change("name", self.job, None),)
        else:
            changes = (Change(field, before, after),)
        kind = PlanKind.CREATE if before is None else PlanKind.REMOVE if after is None else PlanKind.MODIFY
        return Plan(PlanKind.MODIFY if before == after else kind, changes, (diff,))

    async def _plan_crontab(self, host: Host) -> Plan:
        before = await self._read(host)
        now = Document.parse(before.encode("utf-8", "surrogateescape"))
        then = self._edited(now)
        if then == now:
            return Plan(PlanKind.NONE)
        after = then.to_bytes().decode("utf-8", "surrogateescape")
        owner = self.user or host.user
        title = f"crontab of {owner}" if owner else "crontab"
        plan = self._about(now, then, TextDiff(title, before or None, after))
        return replace(plan, data=_Crontab(before, after))

    @property
    def _whose(self) -> tuple[str, ...]:
        return () if self.user is None else ("-u", self.user)

    async def _read(self, host: Host) -> str:
        """Return the user's crontab, empty where there is none yet."""
        try:
            said = await host.query(["crontab", *self._whose, "-l"])
        except OperationError as error:
            raise _explained(error) from error
        if said.ok:
            return said.stdout
        if _NONE_YET.search(said.stderr):
            return ""
        raise TaskError(f"the crontab cannot be read: {last_words(said)}")

    async def _plan_file(self, host: Host, name: str) -> Plan:
        path = posixpath.join(_DIRECTORY, name)
        with explained(path):
            now = await self._look(host, path)
        refuse_in_the_way(now)
        if self.job is None and self.variable is None:
            return plan_removal(now, _removal_diff(now))
        document = document_of(now, _CONTENT_LIMIT)
        edited = self._edited(document)
        if edited == document:
            return Plan(PlanKind.NONE)
        if not any(text.strip() for text in edited.texts):
            return plan_removal(now, _removal_diff(now))
        payload = payload_of_bytes(edited.to_bytes())
        if now.is_file:
            file = compare(now, payload, Attributes())
        else:
            await require_parent(host, path)
            file = plan_new(host, now, payload, Attributes())
        diff = file.diffs[0] if file.diffs else TextDiff(path, None, None)
        return replace(self._about(document, edited, diff), diffs=file.diffs, effects=file.effects, data=file.data)

    async def _look(self, host: Host, path: str) -> FileStat:
        """Look at the file, and at the user who is to run the job. Raises TaskError for an unknown user."""
        look = host.stat(path, checksum=True, content=_CONTENT_LIMIT)
        if self.user is None or self.remove:
            return await look
        now, user = await host.gather([look, host.query(["id", "-u", "--", self.user])])
        ended = cast("CommandResult", user)
        if not ended.ok:
            raise TaskError(f"there is no user {self.user!r} to run the job", hint="make the user first, with !user")
        return cast("FileStat", now)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Put the edited crontab in place, in one round trip. Raises TaskError with cron's own words."""
        if isinstance(plan.data, _Crontab):
            await self._install(host, plan.data)
            return Outcome()
        path = posixpath.join(_DIRECTORY, self.cron_file or "")
        with explained(path):
            if isinstance(plan.data, FileWork):
                await operation(host, plan.data)
            else:
                await host.remove(path, expect=cast("FileStat", plan.data))
        return Outcome()

    async def _install(self, host: Host, work: _Crontab) -> None:
        seen = hashlib.sha256(work.before.encode("utf-8", "surrogateescape")).hexdigest()
        argv = ["sh", "-c", _INSTALL, "sh", *self._whose]
        ended = await host.run(argv, stdin=work.after.encode("utf-8", "surrogateescape"), env={"SEEN": seen})
        if ended.rc == _STALE:
            raise StaleError("crontab")
        if not ended.ok:
            hint = "the crontab is as it was; see whether another line of it is wrong"
            raise TaskError(f"cron does not take the crontab: {last_words(ended)}", hint=hint)


def _explained(error: OperationError) -> Exception:
    if error.code is OperationCode.NOT_FOUND:
        return TaskError("the host has no crontab", hint="install cron first, such as with !package")
    return error


def _removal_diff(now: FileStat) -> tuple[TextDiff, ...]:
    text = None if now.content is None else decoded(now.content)
    return () if text is None else (TextDiff(now.path, text, None),)
