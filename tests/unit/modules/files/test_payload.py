# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the control machine: read once for all hosts, and anew as soon as they are changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.payload import payload_in_folder, read_payload

SETTLED = 2.5
"""Seconds after which the coarsest clock of a file system has gone on."""


def test_a_file_is_read_once_for_all_hosts(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"content")
    time.sleep(SETTLED)
    first = read_payload(source)
    assert first.content == b"content"
    assert read_payload(source) is first
    assert payload_in_folder(source) is payload_in_folder(source)
    assert payload_in_folder(source).content is None
    assert payload_in_folder(source).checksum == first.checksum


def test_a_file_that_is_changed_is_read_anew(tmp_path: Path) -> None:
    source = tmp_path / "file"
    # As fast as the machine can, so that many changes fall into one tick of the file system's clock.
    for number in range(300):
        content = b"%03d" % number
        source.write_bytes(content)
        os.utime(source, (0, 0))
        assert read_payload(source).content == content
        assert payload_in_folder(source).checksum == read_payload(source).checksum


def test_a_file_that_is_changed_later_is_read_anew(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"one")
    os.utime(source, (0, 0))
    time.sleep(SETTLED)
    assert read_payload(source).content == b"one"
    source.write_bytes(b"two")
    os.utime(source, (0, 0))
    assert read_payload(source).content == b"two"
    source.chmod(0o755)
    assert read_payload(source).default_mode == 0o755


@pytest.mark.parametrize("read", [read_payload, payload_in_folder])
def test_a_file_that_cannot_be_read_is_named(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(TaskError, match=r"nothing cannot be read: no such file"):
        read(tmp_path / "nothing")
    with pytest.raises(TaskError, match=r"cannot be read: is a directory"):
        read(tmp_path)
