# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - a suite for pytest is made of asserts
"""The conformance suite of provisioners: subclass it, give the fixture `provisioner`, and pytest does the rest."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from itertools import count

import pytest

from jetpack_core.contracts.documentation import field_documentation
from jetpack_core.contracts.provisioner import GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.landing import Fate, Landing
from jetpack_core.provisioning.steps import Step
from jetpack_core.provisioning.wish import State
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.guests import AT_ONCE, GuestLife


class ProvisionerConformance(GuestLife):
    """What every provisioner must do, on a platform where a test may make guests.

    Example::

        class TestVirtualMachine(ProvisionerConformance):
            @pytest.fixture
            def provisioner(self):
                return VirtualMachine(memory=512)

            @pytest.fixture
            def changed(self):
                return VirtualMachine(memory=1024)

            def everything(self, provisioner):
                return {one.name: one.config for one in api.machines() if one.name.startswith(self.guest_name)}

    Guests are made, changed and removed the way a run does it: looked at, planned, under locks. They are removed after
    each test. A test whose hook (`everything`, `drift`, `stranger`, `rebuilt`, `faults`) is not overridden is skipped.
    """

    # Planning and making.

    def test_planning_changes_nothing(self, provisioner: Provisioner) -> None:
        """A guest that is not there is to be created, and still not there after the plan."""
        assert provisioner.find(self.guest_name) is None
        assert self.planned(provisioner).action is GuestAction.CREATE
        assert provisioner.find(self.guest_name) is None

    def test_no_plan_changes_the_platform(self, provisioner: Provisioner, changed: Provisioner) -> None:
        """Whatever is planned, the platform has afterwards what it had before."""
        before = self.everything(provisioner)
        self.planned(provisioner)
        assert self.everything(provisioner) == before
        self.created(provisioner)
        before = self.everything(provisioner)
        for wanted in (provisioner, changed):
            self.planned(wanted)
        assert self.everything(provisioner) == before

    def test_create_converges(self, provisioner: Provisioner) -> None:
        """A new guest runs, is ours, and needs nothing more."""
        made = provisioner.create(self.guest_name)
        found = provisioner.find(self.guest_name)
        assert found is not None
        assert (found.id, found.running, found.owned) == (made.id, True, True)
        assert self.planned(provisioner).action is GuestAction.NONE

    def test_a_second_run_finds_nothing_to_do(self, provisioner: Provisioner) -> None:
        """The first run makes the guest, the second leaves all as it is."""
        assert self.done(self.run(provisioner)) == (Step.CREATE,)
        before = provisioner.find(self.guest_name)
        assert self.done(self.run(provisioner)) == ()
        after = provisioner.find(self.guest_name)
        assert before is not None
        assert after is not None
        assert (after.id, after.running) == (before.id, before.running)

    # Changing.

    def test_update_converges(self, provisioner: Provisioner, changed: Provisioner) -> None:
        """A change is foretold field by field, made in place, and then there is nothing left to do."""
        guest = self.created(provisioner)
        plan = changed.plan(self.guest_name, guest)
        assert {_top(one.field) for one in plan.changes} == self.fields_changed(provisioner, changed)
        assert all(one.before != one.after for one in plan.changes)
        if plan.action is GuestAction.NONE:
            return
        assert plan.action is GuestAction.UPDATE
        assert Step.UPDATE in self.done(self.run(changed))
        updated = changed.find(self.guest_name)
        assert updated is not None
        assert (updated.id, updated.running) == (guest.id, True)
        assert changed.plan(self.guest_name, updated) == GuestPlan(GuestAction.NONE)
        assert self.done(self.run(changed)) == ()

    def test_what_cannot_be_changed_is_rebuilt_when_told_to(
        self, provisioner: Provisioner, rebuilt: Provisioner
    ) -> None:
        """A change that needs a new guest is foretold; a dear guest is left alone until `rebuild: true` is said."""
        guest = self.created(provisioner)
        plan = self.planned(rebuilt)
        assert {_top(one.field) for one in plan.changes} == self.fields_changed(provisioner, rebuilt)
        assert plan.action in {GuestAction.REPLACE, GuestAction.DRIFT}
        if plan.action is GuestAction.DRIFT:
            assert self.done(self.run(rebuilt)) == ()
            left = rebuilt.find(self.guest_name)
            assert left is not None
            assert left.id == guest.id
        assert self.done(self.run(rebuilt, rebuild=True)) == (Step.REPLACE,)
        assert self.planned(rebuilt).action is GuestAction.NONE
        assert self.done(self.run(rebuilt)) == ()

    def test_drift_made_by_hand_is_seen_and_mended(self, provisioner: Provisioner) -> None:
        """What somebody changed past Jetpack is named by the plan, and put right by a run."""
        fields = self.drift(provisioner, self.created(provisioner))
        plan = self.planned(provisioner)
        assert plan.action is not GuestAction.NONE
        assert {_top(one.field) for one in plan.changes} >= fields
        assert self.done(self.run(provisioner, rebuild=plan.action is GuestAction.DRIFT)) != ()
        assert self.planned(provisioner).action is GuestAction.NONE
        assert self.done(self.run(provisioner)) == ()

    # Power and end.

    def test_stop_and_start(self, provisioner: Provisioner) -> None:
        """A stopped guest is still there, needs nothing else, and runs again; each only once."""
        guest = self.created(provisioner)
        assert self.done(self.run(provisioner, State.STOPPED)) == (Step.STOP,)
        stopped = provisioner.find(self.guest_name)
        assert stopped is not None
        assert (stopped.id, stopped.running) == (guest.id, False)
        assert self.planned(provisioner).action is GuestAction.NONE
        assert self.done(self.run(provisioner, State.STOPPED)) == ()
        assert self.done(self.run(provisioner, State.STARTED)) == (Step.START,)
        started = provisioner.find(self.guest_name)
        assert started is not None
        assert (started.id, started.running) == (guest.id, True)
        assert self.done(self.run(provisioner, State.STARTED)) == ()

    def test_destroy_removes_it(self, provisioner: Provisioner) -> None:
        """Nothing is left of a guest that was destroyed, and there is nothing to destroy again."""
        self.created(provisioner)
        assert self.done(self.run(provisioner, State.ABSENT)) == (Step.STOP, Step.DESTROY)
        assert provisioner.find(self.guest_name) is None
        assert self.done(self.run(provisioner, State.ABSENT)) == ()

    def test_destroy_removes_all_that_was_made_for_it(self, provisioner: Provisioner) -> None:
        """The platform has what it had before the guest was made."""
        before = self.everything(provisioner)
        self.created(provisioner)
        assert self.everything(provisioner) != before
        self.done(self.run(provisioner, State.ABSENT))
        assert self.everything(provisioner) == before

    # Others.

    def test_a_guest_of_others_is_not_destroyed(self, provisioner: Provisioner) -> None:
        """What does not carry our mark is refused, and stays."""
        guest = self.created(provisioner)
        provisioner.stop(guest)
        with pytest.raises(JetpackError):
            provisioner.destroy(replace(guest, running=False, owned=False))
        assert provisioner.find(self.guest_name) is not None

    def test_what_was_made_by_hand_is_never_touched(self, provisioner: Provisioner, changed: Provisioner) -> None:
        """A guest that somebody else made under the same name is as it was, whatever runs."""
        with self.stranger(provisioner, self.guest_name):
            before = self.everything(provisioner)
            assert before
            for wanted, state in ((provisioner, State.PRESENT), (changed, State.STOPPED), (provisioner, State.ABSENT)):
                self.run(wanted, state, rebuild=True)
                now = self.everything(provisioner)
                assert {name: now.get(name) for name in before} == before

    def test_runs_at_once_make_a_guest_once(self, provisioner: Provisioner) -> None:
        """Of runs at the same time one makes the guest, and the others find it made."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            steps = [self.done(one) for one in pool.map(self.run, [provisioner] * AT_ONCE)]
        assert sorted(steps) == [*[()] * (AT_ONCE - 1), (Step.CREATE,)]
        assert self.planned(provisioner).action is GuestAction.NONE

    def test_guests_made_at_once_do_not_disturb_each_other(self, provisioner: Provisioner) -> None:
        """Several guests are made and removed at the same time, each for itself."""

        def for_all(state: State) -> list[tuple[Step, ...]]:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return [self.done(one) for one in pool.map(lambda host: self.run(provisioner, state, host=host), hosts)]

        hosts = self.hosts[1:]
        assert for_all(State.PRESENT) == [(Step.CREATE,)] * AT_ONCE
        guests = [provisioner.find(host) for host in hosts]
        assert len({guest.id for guest in guests if guest is not None}) == AT_ONCE
        assert for_all(State.PRESENT) == [()] * AT_ONCE
        assert for_all(State.ABSENT) == [(Step.STOP, Step.DESTROY)] * AT_ONCE
        assert [provisioner.find(host) for host in hosts] == [None] * AT_ONCE

    def test_guests_removed_at_once_leave_nothing(self, provisioner: Provisioner) -> None:
        """What several guests share goes with the last of them, also when none is clearly the last."""
        before = self.everything(provisioner)
        for state in (State.PRESENT, State.ABSENT):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for landing in pool.map(partial(self._at, provisioner, state), self.hosts[1:]):
                    self.done(landing)
        assert self.everything(provisioner) == before

    def _at(self, provisioner: Provisioner, state: State, host: str) -> Landing:
        return self.run(provisioner, state, host=host)

    # What goes wrong.

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Let calls fail in each way the platform can."""
        if "fault_kind" in metafunc.fixturenames:
            # A refusal by a platform that can be asked again matters most where things are made.
            creating = metafunc.function.__name__ == "test_a_creation_that_fails_leaves_nothing_unnamed"
            kinds = [kind for kind in self.fault_kinds if creating or kind is not FaultKind.REFUSED]
            metafunc.parametrize("fault_kind", kinds, ids=str)

    def test_a_creation_that_fails_leaves_nothing_unnamed(
        self, provisioner: Provisioner, faults: Faults, fault_kind: FaultKind
    ) -> None:
        """Whichever call fails, nothing is left or the error names it, and the next run makes the guest."""
        before = self.everything(provisioner)
        for number in self.each_call():
            faults.arm(number, fault_kind)
            landing = self.run(provisioner)
            faults.disarm()
            if not faults.struck:
                return
            # A provisioner may get over a call that fails, by asking again.
            if landing.error is not None:
                self._check_creation(provisioner, landing, before)
            self.done(self.run(provisioner))
            assert self.planned(provisioner).action is GuestAction.NONE
            self.done(self.run(provisioner, State.ABSENT))
            self.check_remains(landing, before, self.everything(provisioner))

    def _check_creation(self, provisioner: Provisioner, landing: Landing, before: Mapping[str, object]) -> None:
        """Check what is left of a creation that failed: nothing, things that are named, or a guest that is whole."""
        guest = provisioner.find(self.guest_name)
        whole = guest is not None and guest.running and self.planned(provisioner).action is GuestAction.NONE
        if not whole:
            self.check_remains(landing, before, self.everything(provisioner))
        elif landing.error is not None:
            assert guest is not None
            assert guest.id in f"{landing.error.message} {landing.error.hint}"

    def test_a_destruction_that_fails_is_made_good_by_the_next_run(
        self, provisioner: Provisioner, faults: Faults, fault_kind: FaultKind
    ) -> None:
        """Whichever call fails, the next run removes what is left, or the error named it."""
        before = self.everything(provisioner)
        for number in self.each_call():
            self.done(self.run(provisioner))
            faults.arm(number, fault_kind)
            landing = self.run(provisioner, State.ABSENT)
            faults.disarm()
            self.done(self.run(provisioner, State.ABSENT))
            assert provisioner.find(self.guest_name) is None
            self.check_remains(landing, before, self.everything(provisioner))
            if not faults.struck:
                return

    @pytest.mark.parametrize("state", [State.STOPPED, State.STARTED])
    def test_power_that_fails_is_made_good_by_the_next_run(
        self, provisioner: Provisioner, faults: Faults, fault_kind: FaultKind, state: State
    ) -> None:
        """Whichever call fails, the guest stops or starts with the next run."""
        self.done(self.run(provisioner))
        for number in self.each_call():
            self.done(self.run(provisioner, State.STARTED if state is State.STOPPED else State.STOPPED))
            faults.arm(number, fault_kind)
            self.check_no_bug(self.run(provisioner, state))
            faults.disarm()
            self.done(self.run(provisioner, state))
            assert self.done(self.run(provisioner, state)) == ()
            if not faults.struck:
                return

    def test_a_change_that_fails_is_made_good_by_the_next_run(
        self, provisioner: Provisioner, changed: Provisioner, faults: Faults, fault_kind: FaultKind
    ) -> None:
        """Whichever call of an update fails, the next run does what is left to do."""
        self._check_change(provisioner, changed, faults, fault_kind)

    def test_a_rebuild_that_fails_is_made_good_by_the_next_run(
        self, provisioner: Provisioner, rebuilt: Provisioner, faults: Faults, fault_kind: FaultKind
    ) -> None:
        """Whichever call of a replacement fails, the next run has one guest as it is to be."""
        self._check_change(provisioner, rebuilt, faults, fault_kind)

    def _check_change(
        self, provisioner: Provisioner, other: Provisioner, faults: Faults, fault_kind: FaultKind
    ) -> None:
        before = self.everything(provisioner)
        for number in self.each_call():
            self.done(self.run(provisioner))
            faults.arm(number, fault_kind)
            landing = self.run(other, rebuild=True)
            faults.disarm()
            self.done(self.run(other, rebuild=True))
            assert self.done(self.run(other)) == ()
            self.done(self.run(other, State.ABSENT))
            self.check_remains(landing, before, self.everything(provisioner))
            if not faults.struck:
                return

    def test_an_interrupted_creation_leaves_nothing_unnamed(self, provisioner: Provisioner) -> None:
        """Wherever the user interrupts, nothing is left or the error names it, and the next run makes the guest."""
        before = self.everything(provisioner)
        for number in self.each_call():
            looks = count(1)

            def check(looks: Iterator[int] = looks, number: int = number) -> None:
                if next(looks) >= number:
                    raise JetpackError("interrupted")

            landing = self.run(provisioner, check=check)
            if landing.fate is not Fate.LOST:
                return
            self._check_creation(provisioner, landing, before)
            self.done(self.run(provisioner))
            self.done(self.run(provisioner, State.ABSENT))

    # What is told.

    def test_addresses_and_keys_are_well_formed(self, provisioner: Provisioner) -> None:
        """Addresses can be connected to as they are, and host keys are a type and its base64."""
        guest = self.created(provisioner)
        for address in provisioner.addresses(guest):
            ip_address(address)
        for key in provisioner.host_keys(guest):
            kind, text = key.split()
            assert kind.startswith(("ssh-", "ecdsa-", "sk-"))
            assert text.startswith("AAAA")

    def test_everything_is_documented(self, provisioner: Provisioner) -> None:
        """The class and every parameter say what they are for."""
        kind = type(provisioner)
        assert inspect.cleandoc(kind.__doc__ or "").split("\n")[0].endswith(".")
        assert sorted(set(kind.model_fields) - set(field_documentation(kind))) == []


def _top(field: str) -> str:
    """Return the parameter that a change is of: `env` of `env.MODE`, `disks` of `disks[0].size`."""
    return field.partition(".")[0].partition("[")[0]
