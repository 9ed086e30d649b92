# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a skipped test fail the run where everything must run, and lets runs on this machine be."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

REQUIRE_ALL = "JETPACK_REQUIRE_ALL"

# How long one example takes is the machine's affair: several suites may share it.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")
# For `make test`: whoever runs it often has seen many examples in the end.
settings.register_profile("quick", settings.get_profile("any-machine"), max_examples=20)


class SkipGuard:
    """Fails a session in which anything was skipped, and lists the reasons."""

    def __init__(self) -> None:
        """Start with nothing skipped."""
        self._reasons: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test; an expected failure is not one."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._reasons[_reason(report.longrepr)] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module skipped as a whole."""
        if report.skipped:
            self._reasons[_reason(report.longrepr)] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a run that would have passed into a failed one."""
        if self._reasons and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was skipped, and that it is the failure."""
        if not self._reasons:
            return
        total = sum(self._reasons.values())
        terminalreporter.section(f"{REQUIRE_ALL} is set: {total} skipped, so the run fails", red=True)
        for reason, count in self._reasons.most_common():
            terminalreporter.line(f"{count} x {reason}")


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skips, for the whole run and not only below this folder; let tests on this machine run side by side."""
    # Runs of several tests act on this machine at once; tests of the lock set this themselves.
    os.environ["JET_LOCK_TIMEOUT"] = "off"
    if os.environ.get(REQUIRE_ALL) == "1":
        config.pluginmanager.register(SkipGuard(), "jetpack-skip-guard")


def _reason(where: object) -> str:
    if isinstance(where, tuple):
        path, line, reason = where
        return f"{reason} ({path}:{line})"
    return str(where)
