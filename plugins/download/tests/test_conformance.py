# SPDX-License-Identifier: GPL-3.0-or-later
"""The public conformance suite on `download`: by the host's Python, and by the control machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import pytest
from jetpack_plugin_download.module import Download

from jetpack_core.records import PlanKind
from jetpack_core.testing.modules import Case, ModuleConformance
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.server import serving

pytestmark = pytest.mark.slow

BODY = b"x" * 300_000
SHA256 = hashlib.sha256(BODY).hexdigest()
NONE, CREATE, MODIFY = PlanKind.NONE, PlanKind.CREATE, PlanKind.MODIFY
Parameters = Callable[[Sandbox], Mapping[str, object]]


def given(**more: object) -> Parameters:
    """Make the parameters; a path stands for its address on the server."""

    def make(box: Sandbox) -> dict[str, object]:
        values = {"url": "/file", "dest": box.path("f"), "via": TestDownload.via, **more}
        for name in ("url", "checksum"):
            if str(values.get(name, "")).startswith("/"):
                values[name] = f"{TestDownload.base}{values[name]}"
        return values

    return make


def put(content: bytes | str, mode: int = 0o644) -> Callable[[Sandbox], object]:
    return lambda box: box.write("f", content, mode=mode)


class TestDownload(ModuleConformance):
    """By whatever the host has."""

    module = Download
    without_python = True
    way: ClassVar[str] = "auto"
    base: ClassVar[str] = ""
    via: ClassVar[str] = "auto"
    cases = (
        Case("new file", given(), expected=CREATE, disturb=put("theirs"), round_trips=4),
        Case("new file with a checksum", given(checksum=SHA256, mode="0o640"), expected=CREATE, round_trips=4),
        Case("another file", given(), put(b"old"), disturb=put("theirs"), round_trips=4),
        Case("another file of the same size", given(checksum=f"sha256:{SHA256}"), put(b"y" * 300_000), round_trips=4),
        Case("a checksum from a file", given(checksum="/SUMS"), put(b"old", 0o600), round_trips=4),
        Case("a weaker checksum", given(checksum=hashlib.sha1(BODY).hexdigest()), put(b"old"), round_trips=4),  # noqa: S324
        Case("with a backup", given(backup=True), put(b"old", 0o600), disturb=put("theirs"), round_trips=4),
        Case("other mode", given(checksum=SHA256, mode="0600"), put(BODY), disturb=put("theirs")),
        Case("replaces a link", given(), lambda box: box.link("f", "g"), disturb=put("theirs"), round_trips=4),
        Case("as it is", given(checksum=SHA256), put(BODY), NONE),
        Case("as a file of checksums says", given(checksum="/SUMS"), put(BODY), NONE),
        Case("taken as it is", given(conditional=False), put(b"anything"), NONE),
    )

    @pytest.fixture(autouse=True)
    def web(self) -> Iterator[None]:
        """Run the server, and say by what way the file is fetched."""
        with serving() as site:
            site.put("/file", BODY, etag='"one"')
            site.put("/SUMS", f"{SHA256}  file\n".encode())
            TestDownload.base, TestDownload.via = site.url(""), self.way
            yield


class TestDownloadByControl(TestDownload):
    """By the control machine."""

    way = "control"
