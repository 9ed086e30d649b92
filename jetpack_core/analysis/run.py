# SPDX-License-Identifier: GPL-3.0-or-later
"""Check playbooks against an inventory: every task on every host, as far as that differs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from jetpack_core.analysis.examine import Examined, Examiner
from jetpack_core.analysis.findings import Finding, Findings, joined
from jetpack_core.analysis.handlers import Notifications
from jetpack_core.analysis.hosts import OF_EACH_HOST, PlayHosts
from jetpack_core.analysis.judging import judged, only_a_run_can_tell
from jetpack_core.analysis.leaks import Leaks
from jetpack_core.analysis.places import Places
from jetpack_core.analysis.shadows import Shadows
from jetpack_core.analysis.texts import Texts
from jetpack_core.analysis.timeline import Timeline
from jetpack_core.analysis.undefined import TaskOnHost, Verdicts
from jetpack_core.inventory.names import nearest
from jetpack_core.variables.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jetpack_core.content.model import Play, Playbook, Task
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.registry import Registry
    from jetpack_core.secrets.vault import Vault

_HERE: Final = "localhost"


def analyse(
    playbooks: Iterable[Playbook],
    inventory: Inventory | None,
    registry: Registry,
    extra: Mapping[str, object],
    vault: Vault,
    unread: str = "",
) -> list[Finding]:
    """Return what is found about playbooks that were loaded without problems, by file and line.

    No host is asked, and no secret is decrypted but those in files of which nothing is known before.

    :param inventory: where the hosts are; without one, only what no host is needed for is found.
    :param extra: the variables of `-e`.
    :param unread: why some variables may be defined where nobody could look.
    """
    plays = [play for playbook in playbooks for play in playbook.plays]
    analysis = _Analysis(plays, registry, extra, vault, unread)
    found = analysis.without_hosts() if inventory is None else analysis.on(inventory)
    kept = joined(one for one in found if not analysis.places.ignores(one.position, one.code))
    return sorted(kept, key=lambda one: (one.position.file, one.position.line, one.position.column))


def _chosen(task: Task, hosts: Sequence[str]) -> Sequence[str]:
    """Return the hosts of a play on which a task acts."""
    for use in task.modifiers:
        chosen = use.modifier.choose(hosts)
        hosts = hosts if chosen is None else chosen
    return hosts


class _Analysis:
    def __init__(
        self, plays: Sequence[Play], registry: Registry, extra: Mapping[str, object], vault: Vault, unread: str
    ) -> None:
        self.places = Places()
        self._plays = plays
        self._extra = extra
        self._vault = vault
        self._unread = unread
        self._templates = Templates(registry)
        self._texts = Texts(registry, self._templates)
        self._examiner = Examiner(self._templates, self._texts)
        self._notifications = Notifications()
        self._names: set[str] | None = None

    def without_hosts(self) -> Iterator[Finding]:
        for play in self._plays:
            self._notifications.add(play, ())
        yield from self._notifications.findings(self.places)

    def on(self, inventory: Inventory) -> Iterator[Finding]:
        groups = inventory.groups
        members = [
            frozenset(inventory.select(group for group in play.groups if group in groups)) for play in self._plays
        ]
        timeline = Timeline(self._plays, members)
        verdicts = Verdicts(timeline, self.places, self._in_the_dark, lambda: self._known_names(inventory))
        shadows = Shadows(inventory, self.places)
        for number, play in enumerate(self._plays):
            hosts = PlayHosts(number, play, inventory, self._extra, timeline, self._vault, members[:number])
            yield from self._play(hosts, verdicts, inventory)
            yield from shadows.of(hosts)
        yield from self._notifications.findings(self.places)

    def _play(self, hosts: PlayHosts, verdicts: Verdicts, inventory: Inventory) -> Iterator[Finding]:
        collected = Findings()
        rendered: list[tuple[Task, set[str], bool]] = []
        leaks = Leaks(self._texts, self.places)
        for order, task in enumerate((*hosts.play.tasks, *hosts.play.handlers)):
            texts = self._texts.of(task)
            for host, alike in hosts.alike(texts, _chosen(task, hosts.names)):
                look = partial(hosts.variables, host, task.role, order)
                examined = self._examiner.examine(task, partial(hosts.covered, look), host)
                unit = TaskOnHost(task, texts, order, hosts, host)
                for finding in (*verdicts.of(unit, examined), *self._delegates(task, examined, inventory)):
                    collected.add(finding, alike)
                if self._vault.in_use and examined.acting:
                    for finding in leaks.of(task, look(texts.names), examined):
                        collected.add(finding, alike)
                rendered.append((task, examined.notifies, examined.notifies_unknown))
        self._notifications.add(hosts.play, rendered)
        yield from collected.merged(frozenset(hosts.names))

    def _delegates(self, task: Task, examined: Examined, inventory: Inventory) -> Iterator[Finding]:
        for name in sorted(examined.delegates):
            if name != _HERE and name not in inventory.hosts:
                use = next((use for use in task.modifiers if use.name == "delegate_to"), None)
                position = use.position if use is not None else task.position
                message = f"the inventory has no host {name!r} to delegate to"
                severity, message = judged(task, message, only_a_run_can_tell(examined.doubtful))
                hint = nearest(name, inventory.hosts) or "list what it has: jetpack show-inventory"
                yield Finding("unknown-host", severity, position, message, hint, source_line=self.places.line(position))

    def _in_the_dark(self) -> str:
        locked = next(iter(self._vault.locked.values()), "")
        return f"it may be in a file that cannot be decrypted here: {locked}" if locked else self._unread

    def _known_names(self, inventory: Inventory) -> set[str]:
        """Return every variable that anything defines, to suggest one of them."""
        if self._names is None:
            layers = [layer.values for group in inventory.groups.values() for layer in group.layers]
            layers += [layer.values for host in inventory.hosts.values() for layer in host.layers]
            for play in self._plays:
                layers += [play.defaults, play.vars, *play.vars_files]
                layers += [values for role in play.roles for values in (role.defaults, role.vars)]
            self._names = {name for values in layers for name in values} | set(self._extra) | OF_EACH_HOST
        return self._names
