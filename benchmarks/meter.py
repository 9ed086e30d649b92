# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures one command with everything it starts: wall time, CPU time and memory.

The command runs below a process of its own that adopts orphans (prctl(2), PR_SET_CHILD_SUBREAPER), so that what a
command leaves in the background, such as OpenSSH's shared connections, is ended and counted too. All of it is ended
as well when the measuring is: by a signal, or with the process that asked for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PAGE: Final = resource.getpagesize()
_FAST_SAMPLES: Final = 40
_FAST: Final = 0.05
_SLOW: Final = 0.25
_GRACE: Final = 5.0
_TIMED_OUT: Final = -1


class MeterError(Exception):
    """The meter itself failed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one command cost. Times in seconds, memory in bytes."""

    code: int
    """Its exit code; -1 when it was ended for taking too long."""
    wall: float
    """From the start until the command itself ended."""
    user: float
    system: float
    """CPU of the command and all it started, up to the end of the last of them."""
    tree_memory: int
    """The greatest sum of resident memory over the command's processes that was sampled; shared pages count once
    for each process."""
    process_memory: int
    """The greatest resident memory of any one of them, from the kernel."""

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        return self.user + self.system

    @property
    def memory(self) -> int:
        """Peak memory: of the tree, which cannot be less than that of its greatest process."""
        return max(self.tree_memory, self.process_memory)


def measure(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path, timeout: float = 900.0) -> Reading:
    """Run a command with its output in a file. Raises MeterError when it cannot be started."""
    request = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "output": str(output), "timeout": timeout}
    meter = subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = meter.communicate(json.dumps(request))
    except BaseException:
        # It ends what it started; killed, it would leave that running.
        meter.terminate()
        meter.wait()
        raise
    if meter.returncode != 0:
        said = err.strip().splitlines() or [f"the meter was ended ({meter.returncode})"]
        raise MeterError(f"{argv[0]}: {said[-1]}")
    return Reading(**json.loads(out))


class _MemorySampler:
    """Watches the resident memory of this process's descendants."""

    def __init__(self) -> None:
        self.peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        taken = 0
        # Short runs are sampled densely; in long ones the sampling must not compete with what is measured.
        while not self._stopped.wait(_FAST if taken < _FAST_SAMPLES else _SLOW):
            taken += 1
            self.peak = max(self.peak, sum(map(_resident, descendants(os.getpid()))))


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one, from proc(5)'s lists of each thread's children."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - runs many times a second
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield int(child)
                yield from descendants(int(child))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _run(argv: list[str], env: dict[str, str], cwd: str, output: str, timeout: float) -> Reading:
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        with Path(output).open("wb") as log:
            started = time.monotonic()
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=cwd, start_new_session=True
            )
            sampler = _MemorySampler()
            late = threading.Timer(timeout, process.kill)
            late.daemon = True
            late.start()
            code = process.wait()
            wall = time.monotonic() - started
        timed_out = not late.is_alive()
        late.cancel()
        sampler.stop()
    finally:
        _end_leftovers()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Reading(
        code=_TIMED_OUT if timed_out else code,
        wall=wall,
        user=usage.ru_utime,
        system=usage.ru_stime,
        tree_memory=sampler.peak,
        process_memory=usage.ru_maxrss * 1024,
    )


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _end(number: int, _: object) -> None:
    # Once is enough, and what is done about it is not to be interrupted.
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _end_leftovers() -> None:
    """End what the command left running, and wait for it: only then does the kernel count its CPU."""
    deadline = time.monotonic() + _GRACE
    while True:
        number = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for pid in list(descendants(os.getpid())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


if __name__ == "__main__":
    print(json.dumps(asdict(_run(**json.load(sys.stdin)))))
