# SPDX-License-Identifier: GPL-3.0-or-later
"""The `instantiate` module."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.errors import StaleError, TaskError
from jetpack_core.modules.fleet.patterns import expand, expand_ranges
from jetpack_core.records import Change, Outcome, Plan, PlanKind, TextDiff

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MARK: Final = "# Written by the module instantiate for the fleet {}; what is changed here by hand is lost."
_PLACEHOLDER: Final = re.compile(r"\{(host|number|node)\}")
_MODE: Final = 0o644


def _pattern(value: str) -> str:
    names = expand(value)
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} cannot be the name of a host")
    if len(set(names)) < len(names):
        raise ValueError(f"{value!r} names the same host twice")
    return value


def _group(value: str) -> str:
    if _NAME.fullmatch(value) is None:
        raise ValueError(f"{value!r} cannot be the name of a group")
    return value


def _folder(value: str) -> str:
    if not value or "\0" in value or value.startswith("~"):
        raise ValueError("must be a folder of the control machine, written in full")
    return value


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """A file of the inventory as it is, and as it is to be; None stands for no file."""

    path: Path
    before: str | None
    after: str | None


class Instantiate(Module):
    """Write the hosts of a fleet into an inventory on the control machine: their group, and variables of their own.

    The next run has the hosts, and makes them where their variables say so. Files begin with a mark; one without it
    was written by hand, and is an error rather than overwritten. Variables that you write yourself go into
    `group_vars`, or into an inventory given behind this one: `-i fleet:inventory`.

    A host that the pattern does not name any more stays, with a warning, until `prune: true` is said: destroy it
    first, as nothing knows of it afterwards.

    Example::

        - !instantiate
          pattern: web-{01..10}
          dest: fleet
          groups: [web]
          nodes: [pve1, pve2, pve3]
          vars:
            provision:
              type: proxmox_lxc
              cluster: pve
              hostname: "{host}"
              ip: 10.0.0.{11..20}/24
    """

    titled_by: ClassVar[str] = "pattern"

    pattern: Annotated[str, AfterValidator(_pattern)]
    """The names: `web-{01..10}`, `db-{a,b}`, `rack{1..2}-node{1..8}`."""
    dest: Annotated[str, AfterValidator(_folder)]
    """The folder of the inventory, relative to the working directory; made where it is missing."""
    groups: Annotated[tuple[Annotated[str, AfterValidator(_group)], ...], Field(min_length=1)]
    """The groups that the hosts are in; the first one is also what the fleet is called."""
    nodes: tuple[str, ...] = ()
    """The hosts are dealt out to these in turn, as `provision.node`."""
    vars: dict[str, object] = Field(default_factory=dict)
    """Variables of each host. In text, `{host}`, `{number}` (from 1) and `{node}` are its own, and a range such as
    `{11..20}` gives each host its value; it needs as many as there are hosts."""
    prune: bool = False
    """Remove hosts that the pattern does not name any more from the inventory."""

    async def plan(self, host: Host) -> Plan:
        """Compare the files with what they are to hold."""
        if host.secretive:
            hint = "keep it encrypted in `group_vars`; what is written here is not"
            raise TaskError("a secret went into `vars`", hint=hint)
        files, left = await host.in_thread(self._files)
        if left and not self.prune:
            host.warn(f"{', '.join(left)}: not in the pattern any more, and kept; destroy them, then say `prune: true`")
        changed = [one for one in files if one.before != one.after]
        if not changed:
            return Plan(PlanKind.NONE, outcome=self._outcome())
        new = all(one.before is None for one in changed)
        return Plan(
            PlanKind.CREATE if new else PlanKind.MODIFY,
            tuple(_change(one, Path(self.dest)) for one in changed),
            tuple(TextDiff(str(one.path), one.before, one.after) for one in changed),
            outcome=self._outcome(),
            data=tuple(changed),
        )

    def _outcome(self) -> Outcome:
        return Outcome({"hosts": list(expand(self.pattern))})

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the files that differ, each in one go, if nobody else has written them meanwhile."""
        files = plan.data
        if not isinstance(files, tuple):
            raise TypeError("instantiate was given the plan of another module")
        for one in files:
            await host.in_thread(partial(_write, one))
        return self._outcome()

    # What is to be there.

    @property
    def _mark(self) -> str:
        return _MARK.format(self.groups[0])

    def _files(self) -> tuple[list[InventoryFile], list[str]]:
        """Return all files with what they are to hold, and the hosts that are not in the pattern any more."""
        hosts = expand(self.pattern)
        given = {host: self._variables(host, number, len(hosts)) for number, host in enumerate(hosts)}
        folder = Path(self.dest)
        left = [name for name in self._written(folder / "host_vars") if name not in given]
        kept = [] if self.prune else left
        wanted: dict[Path, dict[str, object]] = {
            folder / "groups" / name: {"hosts": [*hosts, *kept]} for name in self.groups
        }
        wanted |= {folder / "host_vars" / host: values for host, values in given.items()}
        files = [self._file(path, self._text(values)) for path, values in wanted.items()]
        if self.prune:
            files += [self._file(folder / "host_vars" / name, None) for name in left]
            gone = [name for name in self._written(folder / "groups") if name not in self.groups]
            files += [self._file(folder / "groups" / name, None) for name in gone]
        return files, left

    def _variables(self, host: str, number: int, count: int) -> dict[str, object]:
        node = self.nodes[number % len(self.nodes)] if self.nodes else ""
        own = {"host": host, "number": str(number + 1), "node": node}

        def filled(value: object) -> object:
            if isinstance(value, Mapping):
                return {str(key): filled(one) for key, one in value.items()}
            if isinstance(value, list | tuple):
                return [filled(one) for one in value]
            return self._text_of(value, number, count, own) if isinstance(value, str) else value

        values = {name: filled(value) for name, value in self.vars.items()}
        if node:
            provision = values.setdefault("provision", {})
            if not isinstance(provision, dict):
                raise TaskError("`vars.provision` must be a mapping for `nodes` to go into")
            provision.setdefault("node", node)
        return values

    def _text_of(self, text: str, number: int, count: int, own: Mapping[str, str]) -> str:
        try:
            each = expand_ranges(text)
        except ValueError as error:
            raise TaskError(f"`vars`: {error}") from error
        if each is not None and len(each) != count:
            message = f"`vars`: {text!r} stands for {len(each)} values, and there are {count} hosts"
            raise TaskError(message, hint="give each host one value")
        return _PLACEHOLDER.sub(lambda found: own[found[1]], text if each is None else each[number])

    def _text(self, values: Mapping[str, object]) -> str:
        import yaml

        if not values:
            return f"{self._mark}\n"
        shown = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1000)
        return f"{self._mark}\n{shown}"

    # What is there.

    def _written(self, folder: Path) -> list[str]:
        """Return the names of files that were written for this fleet."""
        if not folder.is_dir():
            return []
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        return [name for name in names if (_read(folder / name) or "").partition("\n")[0] == self._mark]

    def _file(self, path: Path, after: str | None) -> InventoryFile:
        before = _read(path)
        if before is not None and before.partition("\n")[0] != self._mark:
            other = "for another fleet" if before.startswith(_MARK.partition("{")[0]) else "by hand"
            hint = "give another `dest`, and name both inventories with -i; or move the file away"
            raise TaskError(f"{path} was written {other}, so it is left alone", hint=hint)
        for suffix in (".yml", ".yaml"):
            if path.with_name(path.name + suffix).exists():
                hint = "its variables belong into an inventory of its own, or into `group_vars`"
                raise TaskError(f"{path}{suffix} is there as well, written by hand", hint=hint)
        return InventoryFile(path, before, after)


def _change(one: InventoryFile, folder: Path) -> Change:
    return Change(str(one.path.relative_to(folder)), _state(one.before), _state(one.after))


def _state(text: str | None) -> str | None:
    return None if text is None else f"{len(text.splitlines())} lines"


def _read(path: Path) -> str | None:
    """Return a file's text; None where there is none. Raises TaskError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TaskError(f"the control machine's {path} cannot be read: {why}") from error


def _write(one: InventoryFile) -> None:
    """Put a file in place, or remove it. Raises StaleError where it is not as it was seen, and TaskError."""
    if _read(one.path) != one.before:
        raise StaleError(str(one.path))
    try:
        if one.after is None:
            one.path.unlink()
            return
        one.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".instantiate-", dir=one.path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(one.after)
            Path(temporary).chmod(one.path.stat().st_mode & 0o777 if one.before is not None else _MODE)
            Path(temporary).replace(one.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TaskError(f"the control machine's {one.path} cannot be written: {error.strerror}") from error
