# SPDX-License-Identifier: GPL-3.0-or-later
"""Random playbooks end the same with read-ahead and without, and cost no more round trips.

What is proven: of playbooks whose outcome the strategies settle (see `random_plays.py`), all of these are equal: every
file with its owner, the results of every task and item, the commands that ran, the variables that were set, the
notifications and handlers, what the operator was asked, and what plan mode shows. Not only does read-ahead differ
between the two runs: hosts are quick or slow in other ways too, so whatever depends on that is found as well.

What is not: tasks of several hosts that race for one thing. There no order is promised, with read-ahead or without.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.unknown import find_unknown
from jetpack_core.engine.progress import Progress
from jetpack_core.engine.questions import Answer, Ask
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.run_state import read_state
from jetpack_core.engine.scope import HostVariables
from jetpack_core.engine.settings import RunSettings
from jetpack_core.events import HandlerNotified, HostResult, HostUnreachable, OperatorAsked, PlayFinished, RunFinished
from jetpack_core.inventory.load import load_inventory
from jetpack_core.registry import Registry
from tests.unit.engine.conftest import Recorder, write_inventory
from tests.unit.engine.memory import MemoryPlugin, MemoryWorld
from tests.unit.engine.random_plays import Scene, scenes
from tests.unit.engine.simulated import Machine, SimulatedPlugin, turned_clock

pytestmark = pytest.mark.slow

HAND = "/hand"


@dataclass
class Outcome:
    """Everything that came of a run, in an order that does not depend on how quick hosts are."""

    codes: list[int] = field(default_factory=list)
    files: list[object] = field(default_factory=list)
    commands: list[object] = field(default_factory=list)
    told: dict[str, list[object]] = field(default_factory=dict)
    variables: dict[str, list[object]] = field(default_factory=dict)
    control: list[str] = field(default_factory=list)


class Stage:
    """A folder with playbooks, and machines in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "files").mkdir()
        (folder / "templates").mkdir()
        self.registry = Registry()
        self.registry.register(MemoryPlugin(), "tests")
        self.registry.register(SimulatedPlugin(), "tests")
        self.inventories = {}
        for count in range(1, 5):
            names = [f"h{number + 1}" for number in range(count)]
            place = write_inventory(folder / f"inventory{count}", names)
            write_inventory(place, names[::2], "some")
            (place / "group_vars" / "all").write_text("jet_connection: simulated\n")
            self.inventories[count] = load_inventory([place])
        self.round_trips = 0

    def run(self, scene: Scene, *, read_ahead: bool) -> Outcome:
        """Run a scene from its beginning."""
        self._reset(scene, paced=read_ahead)
        outcome = Outcome()
        state = self.folder / "state"
        with turned_clock(), self._noting(outcome):
            self._run(scene, outcome, Progress(self._open if scene.resume else None), read_ahead=read_ahead)
            if scene.resume and outcome.codes[-1]:
                for machine in self._machines():
                    machine.files.pop("/broken", None)
                    machine.down = False
                self._run(scene, outcome, Progress(None, resumed=read_state(state)), read_ahead=read_ahead)
        self.round_trips = sum(machine.round_trips for machine in self._machines())
        outcome.files = [(machine.files, machine.owners) for machine in self._machines()]
        outcome.commands = [Counter(machine.ran) for machine in self._machines()]
        outcome.control = [one.read_text() for one in (self.folder / "files/f.txt", self.folder / "templates/t.j2")]
        return outcome

    def _reset(self, scene: Scene, *, paced: bool) -> None:
        machines = [Machine(pace if paced else (1,)) for pace in scene.paces]
        for number, machine in enumerate(machines):
            machine.down = number in scene.down
            machine.files.update({path: text.encode() for path, text in scene.files.items()})
        MemoryWorld.hosts = {name: machines[number] for name, number in zip(scene.names, scene.machines, strict=True)}
        (self.folder / "files/f.txt").write_text("file\n")
        (self.folder / "templates/t.j2").write_text("{{ s0.out | default(v0 | default('template')) }}\n")
        (self.folder / "state").unlink(missing_ok=True)
        (self.folder / "site.yml").write_text(scene.text.replace("FOLDER", str(self.folder)))

    def _machines(self) -> list[Machine]:
        found = {id(one): one for one in MemoryWorld.hosts.values()}
        return [one for one in found.values() if isinstance(one, Machine)]

    def _open(self, _: str) -> int:
        return os.open(self.folder / "state", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)

    @contextmanager
    def _noting(self, outcome: Outcome) -> Iterator[None]:
        """Note which variables are set."""
        save = HostVariables.save

        def noting(variables: HostVariables, values: dict[str, object], *, secret: bool = False) -> None:
            known = {name: "unknown" if find_unknown(value) is not None else value for name, value in values.items()}
            outcome.variables.setdefault(variables.name, []).append(known)
            save(variables, values, secret=secret)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HostVariables, "save", noting)
            yield

    def _run(self, scene: Scene, outcome: Outcome, progress: Progress, *, read_ahead: bool) -> None:
        playbook = load_playbook(
            self.folder / "site.yml", registry=self.registry, roles_paths=[], modules_paths=[], extra_vars={}
        )
        recorder = Recorder()
        answers = self._operator(scene)
        wanted = RunSettings(read_ahead=read_ahead, ask=answers, **scene.settings)  # type: ignore[arg-type]
        inventory = self.inventories[len(scene.names)]
        code = run_playbooks([playbook], inventory, self.registry, wanted, [recorder], progress=progress)
        outcome.codes.append(code)
        for event_ in recorder.events:
            one = replace(event_, run="", time=0.0, elapsed=0.0)
            match one:
                case HostResult(host=host):
                    outcome.told.setdefault(host, []).append(replace(one, duration=0.0))
                case HandlerNotified(host=host) | HostUnreachable(host=host):
                    outcome.told.setdefault(host, []).append(one)
                case OperatorAsked() | PlayFinished() | RunFinished():
                    outcome.told.setdefault("", []).append(one)
                case _:
                    pass

    def _operator(self, scene: Scene) -> Ask:
        """Return an operator, who first does something by hand on every machine, and then answers."""
        asked = 0

        async def answer(question: str, choices: Sequence[Answer]) -> Answer:
            nonlocal asked
            for machine in self._machines():
                machine.files[HAND] = machine.files.get(HAND, b"") + b"h"
            asked += 1
            return Answer.YES if scene.answers[asked % len(scene.answers)] else Answer.NO

        return answer


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


EXAMPLES = int(os.environ.get("READ_AHEAD_EXAMPLES", "150"))
"""More of them, when somebody has changed how it is read ahead."""
AS_HERE = settings(
    max_examples=EXAMPLES,
    report_multiple_bugs=False,
    phases=[phase for phase in Phase if phase is not Phase.explain],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def compare(stage: Stage, scene: Scene) -> None:
    """Run a scene in both ways."""
    off = stage.run(scene, read_ahead=False)
    most = stage.round_trips
    ahead = stage.run(scene, read_ahead=True)
    for name in off.__dict__:
        assert getattr(ahead, name) == getattr(off, name), name
    event(f"ended with {off.codes}")
    # What is read ahead of another host costs that one a round trip of its own, though nobody waits for it.
    if not scene.delegates:
        assert stage.round_trips <= most


@AS_HERE
@given(scene=scenes())
def test_a_run_ends_the_same(stage: Stage, scene: Scene) -> None:
    compare(stage, scene)


@AS_HERE
@given(scene=scenes(planning=True))
def test_a_plan_is_the_same(stage: Stage, scene: Scene) -> None:
    compare(stage, scene)
