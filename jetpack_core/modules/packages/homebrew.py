# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `homebrew`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal, Self

from pydantic import model_validator

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Foreseen, Package, State, Step, Work, as_results
from jetpack_core.modules.packages.names import Order, Request
from jetpack_core.modules.packages.transaction import Transaction
from jetpack_core.records import CommandResult

# brew is not on the PATH of a login without a terminal; it stands in one of these places.
_SCRIPT: Final = 'PATH=$PATH:/opt/homebrew/bin:/usr/local/bin:/home/linuxbrew/.linuxbrew/bin; exec brew "$@"'
_ENVIRONMENT: Final = {
    "HOMEBREW_NO_AUTO_UPDATE": "1",
    "HOMEBREW_NO_ENV_HINTS": "1",
    "HOMEBREW_NO_COLOR": "1",
    "HOMEBREW_NO_EMOJI": "1",
    "NONINTERACTIVE": "1",
}


class Homebrew(Transaction):
    """Install, update and remove formulae and casks of Homebrew, on macOS and Linux.

    Homebrew has the newest version only: another one is a formula of its own, such as `postgresql@15`. It refuses
    to run as root, so the task must not become one. The plan names the packages of the task, and not what they need.

    Example::

        - !homebrew
          package: [wget, postgresql@15]
        - !homebrew
          package: firefox
          kind: cask
          update: true
    """

    kind: Literal["formula", "cask"] = "formula"
    """Which of Homebrew's two kinds of packages is meant."""

    refresh: bool = False
    """Let Homebrew renew its list of packages before something is installed."""

    tool: ClassVar[str] = "brew"
    order: ClassVar = Order(lambda _one, _other: 0, lambda one, other: one.partition("_")[0] == other or one == other)

    @model_validator(mode="after")
    def _has_newest_only(self) -> Self:
        if any(one.exact is None and one.constraints for one in self.requests()):
            message = "Homebrew has one version of a package; name it, or the formula that has it, such as python@3.12"
            raise ValueError(message)
        if any(one.is_file for one in self.requests()):
            message = "Homebrew installs by name"
            raise ValueError(message)
        return self

    def queries(self) -> Sequence[Operation[object]]:
        """Return what tells the state of the packages."""
        return [self.versions_query([one.name for one in self.requests()])]

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question what Homebrew knows of packages."""
        return self._brew("info", "--json=v2", f"--{self.kind}", *names, read_only=True)

    def _brew(self, *words: str, read_only: bool = False) -> Run:
        return Run(("/bin/sh", "-c", _SCRIPT, "brew", *words), env=_ENVIRONMENT, read_only=read_only)

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages, with the version that Homebrew has of each."""
        (ended,) = as_results(replies)
        told = self._told(ended)
        packages: dict[str, Package] = {}
        newest: dict[str, Sequence[str]] = {}
        names: dict[str, str] = {}
        for request in self.requests():
            one = _named(request.name, told)
            names[request.name] = _own_name(one)
            newest[request.name] = [_newest(one)]
            installed = _installed(one)
            if installed is not None:
                complete, held = not one.get("outdated") or not self.update, bool(one.get("pinned"))
                packages[request.name] = Package(_own_name(one), installed, complete, held)
        return State(packages, newest, names=names)

    def _told(self, ended: CommandResult) -> list[dict[str, object]]:
        if not ended.ok:
            raise TaskError(f"brew: {self.last_words(ended)}")
        try:
            told = json.loads(ended.stdout)["casks" if self.kind == "cask" else "formulae"]
        except (ValueError, KeyError, TypeError) as error:
            raise TaskError(f"brew's answer cannot be read: {ended.stdout[:200]!r}") from error
        return [one for one in told if isinstance(one, dict)]

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages by all their names."""
        found = {}
        for one in self._told(reply):
            installed = _installed(one)
            if installed is not None:
                found.update({name: Package(name, installed) for name in _names(one)})
        return found

    def fulfils(self, host: Host, request: Request, state: State) -> bool:
        """Tell whether a package is as the task wants it; one that is pinned is left alone by `update`."""
        now = state.packages.get(request.name)
        if self.remove:
            return now is None
        if now is not None and now.held and not now.complete:
            host.warn(f"{request.name} is pinned and stays at {now.version}")
            return True
        return now is not None and now.complete and request.accepts(now.version, self.order)

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return nothing: the state tells all that Homebrew lets be known."""
        return [Run(("true",), read_only=True)] if todo else ()

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the packages that would change. Raises TaskError where Homebrew has another version."""
        steps: dict[str, Step] = {}
        for request in self.requests():
            now, newest = state.packages.get(request.name), state.available[request.name][0]
            name = state.names[request.name]
            if self.remove:
                steps |= {name: Step(name, now.version, None)} if now is not None else {}
                continue
            if not request.accepts(newest, self.order):
                raise TaskError(f"Homebrew has {request.name} {newest}, not {request.wanted}")
            if now is None or not now.complete:
                steps[name] = Step(name, None if now is None else now.version, newest)
        return Foreseen(tuple(steps.values()))

    def transaction(self, work: Work) -> Run:
        """Return the command; installing brings what is outdated up to date as well."""
        verb = "uninstall" if self.remove else "install"
        names = [step.name for step in work.steps]
        if not (self.refresh and not self.remove):
            return self._brew(verb, f"--{self.kind}", *names)
        script = _SCRIPT.replace("exec brew", "brew update --quiet && exec brew")
        return Run(("/bin/sh", "-c", script, "brew", verb, f"--{self.kind}", *names), env=_ENVIRONMENT)


def _names(one: Mapping[str, object]) -> set[str]:
    """Return all names of a package: its own, with its tap, and its former ones."""
    found = {str(one[key]) for key in ("name", "full_name", "token", "full_token") if isinstance(one.get(key), str)}
    for key in ("aliases", "oldnames", "old_tokens"):
        others = one.get(key)
        found |= {str(name) for name in others} if isinstance(others, list) else set()
    return found


def _named(name: str, told: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """Return the package that a task means; brew finds names whatever their capitals. Raises TaskError."""
    wanted = name.casefold()
    for one in told:
        if wanted in {known.casefold() for known in _names(one)}:
            return one
    raise TaskError(f"brew says nothing of {name}", hint="`brew info` on the host tells the name it goes by")


def _own_name(one: Mapping[str, object]) -> str:
    """Return the name of a package with its tap, where that is not Homebrew's own."""
    return next(str(one[key]) for key in ("full_name", "full_token", "token", "name") if isinstance(one.get(key), str))


def _installed(one: Mapping[str, object]) -> str | None:
    """Return the newest version that is installed; a cask has one, a formula may have several."""
    installed = one.get("installed")
    if isinstance(installed, list):
        return str(installed[-1]["version"]) if installed else None
    return str(installed) if installed else None


def _newest(one: Mapping[str, object]) -> str:
    versions = one.get("versions")
    newest = str(versions.get("stable")) if isinstance(versions, dict) else str(one.get("version"))
    return f"{newest}_{one['revision']}" if one.get("revision") else newest
