# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of calls this server plays, read from `calls.txt`, whose head explains its grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioners.proxmox.tests.cluster.parameters import Parameter

TABLE = Path(__file__).with_name("calls.txt")

_TOKEN = re.compile(
    r"""(?P<name>[\w-]+)(?P<indexed>\[n\])?(?P<required>!)?
    (?::(?P<type>\w+))?
    (?:\[(?P<minimum>\d*)\.\.(?P<maximum>\d*)\])?
    (?:<(?P<shortest>\d*)\.\.(?P<longest>\d*)>)?
    (?:=(?P<enum>[\w.|#-]+))?
    (?:@(?P<format>[\w-]+))?
    (?:\{(?P<keys>[\w-]+)\})?
    (?:->(?P<alias>[\w-]+))?(?:<-(?P<key_alias>[\w-]+))?
    (?P<default>\*)?
    (?:\?(?P<requires>[\w-]+))?
    (?:~(?P<pattern>\S+))?""",
    re.VERBOSE,
)
_CALL = re.compile(r"(?P<method>GET|POST|PUT|DELETE) (?P<path>\S+) -> (?P<returns>\w+)(?P<notes>.*)")
_CHECK = re.compile(r"; check (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API: what it accepts, what it returns and what the caller must be allowed."""

    method: str
    path: str
    parameters: Mapping[str, Parameter]
    returns: str
    allows_token: bool = True
    # A path with parameters in braces, and the privileges of which one is enough.
    check: tuple[str, tuple[str, ...]] | None = None

    @property
    def name(self) -> str:
        """The method and the path, as handlers are registered."""
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class _Reader:
    groups: dict[str, dict[str, Parameter]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    current: dict[str, Parameter] = field(default_factory=dict)

    def read_line(self, line: str) -> None:
        if heading := re.fullmatch(r"\[(?:keys|group) ([\w-]+)\]", line):
            self.current = self.groups.setdefault(heading[1], {})
        elif found := _CALL.fullmatch(line):
            self._begin_call(found)
        else:
            for token in line.split():
                self._read_token(token)

    def _begin_call(self, found: re.Match[str]) -> None:
        names = re.findall(r"\{(\w+)\}", found["path"])
        self.current = {name: _path_parameter(name) for name in names}
        check = _CHECK.search(found["notes"])
        call = Call(
            method=found["method"],
            path=found["path"],
            parameters=self.current,
            returns=found["returns"],
            allows_token="; no token" not in found["notes"],
            check=(check[1], tuple(check[2].split("|"))) if check else None,
        )
        self.calls[call.name] = call

    def _read_token(self, token: str) -> None:
        if token.startswith("+"):
            self.current.update(self.groups[token[1:]])
            return
        parameter = self._parse(token)
        self.current[parameter.name] = parameter

    def _parse(self, token: str) -> Parameter:
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise ValueError(f"{TABLE}: not a parameter: {token}")
        return Parameter(
            name=found["name"] + (found["indexed"] or ""),
            type=found["type"] or "string",
            optional=not found["required"],
            indexed=bool(found["indexed"]),
            minimum=_number(found["minimum"]),
            maximum=_number(found["maximum"]),
            min_length=_number(found["shortest"]),
            max_length=_number(found["longest"]),
            enum=tuple(_expand(found["enum"] or "")),
            pattern=found["pattern"],
            format=found["format"],
            keys=self.groups[found["keys"]] if found["keys"] else None,
            default_key=bool(found["default"]),
            alias=found["alias"],
            key_alias=found["key_alias"],
            requires=found["requires"],
        )


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _expand(values: str) -> Iterator[str]:
    for value in filter(None, values.split("|")):
        name, counted, count = value.partition("#")
        yield from (f"{name}{number}" for number in range(int(count))) if counted else (value,)


def _path_parameter(name: str) -> Parameter:
    formats = {"node": "pve-node", "storage": "pve-storage-id", "poolid": "pve-poolid", "snapname": "pve-configid"}
    if name == "vmid":
        return Parameter(name, "integer", optional=False, minimum=100, maximum=999999999, format="pve-vmid")
    limit = 40 if name == "snapname" else None
    return Parameter(name, optional=False, format=formats.get(name), max_length=limit)


def _lines() -> Iterator[str]:
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield stripped


def read_calls() -> dict[str, Call]:
    """Return the calls this server plays, by method and path."""
    reader = _Reader()
    for line in _lines():
        reader.read_line(line)
    return reader.calls


def route(paths: Mapping[str, Call], method: str, path: str) -> tuple[Call, dict[str, str]] | None:
    """Return the call that a request means with the values in its path, None when there is none."""
    parts = path.strip("/").split("/")
    for call in sorted(paths.values(), key=lambda one: one.path.count("{")):
        values = _match(call.path, parts) if call.method == method else None
        if values is not None:
            return call, values
    return None


def _match(template: str, parts: list[str]) -> dict[str, str] | None:
    wanted = template.strip("/").split("/")
    # A volume's name holds slashes, and it is always last.
    if wanted[-1] == "{volume}" and len(parts) > len(wanted):
        parts = [*parts[: len(wanted) - 1], "/".join(parts[len(wanted) - 1 :])]
    if len(wanted) != len(parts):
        return None
    values = {}
    for want, part in zip(wanted, parts, strict=True):
        if want.startswith("{"):
            values[want.strip("{}")] = part
        elif want != part:
            return None
    return values
