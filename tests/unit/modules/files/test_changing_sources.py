# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the control machine that change between planning and sending, or are none."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from jetpack_core.connections.local import LocalConnection
from jetpack_core.contracts.fields import ParameterContext, Source
from jetpack_core.contracts.operations import Put
from jetpack_core.contracts.sources import SourceFile, SourceState
from jetpack_core.errors import SourceChangedError, StaleError, TaskError
from jetpack_core.modules.commands.sending import interpreter_of
from jetpack_core.modules.files import payload as payloads
from jetpack_core.modules.files.copy import Copy
from jetpack_core.modules.files.payload import DIFF_LIMIT, payload_in_folder, read_payload
from jetpack_core.records import Status
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.playbooks import PlaybookRunner
from jetpack_core.testing.sandbox import Sandbox

LARGE = b"x" * (DIFF_LIMIT + 1)


def rewrite(source: Path) -> None:
    source.write_bytes(b"y" * len(LARGE))


def append(source: Path) -> None:
    with source.open("ab") as file:
        file.write(b"more")


def cut(source: Path) -> None:
    os.truncate(source, 1000)


def replace(source: Path) -> None:
    source.with_name("other").write_bytes(LARGE)
    source.with_name("other").replace(source)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    os.utime(source, (1, 1))
    return source


@pytest.mark.parametrize("change", [rewrite, append, cut, replace])
def test_what_changes_after_the_plan_is_planned_anew(
    host: TestHost, box: Sandbox, source: Path, change: Callable[[Path], None]
) -> None:
    dest = box.write("file", "as it was")
    module = Copy(src=source, dest=dest)
    plan = host.plan(module)
    change(source)
    with pytest.raises(StaleError, match="changed since it was looked at"):
        host.apply(module, plan)
    assert isinstance(host.operations[-1], Put)
    assert box.read("file") == b"as it was"
    host.converge(module)
    assert box.read("file") == source.read_bytes()


@pytest.mark.parametrize("change", [rewrite, append, cut, replace])
def test_a_large_file_of_a_folder_that_changes_after_the_plan_is_planned_anew(
    host: TestHost, box: Sandbox, source: Path, change: Callable[[Path], None]
) -> None:
    module = Copy(src=source.parent, dest=box.path("folder"))
    plan = host.plan(module)
    change(source)
    with pytest.raises(StaleError, match="changed since it was looked at"):
        host.apply(module, plan)
    assert os.listdir(box.path("folder")) == []  # noqa: PTH208 - names are compared
    host.converge(module)
    assert box.read("folder/source") == source.read_bytes()


def test_what_is_only_made_readable_after_the_plan_is_sent(host: TestHost, box: Sandbox, source: Path) -> None:
    module = Copy(src=source, dest=box.path("file"))
    plan = host.plan(module)
    source.chmod(0o600)
    source.with_name("link").hardlink_to(source)
    host.apply(module, plan)
    assert box.read("file") == LARGE


@pytest.mark.parametrize("read", [read_payload, payload_in_folder])
@pytest.mark.parametrize("change", [rewrite, append, cut])
def test_what_changes_while_it_is_read_is_refused(
    read: Callable[[Path], object], change: Callable[[Path], None], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meddled(SourceFile):
        def read(self, most: int) -> bytes:
            data = super().read(most)
            change(source)
            return data

    monkeypatch.setattr(payloads, "SourceFile", Meddled)
    with pytest.raises(SourceChangedError) as raised:
        read(source)
    assert raised.value.message == f"the control machine's {source} changed while it was being read"


def test_an_endless_source_is_not_read_on(source: Path) -> None:
    over = threading.Event()

    def write() -> None:
        with source.open("ab", buffering=0) as file:
            while not over.wait(0.0001):
                file.write(b"more")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with SourceFile(source) as file:
            size = file.state.size
            for _ in range(size // 1000 + 1):
                file.read(1000)
            assert file.read(1000) == b""
            assert file.position == size
    finally:
        over.set()
        writer.join()


def test_empty_files_of_the_system_are_exempt() -> None:
    proc = Path("/proc/self/status")
    seen = SourceState.of(proc.stat())
    assert seen.size == 0
    with SourceFile(proc, seen._replace(modified=seen.modified + 1)) as file:
        assert b"VmPeak" in b"".join(iter(lambda: file.read(100), b""))
        file.check()
    assert read_payload(Path("/proc/version")).content == Path("/proc/version").read_bytes()


def test_an_empty_file_that_gets_content_meanwhile_is_no_file_of_the_system(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    with SourceFile(source) as file:
        source.write_bytes(b"x")
        with pytest.raises(SourceChangedError):
            file.read(100)


@pytest.mark.parametrize("read", [read_payload, payload_in_folder])
def test_a_pipe_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TaskError, match=r"machine's /.*/pipe is a device, socket or pipe and cannot be copied"):
        read(tmp_path / "pipe")


def test_what_becomes_a_pipe_before_it_is_opened_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Swapped(SourceFile):
        def __init__(self, path: Path, *, doing: str) -> None:
            path.unlink()
            os.mkfifo(path)
            super().__init__(path, doing=doing)

    monkeypatch.setattr(payloads, "SourceFile", Swapped)
    with pytest.raises(TaskError, match="cannot be read: it is a device, socket or pipe"):
        read_payload(source)
    with pytest.raises(TaskError, match="cannot be read: it is a device, socket or pipe"):
        interpreter_of(source)


@pytest.mark.parametrize("name", ["pipe", "/dev/null"])
def test_a_parameter_refuses_a_pipe_or_device(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    context = ParameterContext(lambda _, value: tmp_path / value, lambda _: [str(tmp_path)])
    with pytest.raises(ValidationError, match=f"the file '{name}' is a device, socket or pipe and cannot be copied"):
        TypeAdapter(Source).validate_python(name, context=context)


def test_a_source_that_changes_while_it_is_sent_fails_the_task_and_the_others_go_on(
    run_playbook: PlaybookRunner, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meddled(SourceFile):
        def read(self, most: int) -> bytes:
            data = super().read(most)
            append(source)
            return data

    monkeypatch.setattr("jetpack_core.connections.local.SourceFile", Meddled)
    dest = tmp_path / "host"
    dest.mkdir()
    ran = run_playbook(
        f"""
        - name: files
          groups: [all]
          tasks:
            - !copy
              name: the file
              src: {source}
              dest: {dest}/file
              with:
                condition: "inventory_hostname == 'one'"
            - !copy
              name: another
              content: text
              dest: {dest}/{{{{ inventory_hostname }}}}
        """,
        hosts=["one", "two"],
        connect=LocalConnection,
    )
    assert ran.statuses("one") == [Status.FAILED]
    assert ran.statuses("two")[-1] is Status.CREATED
    assert f"the control machine's {source} changed while it was being sent" in "\n".join(ran.messages)
    assert [path.name for path in dest.iterdir()] == ["two"]
