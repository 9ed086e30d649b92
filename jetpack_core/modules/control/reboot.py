# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `reboot`."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field

from jetpack_core.contracts.module import Module
from jetpack_core.errors import HostUnreachableError, OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.words import Words
from jetpack_core.modules.control.waiting import Stopwatch
from jetpack_core.records import CommandResult, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

# random(4) for the boot id, proc(5) for the other. A container shares the boot id with what it runs on,
# and only the start of its first process tells that it was restarted.
_BOOT: Final = ("cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat")
# Where packages of Debian's and of SUSE's family say that they wait for a restart.
_NOTES: Final = ("/var/run/reboot-required", "/run/reboot-needed")
_BOOT_ELSEWHERE: Final = ("sysctl", "-n", "kern.boottime")


class Reboot(Module):
    """Restart the host and wait until it is back.

    It is back when it can be logged in to, was started anew (its boot id says so), and `test_command` exits
    with 0.

    Example::

        - !reboot
          name: start the new kernel
          msg: a new kernel is installed
          test_command: systemctl is-system-running --wait
          with:
            condition: jet_reboot_required
    """

    renews_facts: ClassVar[tuple[str, ...]] = ("jet_reboot_required",)

    timeout: float = Field(default=600, gt=0)
    """Seconds after which waiting fails."""

    delay: float = Field(default=5, gt=0)
    """Seconds between two looks whether it is back."""

    command: Words | None = None
    """What restarts the host; without it, `shutdown`, `systemctl` or `reboot`, whichever is there."""

    test_command: Words | None = None
    """A command that must exit with 0 before the host counts as back."""

    msg: str = "restarted by jetpack"
    """What logged-in users are told, where `shutdown` is there to tell them."""

    async def plan(self, host: Host) -> Plan:
        """Note when the host was started.

        Raises TaskError where it cannot tell, or where it is the control machine.
        """
        boot = await _boot(host)
        if not boot:
            raise TaskError("the host does not tell when it was started, so a restart could not be noticed")
        if boot == await host.in_thread(_boot_here):
            raise TaskError("this is the control machine itself, and restarting it would end the run")
        return Plan(PlanKind.EXECUTE, data=boot)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Restart the host, and wait until it is back."""
        clock = Stopwatch()
        # It may go down before it can answer.
        with suppress(HostUnreachableError):
            await self._restart(host)
        await self._wait_until_back(host, plan.data, clock)
        result = {"elapsed": round(clock.elapsed, 1)}
        return Outcome(result, f"back after {clock.elapsed:.0f} seconds", variables=await _renewed(host))

    async def _restart(self, host: Host) -> None:
        for argv in [tuple(self.command)] if self.command else _commands(self.msg):
            try:
                ended = await host.run(argv, timeout=self.timeout)
            except OperationError as error:
                if error.code is OperationCode.OTHER:
                    return  # what runs commands there was taken down with the rest
                if error.code is OperationCode.NOT_FOUND and not self.command:
                    continue
                raise
            _check(ended)
            return
        raise TaskError("the host has neither shutdown nor systemctl nor reboot", hint="say it in `command`")

    async def _wait_until_back(self, host: Host, before: object, clock: Stopwatch) -> None:
        problem = "it did not go down"
        while (left := self.timeout - clock.elapsed) > 0:
            await clock.sleep(host, min(self.delay, left))
            try:
                await host.reconnect(max(self.timeout - clock.elapsed, 1), self.delay)
                found = await self._problem(host, before)
            except HostUnreachableError as error:
                # It may answer while it goes down; only the next look tells.
                found = error.message
            if found is None:
                return
            problem = found
        raise TaskError(f"the host is not back after {self.timeout:g} seconds: {problem}")

    async def _problem(self, host: Host, before: object) -> str | None:
        """Return why the host does not count as back, or None."""
        now = await _boot(host)
        if now == before:
            return "it did not go down"
        if self.test_command is None:
            return None
        try:
            ended = await host.run(self.test_command, timeout=self.timeout, read_only=True)
        except OperationError as error:
            return str(error)
        return None if ended.ok else f"`{' '.join(self.test_command)}` exits with {ended.rc}"


async def _renewed(host: Host) -> dict[str, object]:
    """Return whether packages still wait for a restart, where that was known to be so."""
    if host.variables.get("jet_reboot_required") is not True:
        return {}
    notes = await host.gather([host.stat(path) for path in _NOTES])
    return {"jet_reboot_required": any(note.exists for note in notes)}


def _commands(msg: str) -> list[tuple[str, ...]]:
    return [("shutdown", "-r", "now", msg), ("systemctl", "reboot"), ("reboot",)]


# Killed by SIGTERM, as a number or as a shell tells it: the restart took the command with it.
_TERMINATED: Final = frozenset({-15, 143, -1, 255})


def _check(ended: CommandResult) -> None:
    if ended.rc != 0 and ended.rc not in _TERMINATED:
        said = (ended.stderr or ended.stdout).strip()
        raise TaskError(f"`{' '.join(ended.argv)}` exits with {ended.rc}: {said}")


async def _boot(host: Host) -> str:
    """Return text that is another one after each start of the host, or nothing where it cannot be told."""
    for argv in (_BOOT, _BOOT_ELSEWHERE):
        try:
            found = boot_mark((await host.query(argv)).stdout)
        except OperationError:
            continue
        if found:
            return found
    return ""


def _boot_here() -> str:
    """Return the same text for the control machine; blocks."""
    for argv in (_BOOT, _BOOT_ELSEWHERE):
        try:
            said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found := boot_mark(said):
            return found
    return ""


_START_FIELD: Final = 19


def boot_mark(said: str) -> str:
    """Return what of the boot id and /proc/1/stat is another one after each start."""
    first, _, rest = said.strip().partition("\n")
    # The second field is a process name in brackets, which may hold anything; the start time is the 22nd.
    fields = rest.rpartition(")")[2].split()
    started = fields[_START_FIELD] if len(fields) > _START_FIELD else ""
    return f"{first} {started}".strip()
