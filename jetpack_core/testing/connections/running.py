# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of commands, frames, cancellation and temporary directories."""

# ruff: noqa: S101, D102, PLR2004 - the tests of a kit are tests

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jetpack_core.contracts import operations as ops
from jetpack_core.errors import OperationCode, OperationError
from jetpack_core.records import CommandResult, FileKind
from jetpack_core.testing.connections.driver import Driver
from jetpack_core.testing.connections.expecting import fails


class RunningSuite:
    """How every connection must run commands and frames."""

    def test_command_result(self, driver: Driver) -> None:
        result = driver.do(ops.Run(("sh", "-c", "echo out; echo err >&2; exit 3")))
        assert (result.rc, result.stdout, result.stderr, result.ok) == (3, "out\n", "err\n", False)
        assert driver.do(ops.Run(("sh", "-c", "kill -9 $$"))).rc == 137
        assert driver.do(ops.Run(("printf", "%s|", "a b", "", "*", "'\"\n"))).stdout == "a b||*|'\"\n|"

    def test_binary_input_and_output(self, driver: Driver) -> None:
        data = bytes(range(256)) * 500
        result = driver.do(ops.Run(("cat",), stdin=data))
        assert result.stdout.encode("utf-8", "surrogateescape") == data
        assert driver.do(ops.Run(("cat",))).stdout == ""
        assert driver.do(ops.Run(("true",), stdin=data)).ok

    def test_environment_and_directory(self, driver: Driver, folder: str) -> None:
        script = 'printf "%s|" "$LC_ALL" "$LANG" "$A" "$HOME"; pwd'
        words = driver.do(ops.Run(("sh", "-c", script), env={"A": "b c"}, cwd=folder)).stdout.split("|")
        assert words[:3] == ["C.UTF-8", "C.UTF-8", "b c"]
        assert words[3]
        assert words[4].strip() == folder
        other = driver.do(ops.Run(("sh", "-c", script), env={"LANG": "POSIX"})).stdout.split("|")
        assert other[:2] == ["", "POSIX"]
        names = {line.partition("=")[0] for line in driver.do(ops.Run(("env",))).stdout.splitlines()}
        # A connection to this machine passes on the environment of the tests, whatever that is.
        assert not [name for name in names - set(os.environ) if name in {"J", "T"} or name.startswith("JET")]

    def test_programs_that_cannot_be_run(self, driver: Driver, folder: str) -> None:
        driver.do(ops.Write(f"{folder}/plain", b"#!/bin/sh\n"))
        for operation, code, subject in (
            (ops.Run(("no-such-program-here",)), OperationCode.NOT_FOUND, "no-such-program-here"),
            (ops.Run((f"{folder}/none",)), OperationCode.NOT_FOUND, f"{folder}/none"),
            (ops.Run((f"{folder}/plain",)), OperationCode.PERMISSION, f"{folder}/plain"),
            (ops.Run(("true",), cwd=f"{folder}/none"), OperationCode.NOT_FOUND, f"{folder}/none"),
        ):
            (reply,) = driver.frame(operation)
            assert isinstance(reply.error, OperationError)
            assert (reply.error.code, reply.error.subject) == (code, subject)

    def test_timeout_kills_all_of_it(self, driver: Driver, folder: str) -> None:
        script = '(sleep 2; touch "$1/child") & sleep 2; touch "$1/late"'
        started = time.monotonic()
        with fails(OperationCode.TIMEOUT):
            driver.do(ops.Run(("sh", "-c", script, "sh", folder), timeout=0.3))
        assert time.monotonic() - started < 1.5
        time.sleep(2.2)
        assert driver.do(ops.List(folder)) == ()

    def test_a_daemon_does_not_hold_up_the_command(self, driver: Driver) -> None:
        started = time.monotonic()
        assert driver.sh("echo started; sleep 5 &").stdout == "started\n"
        assert time.monotonic() - started < 4

    def test_output_is_shown_while_the_command_runs(self, driver: Driver) -> None:
        shown: list[tuple[float, str, bytes]] = []
        started = time.monotonic()

        def show(stream: str, data: bytes) -> None:
            shown.append((time.monotonic() - started, stream, data))

        script = "echo one; sleep 1.5; echo two; echo three >&2"
        (reply,) = driver.frame(ops.Run(("sh", "-c", script)), show=show)
        assert isinstance(reply.value, CommandResult)
        assert (reply.value.stdout, reply.value.stderr) == ("one\ntwo\n", "three\n")
        assert b"".join(data for _, stream, data in shown if stream == "stdout") == b"one\ntwo\n"
        assert b"".join(data for _, stream, data in shown if stream == "stderr") == b"three\n"
        assert shown[0][0] < 1.3

    def test_a_file_of_the_control_machine_is_run_and_removed(
        self, driver: Driver, folder: str, tmp_path: Path
    ) -> None:
        source = tmp_path / "it's a program"
        source.write_text(
            'cat; printf "%s|" "$@" "$A"; for i in "$0" "${0%/*}"; do ls -ld "$i" | cut -c1-10; done\n'
            'echo "$0" >"$2/name"; exit 3'
        )
        shown: list[bytes] = []
        program = ops.RunFile(("sh", source.name, "a b", folder), b"in\n", {"A": "env"}, folder, source=source, place=1)
        reply, after = driver.frame(program, ops.Read(f"{folder}/name"), show=lambda _stream, data: shown.append(data))
        expected = f"in\na b|{folder}|env|-rwx------\ndrwx------\n"
        assert reply.value == CommandResult(program.argv, 3, expected, "")
        assert b"".join(shown).decode() == expected
        assert isinstance(after.value, bytes)
        path = after.value.decode().strip()
        assert path.endswith(f"/{source.name}")
        assert not driver.do(ops.Stat(os.path.dirname(path))).exists  # noqa: PTH120 - a path of the host

    @pytest.mark.parametrize("trouble", ["no source", "no program", "timeout"])
    def test_a_file_that_cannot_be_run_is_removed(
        self, driver: Driver, folder: str, tmp_path: Path, trouble: str
    ) -> None:
        source = tmp_path / "program"
        source.write_text(f'echo "$0" >{folder}/name; sleep 30')
        missing = tmp_path / "none"
        operation, code, subject = {
            "no source": (ops.RunFile(("sh", "none"), source=missing, place=1), OperationCode.OTHER, str(missing)),
            "no program": (
                ops.RunFile(("/no/sh", "program"), source=source, place=1),
                OperationCode.NOT_FOUND,
                "/no/sh",
            ),
            "timeout": (ops.RunFile(("sh", "program"), timeout=1, source=source, place=1), OperationCode.TIMEOUT, "sh"),
        }[trouble]
        reply, after = driver.frame(operation, ops.Stat(folder))
        assert isinstance(reply.error, OperationError)
        assert (reply.error.code, reply.error.subject) == (code, subject)
        assert not after.ran
        if trouble == "timeout":
            path = driver.do(ops.Read(f"{folder}/name")).decode().strip()
            assert not driver.do(ops.Stat(os.path.dirname(path))).exists  # noqa: PTH120 - a path of the host
        assert driver.sh("echo on").stdout == "on\n"

    def test_a_large_file_is_run(self, driver: Driver, tmp_path: Path) -> None:
        source = tmp_path / "large"
        source.write_bytes(b"#" * 9_000_000 + b'\necho "$1"\n')
        assert driver.do(ops.RunFile(("sh", "large", "x"), source=source, place=1)).stdout == "x\n"

    def test_much_output(self, driver: Driver) -> None:
        result = driver.sh("head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2")
        assert (len(result.stdout), len(result.stderr)) == (3000000, 2000000)

    def test_stop_rule(self, driver: Driver, folder: str) -> None:
        replies = driver.frame(
            ops.Read(f"{folder}/none"),
            ops.Write(f"{folder}/a", b""),
            ops.Write(f"{folder}/none/b", b""),
            ops.Stat(folder),
            ops.Write(f"{folder}/c", b""),
        )
        assert [reply.ran for reply in replies] == [True, True, True, False, False]
        assert [reply.error is None for reply in replies] == [False, True, False, True, True]
        assert [one.path for one in driver.do(ops.List(folder))] == [f"{folder}/a"]
        failing = driver.frame(ops.Run(("false",)), ops.Stat(folder))
        assert failing[1].ran
        missing = driver.frame(ops.Run(("no-such-program-here",), read_only=True), ops.Stat(folder))
        assert not missing[1].ran

    def test_a_command_that_ends_other_than_it_should_stops_the_frame(
        self, driver: Driver, folder: str, tmp_path: Path
    ) -> None:
        source = tmp_path / "program"
        source.write_text("exit 5")
        for good, stops in ((None, False), ((0, 5), False), ((0,), True), ((55,), True)):
            for command in (
                ops.Run(("sh", "-c", "echo said; exit 5"), good=good),
                ops.RunFile(("sh", "program"), good=good, source=source, place=1),
            ):
                replies = driver.frame(command, ops.Stat(folder), ops.Run(("true",), good=(0,)), ops.Stat(folder))
                assert [reply.ran for reply in replies] == [True, *[not stops] * 3], command
                assert all(reply.error is None for reply in replies)
                assert isinstance(replies[0].value, CommandResult)
                assert replies[0].value.rc == 5
        missing, after = driver.frame(ops.Run(("no-such-program-here",), good=(0,)), ops.Stat(folder))
        assert (missing.ran, after.ran) == (True, False)
        # What was asked for once holds no longer.
        assert [reply.ran for reply in driver.frame(ops.Run(("false",)), ops.Stat(folder))] == [True, True]

    def test_later_requests_see_earlier_ones(self, driver: Driver, folder: str) -> None:
        replies = driver.frame(
            *(ops.Write(f"{folder}/{number}", b"%d" % number) for number in range(30)),
            ops.Run(("sh", "-c", 'cat "$1"/*', "sh", folder)),
            ops.List(folder),
        )
        assert all(reply.error is None for reply in replies)
        listed = replies[-1].value
        assert isinstance(listed, tuple)
        assert len(listed) == 30

    def test_frames_without_requests(self, driver: Driver) -> None:
        assert driver.frame() == []

    def test_cancelled_command_is_killed(self, driver: Driver, folder: str) -> None:
        script = 'echo $$ >"$1/pid"; sleep 2; touch "$1/late"'
        self._cancel(driver, ops.Run(("sh", "-c", script, "sh", folder)), 0.5)
        time.sleep(2.2)
        again = self._reconnected(driver)
        assert again.sh('[ -e "$1/late" ] && echo late', folder).stdout == ""

    def test_a_cancelled_program_is_killed_and_removed(self, driver: Driver, tmp_path: Path) -> None:
        source = tmp_path / "program"
        source.write_text('echo "$0"; sleep 30')
        shown = bytearray()

        async def cancel_once_it_runs() -> None:
            begun = asyncio.Event()

            def show(_stream: str, data: bytes) -> None:
                shown.extend(data)
                begun.set()

            task = asyncio.create_task(
                driver.execute(ops.RunFile(("sh", "program"), source=source, place=1), show=show)
            )
            await asyncio.wait_for(begun.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        driver.run(cancel_once_it_runs())
        again = self._reconnected(driver)
        directory = os.path.dirname(shown.decode().strip())  # noqa: PTH120 - a path of the host
        assert directory.startswith("/")
        for _ in range(100):
            if not again.do(ops.Stat(directory)).exists:
                break
            time.sleep(0.1)
        assert not again.do(ops.Stat(directory)).exists

    def test_cancelled_write_leaves_the_path_as_it_was(self, driver: Driver, tmp_path: Path) -> None:
        # Outside of the temporary directory, for that may go when the connection does.
        place = driver.sh("mktemp -d /tmp/conformance.XXXXXX").stdout.strip()
        with (tmp_path / "source").open("wb") as file:
            file.truncate(2 << 30)
        driver.do(ops.Write(f"{place}/file", b"as it was"))
        self._cancel(driver, ops.Put(tmp_path / "source", f"{place}/file"), 0.25)
        again = self._reconnected(driver)
        try:
            names: list[str] = []
            for _ in range(50):
                names = [one.path for one in again.do(ops.List(place))]
                if names == [f"{place}/file"]:
                    break
                time.sleep(0.1)
            assert names == [f"{place}/file"]
            assert again.do(ops.Read(f"{place}/file")) == b"as it was"
        finally:
            again.do(ops.Remove(place, recursive=True))

    def _cancel(self, driver: Driver, operation: ops.Operation[Any], delay: float) -> None:
        async def start_and_cancel() -> None:
            task = asyncio.create_task(driver.connection.execute([ops.Request(operation, driver.become)]))
            await asyncio.sleep(delay)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        driver.run(start_and_cancel())

    def _reconnected(self, driver: Driver) -> Driver:
        """Return the driver, connected: cancelling may cost a connection that has no other way to stop."""
        with contextlib.suppress(Exception):
            driver.sh("true")
            return driver
        return driver.connect()

    def test_temporary_directories_are_private_and_removed(
        self, driver: Driver, new_driver: Callable[[], Driver]
    ) -> None:
        other = new_driver()
        try:
            first, second = other.do(ops.TempDirectory("x")), other.do(ops.TempDirectory("x"))
            assert first != second
            state = other.do(ops.Stat(first))
            assert (state.kind, state.mode) == (FileKind.DIRECTORY, 0o700)
            other.do(ops.Write(f"{first}/file", b""))
        finally:
            other.close()
        for _ in range(50):
            if not driver.do(ops.Stat(first)).exists:
                break
            time.sleep(0.1)
        assert not driver.do(ops.Stat(first)).exists
        assert not driver.do(ops.Stat(second)).exists
