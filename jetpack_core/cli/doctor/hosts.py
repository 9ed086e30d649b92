# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at hosts, by a run that changes nothing on them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.cli.doctor.findings import Finding, Level
from jetpack_core.contracts.view import View
from jetpack_core.errors import JetpackError
from jetpack_core.events import HostResult, HostUnreachable
from jetpack_core.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Playbook
    from jetpack_core.events import Event

_SUDO_PLAY: Final = "sudo"
_MOST_SKEW: Final = 60.0
"""Seconds that clocks may be apart before certificates and comparisons of times go wrong."""
_LEAST_SPACE: Final = 200
"""MiB on the file system of /tmp."""
_OLDEST: Final = (3, 6)


def doctors_playbook(sources: Sources, sudo: str | None) -> Playbook:
    """Return what is run on the hosts: facts, and becoming another user where that is wanted."""
    from jetpack_core.content.load import load_playbook

    text = "- {name: look, groups: [all], tasks: [!facts {}]}\n"
    if sudo is not None:
        task = f'!command {{name: become, cmd: [id, -un], changed_when: "false", with: {{sudo: {json.dumps(sudo)}}}}}'
        text += f"- {{name: {_SUDO_PLAY}, groups: [all], tasks: [{task}]}}\n"
    return load_playbook(
        Path("doctor"),
        registry=sources.registry,
        roles_paths=(),
        modules_paths=(),
        extra_vars=sources.extra_vars,
        vault=sources.vault,
        text=text.encode(),
    )


def wanted_sudo(playbooks: Sequence[Playbook]) -> str | None:
    """Return the user that plays become, or one of several."""
    return next((play.sudo for playbook in playbooks for play in playbook.plays if play.sudo), None)


class HostFindings(View):
    """Makes findings of what the run tells.

    :param sudo: The user to become.
    :param guests: Hosts that the inventory makes, which may not be there yet.
    """

    def __init__(self, sudo: str | None, guests: frozenset[str] = frozenset()) -> None:
        self.findings: list[Finding] = []
        self._sudo = sudo
        self._guests = guests

    def handle(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, HostUnreachable):
            self.findings.append(self._unreachable(event))
        elif isinstance(event, HostResult) and event.play == _SUDO_PLAY:
            self.findings.append(self._became(event))
        elif isinstance(event, HostResult) and event.status is Status.FAILED:
            self.findings.append(Finding(event.host, Level.BAD, f"facts: {event.msg}", event.hint))
        elif isinstance(event, HostResult):
            self.findings += _judged(event.host, event.result, event.time)

    def _unreachable(self, event: HostUnreachable) -> Finding:
        remedy = event.hint
        if event.host in self._guests:
            remedy = f"if it was not made yet: jetpack provision; otherwise {event.hint or 'look at its console'}"
        return Finding(event.host, Level.BAD, event.msg.removeprefix(f"{event.host}: "), remedy)

    def _became(self, event: HostResult) -> Finding:
        if event.status is Status.FAILED:
            remedy = event.hint or "allow it in /etc/sudoers.d, or give the password with --ask-sudo-password"
            said = (event.stderr or event.msg).strip().split("\n")[0]
            return Finding(event.host, Level.BAD, f"becoming {self._sudo} fails: {said}", remedy)
        return Finding(event.host, Level.FINE, f"becomes {self._sudo}")


def _judged(host: str, facts: Mapping[str, Any], now: float) -> Iterator[Finding]:
    """Yield what facts say of a host.

    :param now: When they came, in seconds since the epoch.
    """
    system = facts.get("jet_os_name") or facts.get("jet_os_type") or "an unknown system"
    user = facts.get("jet_user_name") or "?"
    version = facts.get("jet_python_version")
    yield Finding(host, Level.FINE, f"{system}, logged in as {user}, {f'Python {version}' if version else 'no Python'}")
    if not version or tuple(map(int, re.findall(r"\d+", str(version))[:2])) < _OLDEST:
        remedy = "install Python 3.6 or newer: it works without, through the shell, and is slower"
        yield Finding(host, Level.NOTE, "there is no Python that Jetpack can use", remedy)
    skew = _skew(str(facts.get("jet_date_time") or ""), now)
    if skew is not None and abs(skew) > _MOST_SKEW:
        what = f"its clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        yield Finding(host, Level.NOTE, what, "let it follow a time server, such as with chrony or systemd-timesyncd")
    space = _space(facts.get("jet_mounts"))
    if space is not None and space < _LEAST_SPACE:
        what = f"/tmp has {space:.0f} MiB left"  # noqa: S108 - only named
        yield Finding(host, Level.NOTE, what, "make room: changes pass through it")


def _skew(text: str, now: float) -> float | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC).timestamp() - now
    except ValueError:
        return None


def _space(mounts: object) -> float | None:
    """Return how many MiB are left where /tmp is."""
    if not isinstance(mounts, list):
        return None
    holding = [one for one in mounts if isinstance(one, Mapping) and one.get("path") in {"/tmp", "/"}]  # noqa: S108
    left = max(holding, key=lambda one: len(str(one["path"])), default={}).get("available_mb")
    return float(left) if isinstance(left, int | float) else None


def load_leniently(sources: Sources) -> tuple[Playbook, ...]:
    """Return the project's playbooks; none where they cannot be read, which `check` is for."""
    from jetpack_core.cli.sources import load_playbooks

    try:
        return load_playbooks(sources) if sources.playbooks else ()
    except JetpackError:
        return ()
