# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect the `provision:` maps of hosts, render and validate them; all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel, ValidationError

from jetpack_core.content.faults import Fault, described, faults, shown_path
from jetpack_core.content.fields import fields_of
from jetpack_core.content.parameters import converted
from jetpack_core.content.problems import Problems, suggest
from jetpack_core.contracts.provisioner import Surroundings
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.errors import JetpackError, PluginError, SecretError
from jetpack_core.provisioning.wish import GuestRequest, Wish
from jetpack_core.records import Position
from jetpack_core.secrets.values import LazyMap, Sealed
from jetpack_core.variables.layers import Layer, explain_path, flatten
from jetpack_core.variables.merge import ListRule

if TYPE_CHECKING:
    from jetpack_core.contracts.provisioner import Provisioner
    from jetpack_core.inventory.model import Inventory
    from jetpack_core.registry import Registry
    from jetpack_core.variables.templates import Templates

KEY: Final = "provision"
"""The variable that describes a host."""
_CLUSTER: Final = "cluster"
_Model = TypeVar("_Model", bound=BaseModel)


def collect(
    hosts: Iterable[str],
    inventory: Inventory,
    registry: Registry,
    templates: Templates,
    extra_vars: Mapping[str, object],
) -> tuple[GuestRequest, ...]:
    """Return what is to be provisioned among hosts, in their order; hosts without a `provision:` map are left out.

    Raises ContentError with everything that is wrong with any of the maps.
    """
    problems = Problems()
    extra = Layer("-e", extra_vars, ListRule.REPLACE)
    readers = (_Reader(host, inventory, registry, templates, extra, problems) for host in hosts)
    requests = tuple(request for reader in readers if (request := reader.read()) is not None)
    problems.raise_if_any()
    return requests


class _Reader:
    """Reads the map of one host."""

    def __init__(
        self,
        host: str,
        inventory: Inventory,
        registry: Registry,
        templates: Templates,
        extra: Layer,
        problems: Problems,
    ) -> None:
        self._host = host
        self._inventory = inventory
        self._registry = registry
        self._templates = templates
        self._extra = extra
        self._problems = problems
        self._variables: Mapping[str, object] = {}

    def read(self) -> GuestRequest | None:
        """Return what is wished; None where nothing is, or where something is wrong."""
        self._variables = self._merged()
        given = self._variables.get(KEY)
        if given is None:
            return None
        if not isinstance(given, Mapping):
            self._note((), f"`{KEY}` must be a mapping, not {described(given)}", f"{KEY}: {{type: docker}}")
            return None
        before = len(self._problems)
        values = {str(key): self._rendered(value, (str(key),)) for key, value in given.items()}
        if len(self._problems) > before:
            return None
        return self._request(values)

    def _merged(self) -> Mapping[str, object]:
        magic = Layer(
            "built in",
            {"inventory_hostname": self._host, "inventory_hostname_short": self._host.partition(".")[0]},
        )
        return flatten([magic, *self._inventory.layers(self._host), self._extra])

    def _rendered(self, value: object, path: tuple[str | int, ...]) -> object:
        if isinstance(value, Sealed):
            return self._decrypted(value, path)
        if isinstance(value, Mapping):
            return {key: self._rendered(one, (*path, str(key))) for key, one in value.items()}
        if isinstance(value, list):
            return [self._rendered(one, (*path, index)) for index, one in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            return self._templates.render(value, self._variables)
        except JetpackError as error:
            self._note(path, f"`{KEY}.{shown_path(path)}`: {error.message}", error.hint)
            return None

    def _decrypted(self, value: Sealed, path: tuple[str | int, ...]) -> object:
        """Return a secret's value; None with the problem noted."""
        try:
            found = value.open()
        except SecretError as error:
            self._note(path, f"`{KEY}.{shown_path(path)}`: {error.message}", error.hint)
            return None
        if isinstance(found, Unknown):
            self._note(path, f"`{KEY}.{shown_path(path)}`: {found.reason}", "name the key with --identity")
            return None
        return found

    def _request(self, values: dict[str, object]) -> GuestRequest | None:
        common = set(Wish.model_fields)
        wish = self._validated(Wish, {key: value for key, value in values.items() if key in common})
        kind = self._class(values.get("type"))
        if kind is None:
            return None
        own = {key: value for key, value in values.items() if key not in common or key in fields_of(kind).by_name}
        provisioner = self._validated(kind, own)
        cluster = self._cluster(values.get(_CLUSTER))
        if wish is None or provisioner is None or cluster is None:
            return None
        provisioner.attach(Surroundings(variables=LazyMap(dict(self._variables)), cluster=cluster))
        return GuestRequest(self._host, wish, provisioner)

    def _class(self, name: object) -> type[Provisioner] | None:
        if not isinstance(name, str):
            return None
        try:
            return self._registry.provisioner(name)
        except PluginError as error:
            self._note(("type",), error.message, error.hint)
            return None

    def _cluster(self, name: object) -> Mapping[str, object] | None:
        """Return the variables of the host that holds the API's address and credentials; empty where none is named."""
        if name is None:
            return {}
        if not isinstance(name, str) or name not in self._inventory.hosts:
            hint = suggest(str(name), self._inventory.hosts) or "it is the inventory host that holds the API's address"
            self._note((_CLUSTER,), f"`{KEY}.{_CLUSTER}`: the inventory has no host {described(name)}", hint)
            return None
        if circle := self._circle(name):
            message = f"`{KEY}.{_CLUSTER}`: {' is made by '.join(circle)}, so none of them could be the first"
            self._note((_CLUSTER,), message, "a host that holds an API is there before what is made through it")
            return None
        return LazyMap(flatten([*self._inventory.layers(name), self._extra]))

    def _circle(self, cluster: str) -> list[str]:
        """Return the way from the host over the hosts that hold the APIs, if it comes back to it; empty if not."""
        way = [self._host]
        while cluster not in way and cluster in self._inventory.hosts:
            way.append(cluster)
            given = self._inventory.variables(cluster).get(KEY)
            named = given.get(_CLUSTER) if isinstance(given, Mapping) else None
            if not isinstance(named, str):
                return []
            cluster = named
        return [*way, cluster] if cluster == self._host else []

    def _validated(self, model: type[_Model], values: dict[str, object]) -> _Model | None:
        fields = fields_of(model).by_name
        plain = {
            key: converted(value, fields[key].reading) if key in fields else value for key, value in values.items()
        }
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            for fault in faults(error, model, plain):
                self._note_fault(fault, model)
            return None

    def _note_fault(self, fault: Fault, model: type[BaseModel]) -> None:
        shown = shown_path((KEY, *fault.path))
        hint = fault.hint
        if fault.at_key and len(fault.path) == 1:
            hint = suggest(str(fault.path[0]), {*fields_of(model).shown, *Wish.model_fields})
        self._note(fault.path, f"`{shown}` {fault.message}", hint)

    def _note(self, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self._problems.add(self._place((KEY, *path)), message, hint)

    def _place(self, path: tuple[str | int, ...]) -> Position:
        """Return where a value is written, or what it is part of; the strongest layer that says it."""
        layers = [*self._inventory.layers(self._host), self._extra]
        while path:
            told = [one.position for one in explain_path(layers, path) if one.position is not None]
            if told:
                return told[-1]
            path = path[:-1]
        return Position("-e", 1, 1)
