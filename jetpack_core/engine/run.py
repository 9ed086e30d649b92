# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks on an inventory: the engine's front door."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from jetpack_core.engine.arenas import share_heap
from jetpack_core.engine.context import HostRun, RunContext
from jetpack_core.engine.descriptors import make_room
from jetpack_core.engine.endpoints import Endpoints
from jetpack_core.engine.event_stream import EventStream
from jetpack_core.engine.garbage import rarely_collected
from jetpack_core.engine.guests import Guests
from jetpack_core.engine.interrupts import interruptible
from jetpack_core.engine.play_run import PlayRun, Stop, takes_part
from jetpack_core.engine.pool import Pool
from jetpack_core.engine.progress import Progress
from jetpack_core.engine.questions import Questions
from jetpack_core.engine.run_lock import RunLock
from jetpack_core.engine.run_sketch import sketch_run
from jetpack_core.engine.scope import HostVariables, OtherHosts
from jetpack_core.engine.template_files import TemplateFiles
from jetpack_core.engine.watch import Watch
from jetpack_core.errors import JetpackError, UsageError
from jetpack_core.events import RunFinished, RunStarted, Warned
from jetpack_core.records import Status
from jetpack_core.secrets.vault import Vault
from jetpack_core.variables.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jetpack_core.content.model import Play, Playbook, Task
    from jetpack_core.contracts.view import View
    from jetpack_core.engine.approval import Approval, Draft
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.provisioning.survey import Surveyed
    from jetpack_core.registry import Registry

EXIT_OK: Final = 0
EXIT_USAGE: Final = 1
EXIT_FAILED: Final = 2
EXIT_CHANGES: Final = 3
EXIT_UNREACHABLE: Final = 4
EXIT_INTERRUPTED: Final = 130

_PATIENCE: Final = 15.0
"""Seconds that hanging up may take in all."""


def run_playbooks(
    playbooks: Sequence[Playbook],
    inventory: Inventory,
    registry: Registry,
    settings: RunSettings,
    views: Sequence[View],
    guests: Sequence[Surveyed] = (),
    progress: Progress | None = None,
    approval: Draft | Approval | None = None,
) -> int:
    """Run playbooks and return the exit code of SPEC's table (see the constants above).

    The views receive every event, `run_finished` always among them. Raises UsageError before anything ran, for limits
    that leave no host.

    :param guests: Hosts that are provisioned before the plays, as the survey found them.
    :param progress: Notes how far the run comes, and has it go on from an earlier one.
    :param approval: Takes down what a run in plan mode would do, or keeps a run to that.
    """
    run = _Run(playbooks, inventory, registry, settings, views, guests, progress or Progress(), approval)
    share_heap(len(inventory.hosts))
    with rarely_collected():
        return asyncio.run(run.run())


class _Run:
    """One run, from its first event to its last."""

    def __init__(
        self,
        playbooks: Sequence[Playbook],
        inventory: Inventory,
        registry: Registry,
        settings: RunSettings,
        views: Sequence[View],
        guests: Sequence[Surveyed],
        progress: Progress,
        approval: Draft | Approval | None,
    ) -> None:
        self._playbooks = playbooks
        self._inventory = inventory
        self._settings = settings
        self._stop = Stop()
        self._interrupted = False
        self._variables: dict[str, HostVariables] = {}
        self._guests = Guests(guests)
        endpoints = Endpoints(inventory, registry, settings, self._guests.host_keys, self._guests.meetings)
        vault = settings.vault or Vault()
        self._redactor = vault.redactor
        events = EventStream(views, vault.redactor)
        self._context = RunContext(
            settings=settings,
            inventory=inventory,
            templates=Templates(registry, vault),
            files=TemplateFiles(registry, vault),
            pool=Pool(endpoints.endpoint, endpoints.connect, settings.threads),
            events=events,
            groups={name: inventory.members(name) for name in inventory.groups},
            hostvars=OtherHosts(self._variables, inventory),
            progress=progress,
            watch=Watch(events),
            approval=approval,
            task_ids=dict(_task_ids(playbooks)),
            questions=Questions(events, settings.ask, yes=settings.yes, step=settings.step and not settings.planning),
        )
        if settings.lock_timeout is not None and not settings.planning:
            self._context.pool.hold(RunLock(self._context.events, settings.lock_timeout))

    async def run(self) -> int:
        """Run all plays, and close everything whatever happens."""
        plays = list(self._plays())
        settings, context = self._settings, self._context
        paths = tuple(str(playbook.path) for playbook in self._playbooks)
        warnings = self._begin(plays)
        if short := make_room(len({name for _, names in plays for name in names})):
            warnings.append(short)
        context.events.send(RunStarted(command=settings.command, planned=settings.planning, playbooks=paths))
        for warning in warnings:
            context.events.send(Warned(msg=warning))
        error: Exception | None = None
        walk = asyncio.ensure_future(self._walk(plays))
        with interruptible(walk):
            try:
                await walk
            except asyncio.CancelledError:
                self._interrupted = True
            except Exception as failure:  # noqa: BLE001 - whatever it is, hosts are left in order and the summary is sent
                error = _first(failure)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(context.pool.close(), _PATIENCE)
        code = self._finish(plays, _told(error))
        context.events.close()
        if error is not None and not isinstance(error, JetpackError):
            raise error
        return code

    def _plays(self) -> Iterator[tuple[Play, tuple[str, ...]]]:
        """Yield each play with its hosts. Raises UsageError when limits leave none in any play."""
        settings = self._settings
        chosen = [
            (play, self._inventory.select(play.groups, settings.limit_hosts, settings.limit_groups))
            for playbook in self._playbooks
            for play in playbook.plays
        ]
        limited = settings.limit_hosts or settings.limit_groups
        if chosen and limited and not any(hosts for _, hosts in chosen):
            message = "the limits leave no host in any play"
            raise UsageError(message, hint="look at the groups with: jetpack show-inventory")
        return iter(chosen)

    async def _walk(self, plays: Sequence[tuple[Play, tuple[str, ...]]]) -> None:
        context = self._context
        await self._guests.provision(context, self._host)
        for number, (play, names) in enumerate(plays):
            left = [name for name in self._guests.there(names) if context.progress.takes_part(name, number)]
            hosts = [host for host in map(self._host, left) if not host.lost]
            if names and self._guests.there(names) and not left:
                continue
            if not names:
                context.events.send(Warned(msg=f"the play {play.name!r} has no hosts"))
                continue
            if missing := self._guests.missing(names):
                message = f"the play {play.name!r} is not planned for {missing}: not there to look at yet"
                context.events.send(Warned(msg=message))
            if not self._guests.there(names):
                if not missing:
                    context.events.send(Warned(msg=f"no host of the play {play.name!r} is there to act on"))
                continue
            await self._guests.reach(context, play, hosts)
            hosts = [host for host in hosts if not host.lost]
            if hosts:
                context.progress.begin_play(number)
                await PlayRun(context, play, hosts, self._stop, self._with_finished(hosts, names)).run()
            if not self._stop.reason and all(self._host(name).lost for name in left):
                self._stop.reason = "no hosts remain: all of them failed"
            if self._stop.reason:
                return
        await self._guests.reach(context, None, list(context.hosts.values()))
        everyone = dict.fromkeys(name for _, names in plays for name in names)
        lost = {name for name, host in context.hosts.items() if host.lost}
        context.progress.through(len(plays), [name for name in everyone if name not in lost])

    def _with_finished(self, hosts: Sequence[HostRun], names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of a play's hosts; those on which nothing is left to do belong to it as they did."""
        there = {host.name for host in hosts}
        known = self._context.hosts
        # Whoever takes part elsewhere once more, for what was not kept, belongs to it as well.
        return tuple(name for name in names if name in there or name not in known or not known[name].lost)

    def _begin(self, plays: Sequence[tuple[Play, tuple[str, ...]]]) -> list[str]:
        """Let the progress begin; returns warnings. Raises UsageError for a run that cannot be resumed."""
        context = self._context
        if not context.progress.wanted and context.approval is None:
            return []
        sketch = sketch_run(context, self._playbooks, plays)
        if context.approval is not None:
            context.approval.begin(sketch)
        wanted = self._settings.tags
        subscribed = tuple(
            tuple(handler.subscribe or "" for handler in play.handlers if takes_part(handler, wanted))
            for play, _ in plays
        )
        warnings = context.progress.begin(sketch, self._redactor, subscribed)
        if context.progress.resumed is not None:
            for name, state in context.progress.resumed.hosts.items():
                if name in self._inventory.hosts:
                    # Also of hosts that are done: others look at their variables.
                    self._host_variables(name).save(state.variables)
                    self._host_variables(name).take_fresh()
        return warnings

    def _host_variables(self, name: str) -> HostVariables:
        if name not in self._variables:
            self._variables[name] = HostVariables(name, self._inventory, self._settings.extra_vars)
        return self._variables[name]

    def _host(self, name: str) -> HostRun:
        hosts = self._context.hosts
        if name not in hosts:
            self._context.events.knows(name)
            hosts[name] = HostRun(name, self._host_variables(name))
        return hosts[name]

    def _finish(self, plays: Sequence[tuple[Play, tuple[str, ...]]], error: str) -> int:
        counts = self._context.events.counts
        code = self._exit_code(counts, error)
        self._context.progress.finish(code, self._context.hosts.values())
        self._context.events.send(
            RunFinished(
                planned=self._settings.planning,
                exit_code=code,
                interrupted=self._interrupted,
                error=error or self._stop.reason,
                tasks=sum(len(play.tasks) for play, _ in plays),
                roles=sum(len(play.roles) for play, _ in plays),
                hosts=counts,
                redactions=self._context.events.redactions or None,
                differing=self._guests.differing,
                refused=self._context.questions.refused,
            )
        )
        return code

    def _exit_code(self, counts: Mapping[str, Mapping[str, int]], error: str) -> int:
        seen = {Status(status) for counter in counts.values() for status, number in counter.items() if number}
        if self._interrupted:
            return EXIT_INTERRUPTED
        if Status.FAILED in seen or error:
            return EXIT_FAILED
        if Status.UNREACHABLE in seen:
            return EXIT_UNREACHABLE
        changes = any(status.changed or status is Status.UNKNOWN for status in seen)
        if self._settings.planning and self._settings.exit_on_change and changes:
            return EXIT_CHANGES
        return EXIT_OK


def _task_ids(playbooks: Sequence[Playbook]) -> Iterator[tuple[Task, str]]:
    plays = (play for playbook in playbooks for play in playbook.plays)
    for number, play in enumerate(plays, 1):
        yield from ((task, f"{number}.{place}") for place, task in enumerate(play.tasks, 1))
        yield from ((task, f"{number}.h{place}") for place, task in enumerate(play.handlers, 1))


def _told(error: Exception | None) -> str:
    """Return what is wrong and what to do about it, in one line."""
    if isinstance(error, JetpackError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return "" if error is None else str(error)


def _first(error: Exception) -> Exception:
    """Return the first error in a group of them."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
