# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lock, asked of the kernel for package managers that do not say it themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from jetpack_core.contracts.operations import Run
from jetpack_core.records import CommandResult

# $1: how the manager says that a lock is held; $2, $3: where its lock may be; $4...: the command, whose output is kept.
# Where the file is only opened under a lock, that is in `fdinfo`; where it is itself the lock, its maker keeps it open.
_SCRIPT: Final = """
words=$1 lock=$2; [ -e "$lock" ] || lock=$3; shift 3
said=$(mktemp) || exit
trap 'rm -f "$said"' EXIT
trap 'exit 143' INT TERM HUP
"$@" 2>"$said"; rc=$?
cat "$said" >&2
[ "$rc" -ne 0 ] && grep -q -e "$words" "$said" && [ -e "$lock" ] || exit "$rc"
holder=
for fd in /proc/[0-9]*/fd/*; do
  [ "$fd" -ef "$lock" ] || continue
  pid=${fd#/proc/}; pid=${pid%%/*}
  holder=${holder:-$pid}
  grep -q '^lock:' "/proc/$pid/fdinfo/${fd##*/}" 2>/dev/null && { holder=$pid; break; }
done
echo "jetpack: the lock is held by ${holder:-nobody} ($(cat "/proc/${holder:-nobody}/comm" 2>/dev/null))" >&2
exit "$rc"
"""
_TOLD: Final = re.compile(r"jetpack: the lock is held by (\d+|nobody) \((.*)\)\n?")


def asking_for_holder(run: Run, words: str, *locks: str) -> Run:
    """Return a command that tells behind its own last words who holds a lock, where it failed for that.

    :param words: What the command then says, as a regular expression of grep(1).
    :param locks: Where the lock is: one place, or two of which the first that exists is meant.
    """
    places = (locks[0], locks[-1])
    return replace(run, argv=("/bin/sh", "-c", _SCRIPT, "holder", words, *places, *run.argv))


def holder_in(ended: CommandResult) -> str | None:
    """Return who holds the lock as people say it; None where the lock is there and nobody holds it."""
    match = _TOLD.search(ended.stderr)
    if match is None:
        return "another process"
    if match[1] == "nobody":
        return None
    return f"process {match[1]}" + (f" ({match[2]})" if match[2] else "")
