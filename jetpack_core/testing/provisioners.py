# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - a suite for pytest is made of asserts
"""The conformance suite of provisioners: subclass it, give the fixture `provisioner`, and pytest does the rest."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import ClassVar

import pytest

from jetpack_core.contracts.documentation import field_documentation
from jetpack_core.contracts.provisioner import Guest, GuestAction, Provisioner
from jetpack_core.errors import JetpackError


class ProvisionerConformance:
    """What every provisioner must do, on a platform where a test may make guests.

    Example::

        class TestVirtualMachine(ProvisionerConformance):
            @pytest.fixture
            def provisioner(self):
                return VirtualMachine(memory=512)

            @pytest.fixture
            def changed(self):
                return VirtualMachine(memory=1024)

    The guest is removed after each test.
    """

    guest_name: ClassVar[str] = "jetpack-kit-guest"
    """The inventory name of the guest; it MUST NOT be there before."""

    @pytest.fixture
    def provisioner(self) -> Provisioner:
        """The parameters of the guest; a subclass overrides it."""
        pytest.fail(f"{type(self).__name__} has no fixture `provisioner`")

    @pytest.fixture
    def changed(self, provisioner: Provisioner) -> Provisioner:
        """Other parameters of the same guest, which `update` can reach; the same ones if nothing can be updated."""
        return provisioner

    @pytest.fixture(autouse=True)
    def _clean(self, provisioner: Provisioner) -> Iterator[None]:
        yield
        guest = provisioner.find(self.guest_name)
        if guest is not None:
            with contextlib.suppress(JetpackError):
                provisioner.stop(guest)
            provisioner.destroy(replace(guest, owned=True))

    def created(self, provisioner: Provisioner) -> Guest:
        """Make the guest and return it as the platform knows it."""
        provisioner.create(self.guest_name)
        guest = provisioner.find(self.guest_name)
        assert guest is not None
        return guest

    def action(self, provisioner: Provisioner) -> GuestAction:
        """Return what the plan says of the guest as it is now."""
        return provisioner.plan(self.guest_name, provisioner.find(self.guest_name)).action

    def test_planning_changes_nothing(self, provisioner: Provisioner) -> None:
        """A guest that is not there is to be created, and still not there after the plan."""
        assert provisioner.find(self.guest_name) is None
        assert self.action(provisioner) is GuestAction.CREATE
        assert provisioner.find(self.guest_name) is None

    def test_create_converges(self, provisioner: Provisioner) -> None:
        """A new guest runs, is ours, and needs nothing more."""
        made = provisioner.create(self.guest_name)
        found = provisioner.find(self.guest_name)
        assert found is not None
        assert (found.id, found.running, found.owned) == (made.id, True, True)
        assert self.action(provisioner) is GuestAction.NONE

    def test_update_converges(self, provisioner: Provisioner, changed: Provisioner) -> None:
        """An update does what its plan lists, in place."""
        guest = self.created(provisioner)
        plan = changed.plan(self.guest_name, guest)
        if plan.action is GuestAction.UPDATE:
            assert plan.changes
            assert changed.update(guest, plan).id == guest.id
        assert changed.plan(self.guest_name, changed.find(self.guest_name)).action in {
            GuestAction.NONE,
            GuestAction.REPLACE,
            GuestAction.DRIFT,
        }

    def test_stop_and_start(self, provisioner: Provisioner) -> None:
        """A stopped guest is still there, needs nothing else, and runs again."""
        provisioner.stop(self.created(provisioner))
        stopped = provisioner.find(self.guest_name)
        assert stopped is not None
        assert not stopped.running
        assert self.action(provisioner) is GuestAction.NONE
        provisioner.start(stopped)
        started = provisioner.find(self.guest_name)
        assert started is not None
        assert started.running

    def test_destroy_removes_it(self, provisioner: Provisioner) -> None:
        """Nothing is left of a guest that was destroyed."""
        guest = self.created(provisioner)
        provisioner.stop(guest)
        provisioner.destroy(replace(guest, running=False))
        assert provisioner.find(self.guest_name) is None

    def test_a_guest_of_others_is_not_destroyed(self, provisioner: Provisioner) -> None:
        """What does not carry our mark is refused, and stays."""
        guest = self.created(provisioner)
        provisioner.stop(guest)
        with pytest.raises(JetpackError):
            provisioner.destroy(replace(guest, running=False, owned=False))
        assert provisioner.find(self.guest_name) is not None

    def test_addresses_are_addresses(self, provisioner: Provisioner) -> None:
        """Addresses can be connected to as they are."""
        for address in provisioner.addresses(self.created(provisioner)):
            ip_address(address)

    def test_everything_is_documented(self, provisioner: Provisioner) -> None:
        """The class and every parameter say what they are for."""
        kind = type(provisioner)
        assert inspect.cleandoc(kind.__doc__ or "").split("\n")[0].endswith(".")
        assert sorted(set(kind.model_fields) - set(field_documentation(kind))) == []
