# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook's text in a test, and look at everything that came of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from jetpack_core.connections.local import LocalConnection
from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.view import View
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import Event, HostResult, HostUnreachable
from jetpack_core.inventory.load import LOCALHOST
from jetpack_core.inventory.model import Group, HostEntry, Inventory
from jetpack_core.inventory.order import ALL
from jetpack_core.records import Status
from jetpack_core.registry import Registry
from jetpack_core.variables.layers import Layer

E = TypeVar("E", bound=Event)
Hosts = Sequence[str] | Mapping[str, Mapping[str, object]]
"""Names of hosts, or their variables by name."""
Connect = Callable[[Endpoint], Connection]


class KeptEvents(View):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)


@dataclass(frozen=True, slots=True)
class PlaybookRun:
    """What came of a run."""

    exit_code: int
    events: tuple[Event, ...]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind, such as `HostResult`."""
        return [event for event in self.events if isinstance(event, kind)]

    def results(self, host: str = LOCALHOST) -> list[HostResult]:
        """Return the results of a host in order, one for each item of a task."""
        return [event for event in self.of(HostResult) if event.host == host]

    def statuses(self, host: str = LOCALHOST) -> list[Status]:
        """Return what became of each task on a host, in order."""
        found = [event for event in self.events if isinstance(event, HostResult | HostUnreachable)]
        return [_status(event) for event in found if event.host == host]

    @property
    def messages(self) -> list[str]:
        """Return what the tasks said, failures included."""
        return [event.msg for event in self.of(HostResult) if event.msg]


def _status(event: HostResult | HostUnreachable) -> Status:
    return event.status if isinstance(event, HostResult) else Status.UNREACHABLE


class TestRegistry(Registry):
    """The built-in parts, the installed plugins, and one way to connect to every host of a test."""

    __test__ = False  # for pytest, which takes the name for a test class

    def __init__(self, connect: Connect | None, plugins: Sequence[object] = ()) -> None:
        super().__init__()
        self.load_plugins()
        for number, plugin in enumerate(plugins):
            self.register(plugin, f"test-plugin-{number}")
        self._connect = connect

    def connection(self, name: str) -> type[Connection]:
        """Return what makes the connections of the test, whatever the hosts say; without it, what has the name."""
        if self._connect is None:
            return super().connection(name)
        return self._connect  # type: ignore[return-value] # called like a class, with an endpoint


class PlaybookRunner:
    """Runs playbooks, with installed plugins; every host is this machine if nothing else is said.

    Example::

        def test_it_works(run_playbook):
            ran = run_playbook('''
                - name: greetings
                  groups: [all]
                  tasks:
                    - !echo
                      msg: hello
            ''')
            assert ran.exit_code == 0
            assert ran.messages == ["hello"]

    :param folder: Where the playbook would be; its `files`, `templates` and `roles` may lie there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def __call__(
        self,
        text: str,
        *,
        hosts: Hosts = (LOCALHOST,),
        groups: Mapping[str, Sequence[str]] | None = None,
        variables: Mapping[str, object] | None = None,
        plan: bool = False,
        connect: Connect | None = LocalConnection,
        plugins: Sequence[object] = (),
        views: Sequence[View] = (),
        settings: RunSettings | None = None,
    ) -> PlaybookRun:
        """Run a playbook and return its exit code and events.

        :param hosts: Names of hosts, or their variables by name; all are in the group `all`.
        :param groups: Further groups, with the names of their hosts.
        :param variables: Variables that beat all others.
        :param plan: Only say what would change.
        :param connect: How to connect to each host, such as `lambda endpoint: ScriptedConnection()`; None leaves it to
            the host's `jet_connection`.
        :param plugins: Objects with hooks, beside the installed plugins.
        :param views: Further receivers of the events.

        Raises ContentError with every mistake in the text.
        """
        registry = TestRegistry(connect, plugins)
        extra = dict(variables or {})
        playbook = load_playbook(
            self.folder / f"playbook-{next(self._numbers)}.yml",
            registry=registry,
            extra_vars=extra,
            text=textwrap.dedent(text).encode(),
        )
        chosen = settings or RunSettings(planning=plan, extra_vars=extra, allow_localhost_delegation=True)
        kept = KeptEvents()
        code = run_playbooks([playbook], make_inventory(hosts, groups), registry, chosen, [kept, *views])
        return PlaybookRun(code, tuple(kept.events))


def make_inventory(hosts: Hosts, groups: Mapping[str, Sequence[str]] | None = None) -> Inventory:
    """Return an inventory that is nowhere but in memory."""
    variables = hosts if isinstance(hosts, Mapping) else {name: {} for name in hosts}
    named = {name: Group(name, hosts=tuple(members), parents=(ALL,)) for name, members in (groups or {}).items()}
    every = Group(ALL, hosts=tuple(variables), subgroups=tuple(sorted(named)))
    entries = {name: HostEntry(name, tuple(_groups_of(name, named)), _layers(name, variables)) for name in variables}
    return Inventory({ALL: every, **named}, entries)


def _groups_of(host: str, groups: Mapping[str, Group]) -> Iterator[str]:
    yield ALL
    yield from sorted(name for name, group in groups.items() if host in group.hosts)


def _layers(host: str, variables: Mapping[str, Mapping[str, object]]) -> tuple[Layer, ...]:
    return (Layer(f"host {host}", variables[host]),) if variables[host] else ()
