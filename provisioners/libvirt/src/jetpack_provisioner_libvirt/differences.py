# SPDX-License-Identifier: GPL-3.0-or-later
"""How a guest differs from what is wanted, field by field, and when each difference can be made good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element

from jetpack_core.contracts.provisioner import GuestAction, GuestPlan
from jetpack_core.records import Change
from jetpack_provisioner_libvirt.domain import bus_of, cards_of, disk_with_serial
from jetpack_provisioner_libvirt.fields import (
    XML_FIELDS,
    seen_memory,
    seen_memory_max,
    seen_vcpus,
    seen_vcpus_max,
)
from jetpack_provisioner_libvirt.values import Disk, Nic, shown_size

if TYPE_CHECKING:
    from jetpack_provisioner_libvirt.provisioner import VirtualMachine
    from jetpack_provisioner_libvirt.view import View

_SIZES: Final = frozenset({"memory", "memory_max"})
_LIVE: Final = {"memory": (seen_memory, seen_memory_max), "vcpus": (seen_vcpus, seen_vcpus_max)}
"""What can change while a guest runs, up to its maximum: how it is seen, and its maximum."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs."""

    change: Change
    later: bool = False
    """It takes effect when the guest is started the next time."""
    fixed: bool = False
    """Only a new guest can have it."""


class Differences:
    """All differences between a guest and what is wanted.

    :param values: What the fields of its XML are to be, by name.
    :param fixed: What had its effect at the first boot only, by name; None where nothing is known of that.
    """

    def __init__(self, wanted: VirtualMachine, view: View, values: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
        self._wanted = wanted
        self._view = view
        self._values = values
        self._fixed = fixed
        self._ours = view.mark is not None
        self._given = wanted.model_fields_set

    def all(self) -> tuple[Difference, ...]:
        """Return them, each field once."""
        found: dict[str, Difference] = {}
        for one in (
            *self._in_xml(),
            *self._in_cards(),
            *self._in_disk(),
            *self._in_extra_disks(),
            *self._in_rest(),
            *self.running(),
        ):
            found.setdefault(one.change.field, one)
        return tuple(found.values())

    def running(self) -> Iterator[Difference]:
        """Return what differs only until the next start and could be made good at once, unless that was tried."""
        live, mark = self._view.live, self._view.mark
        if live is None:
            return
        tried = mark.waits[1] if mark is not None and mark.waits[0] == self._view.run else ()
        for one in (*self._live_amounts(live), *self._live_cards(live), *self._live_disks(live)):
            if one.change.field not in tried:
                yield one

    def _matters(self, name: str) -> bool:
        """Tell whether a parameter is compared; of a guest that was taken over, only what was said of it."""
        return self._ours or name in self._given

    # What is one value in the XML.

    def _in_xml(self) -> Iterator[Difference]:
        for field in XML_FIELDS:
            if field.name not in self._values or not self._matters(field.name):
                continue
            seen, wanted = field.seen(self._view.config), self._values[field.name]
            if not field.same(seen, wanted):
                change = Change(field.name, _shown(field.name, seen), _shown(field.name, wanted))
                later = self._view.live is not None and not can_live(self._view.live, field.name, wanted)
                yield Difference(change, later and not field.fixed, field.fixed)

    def _live_amounts(self, live: Element) -> Iterator[Difference]:
        for name, (see, see_most) in _LIVE.items():
            seen, wanted = see(live), self._values.get(name)
            if name == "memory" and seen == see_most(live):
                # A guest has all that it can have until its own driver gives some back, and some never do.
                continue
            if self._matters(name) and seen != wanted and can_live(live, name, wanted):
                yield Difference(Change(name, _shown(name, seen), _shown(name, wanted)))

    # Network cards.

    def _in_cards(self) -> Iterator[Difference]:
        return self._cards(self._view.config, with_models=True) if self._matters("networks") else iter(())

    def _live_cards(self, live: Element) -> Iterator[Difference]:
        return self._cards(live, with_models=False) if self._matters("networks") else iter(())

    def _cards(self, root: Element, *, with_models: bool) -> Iterator[Difference]:
        cards, nics, runs = cards_of(root), self._wanted.networks, self._view.live is not None
        for index in range(max(len(cards), len(nics))):
            name = f"networks[{index}]"
            card = cards[index] if index < len(cards) else None
            nic = nics[index] if index < len(nics) else None
            if card is None or nic is None or card.source != nic.source:
                before, after = card.source if card else None, nic.source if nic else None
                yield Difference(Change(name, before, after))
            elif with_models:
                yield from _card_differences(name, card.model, card.mac, nic, runs=runs)

    # Disks.

    def _in_disk(self) -> Iterator[Difference]:
        if not self._ours or "disk" not in self._view.sizes:
            return
        seen, wanted = self._view.sizes["disk"], self._wanted.disk_size
        if seen is None:
            yield Difference(Change("disk_size", None, shown_size(wanted) if wanted else "a disk"), fixed=True)
        elif wanted is not None and wanted != seen:
            yield Difference(Change("disk_size", shown_size(seen), shown_size(wanted)), fixed=wanted < seen)

    def _in_extra_disks(self) -> Iterator[Difference]:
        if not self._matters("extra_disks"):
            return
        wanted = {one.name: one for one in self._wanted.extra_disks}
        for disk in wanted.values():
            yield from self._extra_disk(disk)
        for name in self._view.mark.extra if self._view.mark is not None else ():
            if name not in wanted and disk_with_serial(self._view.config, name) is not None:
                yield Difference(Change(f"extra_disks.{name}", "there", None), later=self._view.live is not None)

    def _extra_disk(self, disk: Disk) -> Iterator[Difference]:
        name, element = f"extra_disks.{disk.name}", disk_with_serial(self._view.config, disk.name)
        seen = self._view.sizes.get(f"extra.{disk.name}")
        if element is None:
            yield Difference(Change(name, None, _shown_disk(disk)))
            return
        if bus_of(element) != disk.bus:
            change = Change(f"{name}.bus", bus_of(element), disk.bus)
            yield Difference(change, later=self._view.live is not None)
        if disk.size is not None and seen is not None and seen != disk.size:
            change = Change(f"{name}.size", shown_size(seen), shown_size(disk.size))
            yield Difference(change, fixed=disk.size < seen)

    def _live_disks(self, live: Element) -> Iterator[Difference]:
        for disk in self._wanted.extra_disks if self._matters("extra_disks") else ():
            if disk_with_serial(live, disk.name) is None:
                yield Difference(Change(f"extra_disks.{disk.name}", None, _shown_disk(disk)))

    # The rest.

    def _in_rest(self) -> Iterator[Difference]:
        if self._matters("autostart") and self._view.autostart != self._wanted.autostart:
            yield Difference(Change("autostart", self._view.autostart, self._wanted.autostart))
        if self._view.mark is None:
            return
        before = self._view.mark.fixed
        for name in sorted(before.keys() | self._fixed.keys()):
            if before.get(name) != self._fixed.get(name):
                yield Difference(Change(name, before.get(name), self._fixed.get(name)), fixed=True)


def plan_of(differences: Sequence[Difference], *, rebuild: bool) -> GuestPlan:
    """Return what is to be done about differences."""
    fixed = [one for one in differences if one.fixed]
    others = [one for one in differences if not one.fixed]
    if fixed and (rebuild or not others):
        return GuestPlan(GuestAction.DRIFT, tuple(one.change for one in differences))
    if not others:
        return GuestPlan(GuestAction.NONE)
    later = [one.change.field for one in others if one.later]
    reasons = [f"{', '.join(later)}: from its next start on"] if later else []
    if fixed:
        names = ", ".join(one.change.field for one in fixed)
        reasons.append(f"{names}: left as it is, as only `rebuild: true` could change it")
    return GuestPlan(GuestAction.UPDATE, tuple(one.change for one in others), "; ".join(reasons))


def _card_differences(name: str, model: str, mac: str, nic: Nic, *, runs: bool) -> Iterator[Difference]:
    if model != nic.model:
        yield Difference(Change(f"{name}.model", model, nic.model), later=runs)
    if nic.mac not in {None, mac}:
        yield Difference(Change(f"{name}.mac", mac, nic.mac), later=runs)


def can_live(live: Element, name: str, wanted: Any) -> bool:
    """Tell whether a guest can have an amount while it runs."""
    if name not in _LIVE or wanted is None:
        return False
    most = _LIVE[name][1](live)
    return most is not None and wanted <= most


def _shown(name: str, value: Any) -> Any:
    return shown_size(value) if name in _SIZES and isinstance(value, int) else value


def _shown_disk(disk: Disk) -> str:
    return shown_size(disk.size) if disk.size is not None else f"volume {disk.volume}"
