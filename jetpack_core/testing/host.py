# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for tests: any connection, driven by the engine's own stepper, with a log of what was asked."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self, TypeVar

from jetpack_core.connections.local import LocalConnection
from jetpack_core.contracts.connection import Connection, Endpoint
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.operations import Become, Operation, Reply, Request, Step
from jetpack_core.engine.asking import Address, addressed
from jetpack_core.engine.host_view import EngineHost
from jetpack_core.engine.overlay import Overlay
from jetpack_core.engine.scope import TaskScope
from jetpack_core.engine.stepper import drive
from jetpack_core.engine.template_files import TemplateFiles
from jetpack_core.records import Outcome, Plan
from jetpack_core.registry import Registry
from jetpack_core.testing.loop import Loop
from jetpack_core.variables.templates import Templates

T = TypeVar("T")
Frame = tuple[Operation[object], ...]


class Recorder:
    """Hands frames to a connection and keeps what they held; a frame is a round trip."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []

    async def execute(self, frame: Sequence[Request]) -> Sequence[Reply]:
        """Note a frame and carry it out."""
        self.frames.append(tuple(request.operation for request in frame))
        return await self.connection.execute(frame)

    async def barrier(self, timeout: float) -> tuple[str, ...]:  # noqa: ARG002 - part of the contract
        """Go on: there are no other hosts."""
        return ()

    async def reconnect(self, timeout: float, delay: float) -> None:  # noqa: ARG002 - part of the contract
        """Hang up and connect again, once."""
        await self.connection.close()
        await self.connection.connect()


class TestHost(EngineHost):
    """A host over a connection, used as a context manager.

    Example::

        with TestHost(variables={"port": 80}) as host:
            plan, outcome = host.converge(Motd(text="hello"))
            assert host.ask(host.stat("/etc/motd")).size == 5

    :param connection: This machine, unless said otherwise.
    :param become: The user the operations run as, where not the one who logged in.
    """

    __test__: ClassVar[bool] = False  # for pytest, which takes the name for a test class

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        name: str = "localhost",
        variables: Mapping[str, object] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        become: Become | None = None,
        planning: bool = False,
    ) -> None:
        registry = Registry()
        super().__init__(
            name,
            TaskScope(Templates(registry), dict(variables or {})),
            user=None if become is None else become.user,
            planning=planning,
            groups={"all": (name,)} if groups is None else groups,
            files=TemplateFiles(registry),
            on_progress=lambda done, total: self.reported.append((done, total)),
        )
        self.reported: list[tuple[int, int | None]] = []
        """What modules said of their progress: bytes done, and of how many."""
        self._become = become
        self._recorder = Recorder(connection or LocalConnection(Endpoint(name)))
        self._overlay: Overlay | None = None
        self._loop = Loop()

    def __enter__(self) -> Self:
        self._loop.run(self._recorder.connection.connect())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        try:
            self._loop.run(self._recorder.connection.close())
        finally:
            self._loop.close()

    @property
    def frames(self) -> list[Frame]:
        """Return the frames that were sent, each as its operations; clear the list to begin anew."""
        return self._recorder.frames

    @property
    def operations(self) -> list[Operation[object]]:
        """Return all operations that were sent."""
        return [operation for frame in self.frames for operation in frame]

    @property
    def changes(self) -> list[Operation[object]]:
        """Return the operations among them that change something; a module's plan may ask for none."""
        return [one for one in self.operations if one.changing and not getattr(one, "read_only", False)]

    def drive(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run a coroutine that awaits what the methods of this host return; raises what it raises."""
        address = Address(self._recorder, self._become, foresight=self._overlay)
        return self._loop.run(drive(addressed(coroutine, address)))

    def ask(self, step: Step[T]) -> T:
        """Await one step, such as `host.stat("/etc/motd")`."""

        async def await_it() -> T:
            return await step

        return self.drive(await_it())

    def plan(self, module: Module, *, planning: bool | None = None) -> Plan:
        """Let a module plan; `planning` says for this once whether it is plan mode."""
        before = self._planning
        self._planning = before if planning is None else planning
        try:
            return self.drive(module.plan(self))
        finally:
            self._planning = before

    def plan_all(self, modules: Iterable[Module]) -> list[Plan]:
        """Let modules plan one after the other in plan mode, each on what those before it would have made."""
        overlay = Overlay()
        plans: list[Plan] = []
        self._overlay = overlay
        try:
            for module in modules:
                plans.append(self.plan(module, planning=True))
                overlay.add(plans[-1].effects, type(module).__name__)
        finally:
            self._overlay = None
        return plans

    def apply(self, module: Module, plan: Plan) -> Outcome:
        """Let a module carry out its plan."""
        return self.drive(module.apply(self, plan))

    def converge(self, module: Module) -> tuple[Plan, Outcome]:
        """Let a module plan, and carry the plan out where there is anything to do."""
        plan = self.plan(module)
        return plan, self.apply(module, plan) if plan.needed else plan.outcome
