# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency between this machine and the hosts: proxies in a process of their own, so that its CPU is not a peer's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.peers.peer import Target
from tests.integration.fleet import DelayingProxy


@contextmanager
def delayed(targets: Sequence[Target], rtt: float) -> Iterator[list[Target]]:
    """Give the same hosts with a round trip that takes `rtt` seconds longer."""
    if rtt == 0:
        yield list(targets)
        return
    argv = [sys.executable, "-m", "benchmarks.proxies", str(rtt / 2)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the proxies have no pipes")
        process.stdin.write(json.dumps([(target.address, target.port) for target in targets]) + "\n")
        process.stdin.flush()
        ports = json.loads(process.stdout.readline())
        yield [Target(target.name, "127.0.0.1", port) for target, port in zip(targets, ports, strict=True)]
        process.stdin.close()


def _serve(delay: float) -> None:
    with ExitStack() as stack:
        wanted = json.loads(sys.stdin.readline())
        proxies = [stack.enter_context(DelayingProxy(address, port, delay=delay)) for address, port in wanted]
        print(json.dumps([proxy.port for proxy in proxies]), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve(float(sys.argv[1]))
