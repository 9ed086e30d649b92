# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs that run playbooks have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.cli import collector
from jetpack_core.cli.guests import survey_guests
from jetpack_core.cli.invocation import warn
from jetpack_core.cli.log import RunLog
from jetpack_core.cli.options import lock_timeout
from jetpack_core.cli.output import output_view, plugin_views
from jetpack_core.cli.passwords import ask_password
from jetpack_core.cli.prompting import asker
from jetpack_core.cli.resuming import failed_hosts, limited_hosts, progress_of
from jetpack_core.contracts.view import View
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jetpack_core.cli.options import HostOptions, RunOptions
    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Playbook, Task
    from jetpack_core.contracts.connection import Credentials
    from jetpack_core.engine.approval import Approval, Draft
    from jetpack_core.engine.progress import Progress
    from jetpack_core.engine.run_state import RunState
    from jetpack_core.engine.settings import RunSettings
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.provisioning.survey import Surveyed

_THREADS: Final = 100
_CONNECT_TIMEOUT: Final = 15.0
_LOCK_TIMEOUT: Final = "120"
STREAMING: Final = 2
"""From this verbosity on, the output of commands is shown while they run."""


def run(
    playbooks: Sequence[Playbook],
    inventory: Inventory,
    sources: Sources,
    settings: RunSettings,
    options: RunOptions,
    approval: Draft | Approval | None = None,
) -> int:
    """Run playbooks with the views that the options ask for, and return the exit code.

    :param approval: Takes down what a plan would do, or keeps the run to that.
    """
    _warn_of_unknown_tags(playbooks, settings.tags)
    if options.resume is not None and options.retry_failed:
        raise UsageError("--resume and --retry-failed exclude each other", hint="the former goes on, the latter begins")
    limit = limited_hosts(playbooks, settings, inventory)
    if limit is None:
        return 0
    settings = replace(settings, limit_hosts=limit)
    tried: RunState | None = None
    if options.retry_failed:
        failed, tried = failed_hosts(playbooks, settings, inventory)
        if not failed:
            return 0
        settings = replace(settings, limit_hosts=failed)
    progress = progress_of(playbooks, settings, options.resume, tried)
    if progress is None:
        return 0
    hosts = [host for host in _hosts(playbooks, inventory, settings) if progress.is_left(host)]
    guests = survey_guests(hosts, inventory, sources, settings, yes=options.yes)
    return _run(playbooks, inventory, sources, settings, options, guests, progress, approval)


def compare(
    playbooks: Sequence[Playbook], inventory: Inventory, sources: Sources, settings: RunSettings, approval: Approval
) -> int:
    """Plan without showing it, and return the exit code; failures are told.

    Raises UsageError where something else would be done than was approved.
    """
    from jetpack_core.cli.saved_plan import Failures, refuse_drift
    from jetpack_core.engine.approval import Draft
    from jetpack_core.engine.run import run_playbooks
    from jetpack_core.views.text import visible

    settings = replace(settings, command="plan", planning=True, ask=None, step=False)
    guests = survey_guests(_hosts(playbooks, inventory, settings), inventory, sources, settings, yes=False)
    draft, failures = Draft(), Failures()
    code = run_playbooks(playbooks, inventory, sources.registry, settings, [draft, failures], guests, approval=draft)
    for line in failures.lines:
        warn(visible(line))
    if code == 0 and draft.sketch is not None:
        approval.begin(draft.sketch)
        refuse_drift(approval, draft)
    return code


def _hosts(playbooks: Sequence[Playbook], inventory: Inventory, settings: RunSettings) -> tuple[str, ...]:
    """Return the hosts that the plays touch, where they are not this machine alone."""
    if settings.local:
        return ()
    groups = {group for playbook in playbooks for play in playbook.plays for group in play.groups}
    return inventory.select(groups, settings.limit_hosts, settings.limit_groups)


def run_guests(
    hosts: Sequence[str], inventory: Inventory, sources: Sources, settings: RunSettings, options: RunOptions
) -> int:
    """Provision hosts, without any play, and return the exit code."""
    guests = survey_guests(hosts, inventory, sources, settings, yes=options.yes)
    return _run((), inventory, sources, settings, options, guests)


def _run(
    playbooks: Sequence[Playbook],
    inventory: Inventory,
    sources: Sources,
    settings: RunSettings,
    options: RunOptions,
    guests: Sequence[Surveyed],
    progress: Progress | None = None,
    approval: Draft | Approval | None = None,
) -> int:
    from jetpack_core.engine.run import run_playbooks

    with closing(RunLog()) as log:
        views = [output_view(options), log, *plugin_views(sources.registry)]
        collector.resume()
        if isinstance(approval, View):
            views.append(approval)
        return run_playbooks(playbooks, inventory, sources.registry, settings, views, guests, progress, approval)


def _warn_of_unknown_tags(playbooks: Sequence[Playbook], wanted: frozenset[str]) -> None:
    known = known_tags(playbooks)
    for tag in sorted(wanted - known):
        warn(f"no task has the tag {tag!r}{_near(tag, known)}")


def known_tags(playbooks: Sequence[Playbook]) -> set[str]:
    """Return the tags that tasks, handlers and roles of playbooks have."""
    plays = (play for playbook in playbooks for play in playbook.plays)
    return {tag for play in plays for task in (*play.tasks, *play.handlers) for tag in _tags(task)}


def _tags(task: Task) -> Iterator[str]:
    if task.role is not None:
        yield from task.role.tags
    for use in task.modifiers:
        if use.name == "tags" and isinstance(use.modifier.value, Iterable):
            yield from map(str, use.modifier.value)


def _near(name: str, known: Iterable[str]) -> str:
    from jetpack_core.content.problems import suggest

    return f"; {hint}" if (hint := suggest(name, known)) else ""


def settings_for(
    command: str,
    sources: Sources,
    hosts: HostOptions,
    options: RunOptions,
    *,
    planning: bool = False,
    local: bool = False,
    exit_on_change: bool = False,
) -> RunSettings:
    """Put together what the flags, the environment and the project say; asks for passwords."""
    from jetpack_core.engine.settings import RunSettings

    project = sources.project
    ask = asker(sources.vault.redactor.redact)
    if options.step and ask is None:
        raise UsageError("--step asks before each task, and there is no terminal to ask on")
    return RunSettings(
        command=command,
        planning=planning,
        local=local,
        tags=frozenset(options.tags),
        limit_hosts=hosts.limit_hosts,
        limit_groups=hosts.limit_groups,
        threads=options.threads or project.threads or _THREADS,
        batch_size=options.batch_size or project.batch_size,
        user=options.user,
        port=options.port,
        default_user=os.environ.get("JET_SSH_USER") or project.user,
        default_port=_port_from_environment() or project.port,
        sudo=options.sudo or project.sudo,
        sudo_password=_sudo_password(options, sources),
        credentials=_credentials(options, sources),
        accept_new_host_keys=options.accept_new_host_keys,
        connect_timeout=options.connect_timeout or _CONNECT_TIMEOUT,
        allow_localhost_delegation=options.allow_localhost_delegation,
        extra_vars=sources.extra_vars,
        vault=sources.vault,
        verify=options.verify,
        lock_timeout=lock_timeout(options.lock_timeout or project.lock_timeout or _LOCK_TIMEOUT),
        stream_output=options.verbosity >= STREAMING,
        ask=ask,
        yes=options.yes,
        step=options.step,
        exit_on_change=exit_on_change,
    )


def _sudo_password(options: RunOptions, sources: Sources) -> str | None:
    if options.ask_sudo_password or sources.project.ask_sudo_password:
        return ask_password("Password for sudo", "--ask-sudo-password")
    return None


def _credentials(options: RunOptions, sources: Sources) -> Credentials:
    from jetpack_core.contracts.connection import Credentials

    login = ask_password("Password to log in", "--ask-login-password") if options.ask_login_password else None
    return Credentials(
        password=login,
        passphrase=os.environ.get("JET_SSH_PRIVATE_KEY_PASSPHRASE") or None,
        key_comment=os.environ.get("JET_SSH_KEY_COMMENT") or None,
        forward_agent=options.forward_agent or sources.project.forward_agent,
    )


def _port_from_environment() -> int | None:
    text = os.environ.get("JET_SSH_PORT")
    if not text:
        return None
    from jetpack_core.cli.options import WIDEST_PORT

    if not (text.isascii() and text.isdigit() and 0 < int(text) <= WIDEST_PORT):
        raise UsageError(f"JET_SSH_PORT is {text!r}", hint=f"set it to a number from 1 to {WIDEST_PORT}")
    return int(text)
