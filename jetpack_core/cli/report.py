# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack report`: tell of a run that is over, as a page, as JUnit XML or as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.log import newest_runs, runs_folder
from jetpack_core.cli.options import completing
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from jetpack_core.reports.story import Story

_EVENTS: Final = "events.jsonl"
_PAGE: Final = Path("jetpack-report.html")
_STDOUT: Final = "-"


@click.command("report")
@click.argument("run", required=False, shell_complete=completing("runs"))
@click.option(
    "--format", "kind", type=click.Choice(["html", "junit", "markdown"]), default="html", help="What to make."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Where to write it; - prints it. A page goes to jetpack-report.html, all else is printed.",
)
def command(run: str | None, kind: str, output: Path | None) -> int:
    """Make a report of a run: of the last one, of a RUN by the beginning of its name, or of a file of events.

    A page is one file that needs no network; it shows hosts by tasks, failures with their context, differences and
    timings. JUnit XML and Markdown are for CI. No report holds a secret that the run knew of.
    """
    from jetpack_core.reports.story import read_story

    text = _made(read_story(_events(run)), kind)
    output = output or (_PAGE if kind == "html" else Path(_STDOUT))
    if str(output) == _STDOUT:
        click.echo(text, nl=False)
        return 0
    from jetpack_core.secret_files import atomic

    atomic.write(output, text.encode("utf-8", "replace"))
    click.echo(f"The report is in {output}", err=True)
    return 0


def _made(story: Story, kind: str) -> str:
    if kind == "junit":
        from jetpack_core.reports.junit import junit

        return junit(story)
    if kind == "markdown":
        from jetpack_core.reports.markdown import markdown

        return markdown(story)
    from jetpack_core.reports.html import html

    return html(story)


def _events(run: str | None) -> Path:
    """Return the file of events that is meant. Raises UsageError where there is none, or more than one."""
    if run is not None and ("/" in run or Path(run).is_file()):
        return Path(run)
    found = [folder / _EVENTS for folder in newest_runs() if (folder / _EVENTS).is_file()]
    if run is None and found:
        return found[0]
    matching = [path for path in found if run is not None and path.parent.name.startswith(run)]
    if len(matching) > 1:
        raise UsageError(f"several runs begin with {run!r}", hint="give more of the name")
    if not matching:
        what = f"no run {run!r} is known" if run is not None else "no run is known"
        hint = "runs are kept unless $JET_LOG names a file, which can be given here"
        raise UsageError(f"{what} in {runs_folder()}", hint=hint)
    return matching[0]
