# SPDX-License-Identifier: GPL-3.0-or-later
"""The suite for provisioners passes one that keeps the rules, and notices those that break them."""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.wish import State
from jetpack_core.records import Change
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.provisioners import ProvisionerConformance

HAND = "by hand"


class Platform:
    """Files of a folder, and calls that can fail."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        self.folder = folder
        self.faults = faults

    def ask(self, name: str, text: str | None = None, *, gone: bool = False) -> str | None:
        """Return what a file says, after it was written or removed. Raises JetpackError when the call is to fail."""
        fault = self.faults.strike()
        if fault in {FaultKind.REFUSED, FaultKind.OUTAGE}:
            raise JetpackError("the platform does not answer")
        file = self.folder / name
        if text is not None:
            # Others may be reading it.
            written = self.folder.parent / f"written-{threading.get_ident()}"
            written.write_text(text)
            written.replace(file)
        if gone:
            file.unlink(missing_ok=True)
        said = file.read_text() if file.exists() else None
        if fault is not None:
            raise JetpackError("the answer was lost")
        return said


class Notes(Provisioner):
    """Note guests down: one file for each, one for its disk."""

    platform: Platform
    """Where they are."""
    memory: int = 1
    """How much each has."""
    image: str = "plain"
    """What each began as."""

    def find(self, host: str) -> Guest | None:
        text = self.platform.ask(host)
        if text is None:
            return None
        memory, image, state, owner = text.split(",")
        return Guest(host, host, state == "on", owner == "ours", {"memory": int(memory), "image": image})

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        if guest is None:
            return GuestPlan(GuestAction.CREATE)
        if guest.data["image"] != self.image:
            return GuestPlan(GuestAction.DRIFT, (Change("image", guest.data["image"], self.image),))
        if guest.data["memory"] != self.memory:
            return GuestPlan(GuestAction.UPDATE, (Change("memory", guest.data["memory"], self.memory),))
        return GuestPlan(GuestAction.NONE)

    def create(self, host: str) -> Guest:
        try:
            self.surroundings.check()
            self.platform.ask(f"{host}-disk", "disk")
            self.surroundings.check()
            return self._note(Guest(host, host, running=True, owned=True))
        except JetpackError as error:
            self._undo(host, error)
            raise

    def _undo(self, host: str, error: JetpackError) -> None:
        try:
            self.platform.ask(host, gone=True)
            self.platform.ask(f"{host}-disk", gone=True)
        except JetpackError:
            raise JetpackError(error.message, hint=f"{host} and {host}-disk may be left") from error

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        return self._note(guest)

    def start(self, guest: Guest) -> None:
        self._note(replace(guest, running=True))

    def stop(self, guest: Guest) -> None:
        self._note(replace(guest, running=False))

    def destroy(self, guest: Guest) -> None:
        if not guest.owned:
            raise JetpackError(f"{guest.name} is not ours")
        self.platform.ask(f"{guest.name}-disk", gone=True)
        self.platform.ask(guest.name, gone=True)

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        return ("::1",)

    def _note(self, guest: Guest) -> Guest:
        self.platform.ask(guest.name, f"{self.memory},{self.image},{'on' if guest.running else 'off'},ours")
        return guest


class NotesSuite(ProvisionerConformance):
    """The suite as it is set up for any kind of notes."""

    kind: ClassVar[type[Notes]] = Notes

    @pytest.fixture
    def faults(self) -> Faults:
        return Faults()

    @pytest.fixture
    def platform(self, tmp_path: Path, faults: Faults) -> Platform:
        (tmp_path / "platform").mkdir()
        return Platform(tmp_path / "platform", faults)

    @pytest.fixture
    def provisioner(self, platform: Platform) -> Provisioner:
        return self.kind(platform=platform)

    @pytest.fixture
    def changed(self, platform: Platform) -> Provisioner:
        return self.kind(platform=platform, memory=2)

    @pytest.fixture
    def rebuilt(self, platform: Platform) -> Provisioner:
        return self.kind(platform=platform, image="other")

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        return {file.name: file.read_text() for file in _folder(provisioner).iterdir()}

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        (_folder(provisioner) / guest.name).write_text("7,plain,on,ours")
        return {"memory"}

    @contextlib.contextmanager
    def stranger(self, provisioner: Provisioner, host: str) -> Iterator[None]:
        file = _folder(provisioner) / host
        file.write_text(f"7,plain,on,{HAND}")
        yield
        file.unlink()


def _folder(provisioner: Provisioner) -> Path:
    assert isinstance(provisioner, Notes)
    return provisioner.platform.folder


class TestNotes(NotesSuite):
    pass


class MakesWhilePlanning(Notes):
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        self._note(Guest(host, host, running=True, owned=True))
        return super().plan(host, guest)


class NeverStarts(Notes):
    def create(self, host: str) -> Guest:
        return self._note(Guest(host, host, running=False, owned=True))


class NeverUpdates(Notes):
    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        return guest


class ForetellsHalf(Notes):
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        return replace(super().plan(host, guest), changes=())


class NeverSettles(Notes):
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        plan = super().plan(host, guest)
        return GuestPlan(GuestAction.UPDATE) if plan.action is GuestAction.NONE else plan


class RebuildsUnasked(Notes):
    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        plan = super().plan(host, guest)
        return replace(plan, action=GuestAction.UPDATE) if plan.action is GuestAction.DRIFT else plan


class OverlooksDrift(Notes):
    def find(self, host: str) -> Guest | None:
        guest = super().find(host)
        return None if guest is None else replace(guest, data={"memory": self.memory, "image": self.image})


class NeverStops(Notes):
    def stop(self, guest: Guest) -> None:
        """Do nothing."""


class LeavesIt(Notes):
    def destroy(self, guest: Guest) -> None:
        if not guest.owned:
            super().destroy(guest)


class LeavesTheDisk(Notes):
    def destroy(self, guest: Guest) -> None:
        self.platform.ask(guest.name, gone=True)


class DestroysAnything(Notes):
    def destroy(self, guest: Guest) -> None:
        super().destroy(replace(guest, owned=True))


class TakesAnything(Notes):
    def find(self, host: str) -> Guest | None:
        guest = super().find(host)
        return None if guest is None else replace(guest, owned=True)


class MakesOneForAll(Notes):
    def find(self, host: str) -> Guest | None:
        guest = super().find(host.rpartition("-")[0] or host)
        return None if guest is None else replace(guest, name=host)

    def create(self, host: str) -> Guest:
        return super().create(host.rpartition("-")[0] or host)


class LooksOnlyOnce(Notes):
    def find(self, host: str) -> Guest | None:
        return None


class LeavesRemains(Notes):
    def _undo(self, host: str, error: JetpackError) -> None:
        """Do nothing."""


class ForgetsTheDisk(Notes):
    def destroy(self, guest: Guest) -> None:
        self.platform.ask(guest.name, gone=True)
        self.platform.ask(f"{guest.name}-disk", gone=True)


class HalfUpdates(Notes):
    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        self.platform.ask(f"{guest.name}-new-disk", "disk")
        made = super().update(guest, plan)
        self.platform.ask(f"{guest.name}-new-disk", gone=True)
        return made


class BreaksWhenRefused(Notes):
    def stop(self, guest: Guest) -> None:
        try:
            super().stop(guest)
        except JetpackError as error:
            raise ValueError(error.message) from error


class ReturnsNames(Notes):
    def addresses(self, guest: Guest) -> tuple[str, ...]:
        return (guest.name,)


class Undocumented(Notes):
    """Say nothing of a parameter."""

    cores: int = 1
    other: ClassVar[int] = 1


BROKEN = [
    (MakesWhilePlanning, "test_planning_changes_nothing"),
    (MakesWhilePlanning, "test_no_plan_changes_the_platform"),
    (NeverStarts, "test_create_converges"),
    (NeverStarts, "test_a_second_run_finds_nothing_to_do"),
    (NeverUpdates, "test_update_converges"),
    (ForetellsHalf, "test_update_converges"),
    (NeverSettles, "test_a_second_run_finds_nothing_to_do"),
    (RebuildsUnasked, "test_what_cannot_be_changed_is_rebuilt_when_told_to"),
    (OverlooksDrift, "test_drift_made_by_hand_is_seen_and_mended"),
    (NeverStops, "test_stop_and_start"),
    (LeavesIt, "test_destroy_removes_it"),
    (LeavesTheDisk, "test_destroy_removes_all_that_was_made_for_it"),
    (DestroysAnything, "test_a_guest_of_others_is_not_destroyed"),
    (TakesAnything, "test_what_was_made_by_hand_is_never_touched"),
    (MakesOneForAll, "test_guests_made_at_once_do_not_disturb_each_other"),
    (LooksOnlyOnce, "test_runs_at_once_make_a_guest_once"),
    (LeavesRemains, "test_a_creation_that_fails_leaves_nothing_unnamed"),
    (LeavesRemains, "test_an_interrupted_creation_leaves_nothing_unnamed"),
    (ForgetsTheDisk, "test_a_destruction_that_fails_is_made_good_by_the_next_run"),
    (HalfUpdates, "test_a_change_that_fails_is_made_good_by_the_next_run"),
    (LeavesTheDisk, "test_a_rebuild_that_fails_is_made_good_by_the_next_run"),
    (BreaksWhenRefused, "test_power_that_fails_is_made_good_by_the_next_run"),
    (ReturnsNames, "test_addresses_and_keys_are_well_formed"),
    (Undocumented, "test_everything_is_documented"),
]


@pytest.mark.parametrize(("broken", "test"), BROKEN)
def test_a_broken_provisioner_is_noticed(
    broken: type[Notes], test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    suite = NotesSuite()
    suite.locks = tmp_path / "locks"
    faults = Faults()
    platform = Platform(tmp_path / "platform", faults)
    platform.folder.mkdir()
    given = {
        "provisioner": broken(platform=platform),
        "changed": broken(platform=platform, memory=2),
        "rebuilt": broken(platform=platform, image="other"),
        "faults": faults,
        "fault_kind": FaultKind.UNANSWERED,
        "state": State.STOPPED,
    }
    method = getattr(suite, test)
    wanted = {name: given[name] for name in inspect.signature(method).parameters}
    with pytest.raises((AssertionError, ValueError, JetpackError, pytest.fail.Exception)):
        method(**wanted)
