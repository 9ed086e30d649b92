# SPDX-License-Identifier: GPL-3.0-or-later
"""Two names swapped in one step, by the host's Python."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, cast

from jetpack_core.contracts.host import Host
from jetpack_core.contracts.operations import Operation
from jetpack_core.records import CommandResult

_PYTHON: Final = """\
import ctypes, errno, os, sys
names = [os.fsencode(name) for name in sys.argv[1:]]
numbers = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "armv7l": 382, "armv6l": 382, "i686": 353, "i386": 353,
           "ppc64le": 357, "s390x": 347, "loongarch64": 276}
libc = ctypes.CDLL(None, use_errno=True)
def swap(one, other):
    if hasattr(libc, "renameat2"):
        failed = libc.renameat2(-100, one, -100, other, 2)
    else:
        failed = libc.syscall(numbers[os.uname().machine], -100, one, -100, other, 2)
    return ctypes.get_errno() if failed else 0
found = swap(names[0], names[1])
if found:
    sys.exit("apart" if found == errno.EXDEV else os.strerror(found))
if len(names) > 2:
    try:
        if os.path.lexists(names[2]):
            raise OSError(errno.EEXIST, "is there already")
        os.rename(names[0], names[2])
    except OSError as error:
        swap(names[0], names[1])
        sys.exit("aside apart" if error.errno == errno.EXDEV else str(error))
print("swapped")
"""
"""renameat2(2), which Python has no function for: AT_FDCWD is -100, RENAME_EXCHANGE 2."""
_SHELL: Final = """\
code=$1
shift
for p in python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python; do
    command -v "$p" >/dev/null 2>&1 && exec "$p" -ISc "$code" "$@"
done
exit 1
"""


class Swap(Enum):
    """How an exchange went; unless it was done, nothing has changed."""

    DONE = ""
    APART = "apart"
    """The two are on different file systems."""
    ASIDE_APART = "aside apart"
    """The third name is on another file system."""
    IMPOSSIBLE = "impossible"
    """The host, or this file system, has no such step; or it fails for a reason that slower ways will name."""


async def swap(host: Host, guards: Sequence[Operation[object]], one: str, other: str, aside: str | None = None) -> Swap:
    """Exchange two names in one step and, with `aside`, give what `one` names then that name.

    :param guards: Operations that are carried out first; where one is refused, nothing is exchanged, and it is raised.
    """
    names = [one, other] if aside is None else [one, other, aside]
    replies = await host.gather([*guards, host.run(["sh", "-c", _SHELL, "jetpack-move", _PYTHON, *names])])
    said = cast("CommandResult", replies[-1])
    if said.ok and said.stdout.strip() == "swapped":
        return Swap.DONE
    last = (said.stderr.strip().splitlines() or [""])[-1]
    return Swap(last) if last in {Swap.APART.value, Swap.ASIDE_APART.value} else Swap.IMPOSSIBLE
