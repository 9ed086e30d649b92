# SPDX-License-Identifier: GPL-3.0-or-later
"""The table and the sentence at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from jetpack_core.records import Status
from jetpack_core.views.result import label, seconds_text
from jetpack_core.views.text import clip, one_line, pad, width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.events import RunFinished
    from jetpack_core.views.result import Style

_BAD: Final = (Status.FAILED, Status.UNREACHABLE)
_MANY: Final = 50
"""With more hosts than this, those that are well and have equal counts share a row."""
_NAME_WIDTH: Final = 40
_Row = tuple[str, "Mapping[str, int]"]


def summary_lines(event: RunFinished, style: Style, *, spoken: bool = False) -> list[str]:
    """Return the table of hosts, what became of the run in one sentence, and how long it took.

    :param spoken: It is read aloud: each host has a sentence.
    """
    table = _sentences if spoken else _table
    lines = [*table(event, style), ""] if _total(event).total() else []
    lines.append(style.paint(headline(event), _colour(event)))
    if event.error:
        lines.append(style.paint(f"The run stopped: {one_line(event.error)}", "bold red"))
    lines.append(style.paint(_size(event), "dim"))
    return lines


def _table(event: RunFinished, style: Style) -> list[str]:
    total = _total(event)
    columns = [status for status in Status if total[status]]
    heads = [label(status, event.planned) for status in columns]
    rows = _rows(event, style)
    if len(event.hosts) > 1:
        rows.append(("total", total))
    first = max(width(name) for name, _ in [("host", {}), *rows])
    widths = [max(len(head), len(str(total[status]))) for head, status in zip(heads, columns, strict=True)]
    head = "  ".join(pad(one, size, right=True) for one, size in zip(heads, widths, strict=True))
    lines = [style.paint(f"{pad('host', first)}  {head}".rstrip(), "bold")]
    for name, counts in rows:
        cells = [_cell(counts.get(one, 0), size, one, style) for one, size in zip(columns, widths, strict=True)]
        lines.append("  ".join([pad(name, first), *cells]).rstrip())
    return lines


def _sentences(event: RunFinished, style: Style) -> list[str]:
    """Return what became of each host in words."""
    return [
        f"{name}: {', '.join(f'{counts[one]} {label(one, event.planned)}' for one in Status if counts.get(one))}."
        for name, counts in _rows(event, style)
        if any(counts.values())
    ]


def _cell(count: int, size: int, status: Status, style: Style) -> str:
    text = pad(str(count) if count else ".", size, right=True)
    return style.paint.status(text, status) if count else style.paint(text, "dim")


def _rows(event: RunFinished, style: Style) -> list[_Row]:
    if len(event.hosts) <= _MANY or style.verbosity > 0:
        return [(clip(one_line(host), _NAME_WIDTH), counts) for host, counts in event.hosts.items()]
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for host, counts in event.hosts.items():
        own = ((host, 0),) if any(counts.get(status) for status in _BAD) else ()
        alike.setdefault((*own, *sorted((name, count) for name, count in counts.items() if count)), []).append(host)
    return [(_name(hosts), event.hosts[hosts[0]]) for hosts in alike.values()]


def _name(hosts: list[str]) -> str:
    if len(hosts) == 1:
        return clip(one_line(hosts[0]), _NAME_WIDTH)
    return f"{len(hosts)} hosts like {clip(one_line(hosts[0]), _NAME_WIDTH - 16)}"


def _total(event: RunFinished) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in event.hosts.values():
        total.update(counts)
    return total


def headline(event: RunFinished) -> str:
    """Say in one sentence what became of a run."""
    total = _total(event)
    hosts = len(event.hosts)
    changed = sum(any(counts.get(one) for one in Status if one.changed) for counts in event.hosts.values())
    changes = sum(total[status] for status in Status if status.changed)
    parts = _bad_parts(event)
    if changes:
        where = f" on {changed} of {hosts} hosts" if hosts > 1 else ""
        parts.append(f"{_some(changes, 'change')}{where}")
    if total[Status.UNKNOWN]:
        parts.append(f"{_some(total[Status.UNKNOWN], 'result')} unknown until the tasks before have run")
    if total[Status.IGNORED]:
        parts.append(f"{_some(total[Status.IGNORED], 'failure')} ignored")
    if parts:
        parts += _undone(event)
    text = ", ".join(parts) or _calm(event)
    if event.interrupted or event.planned:
        return f"{'Interrupted' if event.interrupted else 'Plan'}: {text}."
    return f"{text[0].upper()}{text[1:]}."


def _bad_parts(event: RunFinished) -> list[str]:
    parts = []
    for status, verb in ((Status.FAILED, "failed"), (Status.UNREACHABLE, "could not be reached")):
        count = sum(bool(counts.get(status)) for counts in event.hosts.values())
        if count:
            who = f"{count} of {len(event.hosts)} hosts" if len(event.hosts) > 1 else "the host"
            parts.append(f"{who} {verb}")
    return parts


def _calm(event: RunFinished) -> str:
    """Say what became of a run without changes and failures; that hosts match only where all was looked at."""
    hosts = len(event.hosts)
    undone = _undone(event)
    if event.interrupted:
        return "no change was reported"
    if event.error or not hosts:
        return ", ".join(["nothing was changed", *undone])
    if not _total(event).total() and not undone:
        return "there was nothing to do"
    nothing = f"nothing {'would change' if event.planned else 'was changed'}"
    if undone:
        return f"{nothing}, and {', '.join(undone)}"
    passed_over = sum(_only_skipped(counts) for counts in event.hosts.values())
    if passed_over:
        where = "" if passed_over == hosts else f" on {passed_over} of {hosts} hosts"
        return f"{nothing}, every task was skipped{where}"
    who = "the host matches" if hosts == 1 else f"all {hosts} hosts match"
    return f"{who}, {nothing}"


def _only_skipped(counts: Mapping[str, int]) -> bool:
    return {status for status, count in counts.items() if count} == {Status.SKIPPED}


def _undone(event: RunFinished) -> list[str]:
    """Say what is not as it is wanted, and was not to be made so."""
    parts = []
    if event.differing:
        are = "it is" if event.differing == 1 else "they are"
        parts.append(f"{_some(event.differing, 'host')} left as {are} though different")
    if event.refused:
        parts.append(f"{_some(event.refused, 'question')} answered with no")
    return parts


def _colour(event: RunFinished) -> str:
    if event.error or event.interrupted or event.exit_code or _bad_parts(event):
        return "bold red"
    return "bold"


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _size(event: RunFinished) -> str:
    parts = [_some(event.tasks, "task")] if event.tasks else []
    parts += [_some(event.roles, "role")] if event.roles else []
    parts.append(seconds_text(event.elapsed))
    if event.redactions:
        parts.append(f"secrets hidden {event.redactions} times" if event.redactions > 1 else "1 secret hidden")
    return ", ".join(parts)
