# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S101 - what tests are made of checks as well
"""What the suite of provisioners needs to know of a platform, and the life of a guest as a run leads it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

import pytest

from jetpack_core.contracts.provisioner import Guest, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.landing import Landing, land
from jetpack_core.provisioning.locks import named_lock
from jetpack_core.provisioning.steps import GuestSteps, Step
from jetpack_core.provisioning.survey import survey
from jetpack_core.provisioning.wish import GuestRequest, State, Wish
from jetpack_core.testing.faults import FaultKind, Faults

AT_ONCE: Final = 3
"""How many guests or runs there are at the same time."""
_KIND: Final = "kit"


class GuestLife:
    """What a test class of a provisioner gives, and what its tests are made of; the suite is built on it."""

    guest_name: ClassVar[str] = "jetpack-kit-guest"
    """The inventory name of the guest, and how the names of others begin; they MUST NOT be there before."""
    fault_kinds: ClassVar[tuple[FaultKind, ...]] = tuple(FaultKind)
    """How calls to the platform are made to fail."""
    most_calls: ClassVar[int] = 200
    """More calls than this to do one thing count as endless."""
    locks: Path
    """Where this test's locks are."""

    # What a subclass gives.

    @pytest.fixture
    def provisioner(self) -> Provisioner:
        """The parameters of the guest; a subclass overrides it."""
        pytest.fail(f"{type(self).__name__} has no fixture `provisioner`")

    @pytest.fixture
    def changed(self, provisioner: Provisioner) -> Provisioner:
        """Other parameters of the same guest, which `update` can reach; the same ones if nothing can be updated."""
        return provisioner

    @pytest.fixture
    def rebuilt(self) -> Provisioner:
        """Other parameters of the same guest, which only a new one can have."""
        pytest.skip(f"{type(self).__name__} has no fixture `rebuilt`")

    @pytest.fixture
    def faults(self) -> Faults:
        """What makes calls of these provisioners to the platform fail."""
        pytest.skip(f"{type(self).__name__} has no fixture `faults`")

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        """Return all that the guests of this test have on the platform, by the name that a user would remove it by.

        Disks, networks and whatever else is made for guests count as well. The values are compared only.
        """
        del provisioner
        pytest.skip(f"{type(self).__name__} does not override `everything`")

    def drift(self, provisioner: Provisioner, guest: Guest) -> AbstractSet[str]:
        """Change a guest by hand, past the provisioner, and return the fields that its plan must name."""
        del provisioner, guest
        pytest.skip(f"{type(self).__name__} does not override `drift`")

    def stranger(self, provisioner: Provisioner, host: str) -> AbstractContextManager[None]:
        """Make a guest with a host's name by hand, without Jetpack's mark, and remove it at the end."""
        del provisioner, host
        pytest.skip(f"{type(self).__name__} does not override `stranger`")

    def fields_changed(self, before: Provisioner, after: Provisioner) -> AbstractSet[str]:
        """Return the fields that a plan from one to the other must name: those whose values differ."""
        return {name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)}

    # What tests are made of.

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the inventory names that tests use."""
        return (self.guest_name, *(f"{self.guest_name}-{number}" for number in range(1, AT_ONCE + 1)))

    @pytest.fixture(autouse=True)
    def _clean(self, provisioner: Provisioner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        # What a run learns of guests is not the user's.
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "jetpack-kit-state"))
        self.locks = tmp_path / "jetpack-kit-locks"
        yield
        for host in self.hosts:
            guest = provisioner.find(host)
            if guest is not None:
                with contextlib.suppress(JetpackError):
                    provisioner.stop(guest)
                provisioner.destroy(replace(guest, running=False, owned=True))

    def run(
        self,
        provisioner: Provisioner,
        state: State = State.PRESENT,
        *,
        host: str = "",
        rebuild: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> Landing:
        """Do what a run does to a guest, with the parameters as another process would read them."""
        kind = type(provisioner)
        given = {name: getattr(provisioner, name) for name in provisioner.model_fields_set}
        fresh = kind.model_construct(provisioner.model_fields_set, **given)

        def lock(name: str) -> AbstractContextManager[None]:
            return named_lock(self.locks, name, check)

        fresh.attach(replace(provisioner.surroundings, lock=lock, check=check))
        wish = Wish(type=_KIND, state=state, rebuild=rebuild, wait_for_host=False)
        return land(survey([GuestRequest(host or self.guest_name, wish, fresh)], 1)[0], threading.Event())

    def done(self, landing: Landing) -> tuple[Step, ...]:
        """Return the steps of a run that went well. Fails the test with what went wrong otherwise."""
        if landing.error is not None:
            raise landing.error
        assert isinstance(landing.done, GuestSteps)
        return landing.done.steps

    def planned(self, provisioner: Provisioner) -> GuestPlan:
        """Return what the plan says of the guest as it is now."""
        return provisioner.plan(self.guest_name, provisioner.find(self.guest_name))

    def created(self, provisioner: Provisioner) -> Guest:
        """Make the guest and return it as the platform knows it."""
        self.done(self.run(provisioner))
        guest = provisioner.find(self.guest_name)
        assert guest is not None
        return guest

    def each_call(self) -> Iterator[int]:
        """Count calls, until the test has seen enough. Fails the test once they are too many."""
        yield from range(1, self.most_calls + 1)
        pytest.fail(f"one thing takes more than {self.most_calls} calls; `most_calls` allows more")

    def check_no_bug(self, landing: Landing) -> None:
        """Check that what failed was told as provisioners tell it, by a JetpackError."""
        assert landing.error is None or not landing.error.message.startswith(f"the provisioner {_KIND} broke"), str(
            landing.error
        )

    def check_remains(self, landing: Landing, before: Mapping[str, object], now: Mapping[str, object]) -> None:
        """Check that what is left after a failure is named by it."""
        self.check_no_bug(landing)
        told = f"{landing.error.message} {landing.error.hint}" if landing.error is not None else ""
        assert [name for name in sorted(now.keys() - before.keys()) if name not in told] == [], told
