# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite for provisioners passes one that keeps the rules, and notices those that break them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.records import Change
from jetpack_core.testing.provisioners import ProvisionerConformance


class Notes(Provisioner):
    """Note guests down, one file each: its memory, and whether it runs."""

    folder: Path
    """Where they are."""
    memory: int = 1
    """How much each has."""

    def find(self, host: str) -> Guest | None:
        file = self.folder / host
        if not file.exists():
            return None
        memory, state = file.read_text().split()
        return Guest(host, host, state == "on", owned=True, data={"memory": int(memory)})

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        if guest is None:
            return GuestPlan(GuestAction.CREATE)
        if guest.data["memory"] != self.memory:
            return GuestPlan(GuestAction.UPDATE, (Change("memory", guest.data["memory"], self.memory),))
        return GuestPlan(GuestAction.NONE)

    def create(self, host: str) -> Guest:
        return self._note(Guest(host, host, running=True, owned=True), self.memory)

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        return self._note(guest, self.memory)

    def start(self, guest: Guest) -> None:
        self._note(replace(guest, running=True), self.memory)

    def stop(self, guest: Guest) -> None:
        self._note(replace(guest, running=False), self.memory)

    def destroy(self, guest: Guest) -> None:
        if not guest.owned:
            raise JetpackError(f"{guest.name} is not ours")
        (self.folder / guest.name).unlink()

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        return ("::1",)

    def _note(self, guest: Guest, memory: int) -> Guest:
        (self.folder / guest.name).write_text(f"{memory} {'on' if guest.running else 'off'}")
        return guest


class TestNotes(ProvisionerConformance):
    @pytest.fixture
    def provisioner(self, tmp_path: Path) -> Provisioner:
        return Notes(folder=tmp_path)

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Provisioner:
        return Notes(folder=tmp_path, memory=2)


class MakesWhilePlanning(Notes):
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        self.create(host)
        return super().plan(host, guest)


class NeverStarts(Notes):
    def create(self, host: str) -> Guest:
        return self._note(Guest(host, host, running=False, owned=True), self.memory)


class NeverUpdates(Notes):
    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        return guest


class NeverStops(Notes):
    def stop(self, guest: Guest) -> None:
        """Do nothing."""


class LeavesIt(Notes):
    def destroy(self, guest: Guest) -> None:
        if not guest.owned:
            super().destroy(guest)


class DestroysAnything(Notes):
    def destroy(self, guest: Guest) -> None:
        super().destroy(replace(guest, owned=True))


class ReturnsNames(Notes):
    def addresses(self, guest: Guest) -> tuple[str, ...]:
        return (guest.name,)


class Undocumented(Notes):
    """Say nothing of a parameter."""

    cores: int = 1
    other: ClassVar[int] = 1


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (MakesWhilePlanning, "test_planning_changes_nothing"),
        (NeverStarts, "test_create_converges"),
        (NeverUpdates, "test_update_converges"),
        (NeverStops, "test_stop_and_start"),
        (LeavesIt, "test_destroy_removes_it"),
        (DestroysAnything, "test_a_guest_of_others_is_not_destroyed"),
        (ReturnsNames, "test_addresses_are_addresses"),
        (Undocumented, "test_everything_is_documented"),
    ],
)
def test_a_broken_provisioner_is_noticed(broken: type[Notes], test: str, tmp_path: Path) -> None:
    wanted = [broken(folder=tmp_path)]
    if test == "test_update_converges":
        wanted.append(broken(folder=tmp_path, memory=2))
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        getattr(ProvisionerConformance(), test)(*wanted)
