# SPDX-License-Identifier: GPL-3.0-or-later
"""The views of a run: standard output, and what plugins add."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from jetpack_core.cli.invocation import warn
from jetpack_core.contracts.view import View
from jetpack_core.errors import PluginError
from jetpack_core.registry import BUILT_IN, Kind

if TYPE_CHECKING:
    from jetpack_core.cli.options import RunOptions
    from jetpack_core.events import Event
    from jetpack_core.registry import Registry
    from jetpack_core.views.console import ConsoleView

_TICK: Final = 1.0
"""Seconds between two looks at the clock."""


class UntilClosed(View):
    """Passes events on while they can be written: the run itself goes on when `head` has gone or the disk is full."""

    def __init__(self, view: View) -> None:
        self._view: View | None = view

    def handle(self, event: Event) -> None:
        """Pass an event on while somebody reads."""
        try:
            if self._view is not None:
                self._view.handle(event)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the view."""
        try:
            if self._view is not None:
                self._view.close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._view = None
        if not isinstance(error, BrokenPipeError):
            warn(f"cannot write to standard output: {error.strerror}; the run goes on without it")


class Ticking(View):
    """Tells a view of the console that time goes by, also while nothing happens."""

    def __init__(self, view: ConsoleView) -> None:
        self._view = view
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._run, name="console clock", daemon=True)
        self._clock.start()

    def _run(self) -> None:
        while not self._over.wait(_TICK):
            with self._turn:
                if not self._over.is_set():
                    self._tick()

    def _tick(self) -> None:
        try:
            self._view.tick(time.time())
        except OSError:
            # The next event tells of it.
            self._over.set()

    def handle(self, event: Event) -> None:
        """Pass an event on."""
        with self._turn:
            self._view.handle(event)

    def close(self) -> None:
        """Stop the clock and close the view."""
        self._over.set()
        with self._turn:
            self._view.close()


def output_view(options: RunOptions) -> View:
    """Return the view on standard output: JSON lines, or the console."""
    return UntilClosed(_json_view() if options.as_json else _console_view(options))


def _json_view() -> View:
    from jetpack_core.views.jsonl import JsonLinesView

    return JsonLinesView(sys.stdout)


def _console_view(options: RunOptions) -> View:
    from jetpack_core.views.console import ConsoleView

    terminal = sys.stdout.isatty()
    live = terminal and os.environ.get("TERM") != "dumb" and not options.plain
    console = ConsoleView(
        sys.stdout,
        verbosity=options.verbosity,
        diff=options.diff,
        colour=wants_colour(terminal=terminal) and not options.plain,
        live=live,
        width=shutil.get_terminal_size().columns,
        profile=options.profile,
        spoken=options.plain,
    )
    return Ticking(console) if live else console


def wants_colour(*, terminal: bool) -> bool:
    """Tell whether to print colours: $NO_COLOR and $FORCE_COLOR decide before the kind of output does."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (terminal and os.environ.get("TERM") != "dumb")


def plugin_views(registry: Registry) -> list[View]:
    """Make the views that plugins add; one that cannot be made is a warning."""
    views: list[View] = []
    for name, entry in registry.entries(Kind.VIEW).items():
        if entry.owner == BUILT_IN:
            continue
        try:
            views.append(registry.view(name)())
        except PluginError as error:
            warn(error.message)
        except Exception as error:  # noqa: BLE001 - whatever a plugin's view raises must not stop the run
            warn(f"view {name} of {entry.owner} does not start: {type(error).__name__}: {error}")
    return views
