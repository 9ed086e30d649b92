# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers that are interrupted, slow, refused, too large or encoded; other attempts, and other addresses."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from jetpack_plugin_download.module import Download

from jetpack_core.errors import TaskError
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Fault, Site
from plugins.download.tests.test_download import BIG, MIB, leftovers, sha256

pytestmark = pytest.mark.slow


def test_an_interrupted_transfer_goes_on_where_it_ended(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", BIG, etag='"a"', faults=[Fault(die_after=600_000)])
    _, outcome = host.converge(download(via=via))
    assert box.read("f") == BIG
    assert outcome.result["resumed"] == 600_000
    assert site.sent() == len(BIG)
    assert site.log[-1].headers["If-Range"] == '"a"'


def test_the_next_run_goes_on_where_a_failed_one_ended(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", BIG, etag='"a"', faults=[Fault(die_after=600_000)])
    with pytest.raises(TaskError, match="too early"):
        host.converge(download(via=via, retries=0))
    assert not box.stat("f").exists
    _, outcome = host.converge(download(via=via))
    assert outcome.result["resumed"] == 600_000
    assert (box.read("f"), leftovers(box)) == (BIG, [])


@pytest.mark.parametrize("how", [{"etag": 'W/"a"'}, {}, {"etag": '"a"', "ranges": False}])
def test_nothing_is_resumed_that_nobody_vouches_for(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, how: dict[str, object]
) -> None:
    site.put("/file", BIG, faults=[Fault(die_after=600_000)], **how)
    _, outcome = host.converge(download(via=via))
    assert (box.read("f"), outcome.result["resumed"]) == (BIG, 0)


def test_a_file_that_changed_during_the_pause_is_taken_whole(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"a" * MIB, etag='"a"', faults=[Fault(die_after=600_000)])
    with pytest.raises(TaskError):
        host.converge(download(via=via, retries=0))
    site.put("/file", b"b" * MIB, etag='"b"')
    host.converge(download(via=via))
    assert box.read("f") == b"b" * MIB


def test_without_resume_nothing_is_left(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", BIG, etag='"a"', faults=[Fault(die_after=600_000)])
    with pytest.raises(TaskError):
        host.converge(download(via=via, retries=0, resume=False))
    assert leftovers(box) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503, headers={"Retry-After": "0"}),
        Fault(status=429, headers={"Retry-After": "1"}),
        Fault(die_after=10),
        Fault(claim=100),
        Fault(wait=1.5),
    ],
    ids=["500", "503", "429", "dies", "wrong length", "slow"],
)
def test_passing_trouble_is_tried_again(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, fault: Fault
) -> None:
    site.put("/file", b"x" * 1000, faults=[fault])
    _, outcome = host.converge(download(via=via, timeout=1))
    assert box.read("f") == b"x" * 1000
    assert site.resources["/file"].faults == []
    if fault.status == 429:
        assert float(str(outcome.result["elapsed"])) >= 1.0


def test_what_is_gone_is_not_tried_again(site: Site, host: TestHost, download: Maker, via: str) -> None:
    with pytest.raises(TaskError, match="404"):
        host.converge(download(via=via))
    assert len(site.log) == 1


def test_a_server_that_asks_for_too_long_is_not_waited_for(
    site: Site, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", faults=[Fault(status=429, headers={"Retry-After": "3600"})])
    with pytest.raises(TaskError, match="asks to wait 3600 s, which is too long"):
        host.converge(download(via=via))


def test_retries_end(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", faults=[Fault(status=500)] * 9)
    with pytest.raises(TaskError, match="it answers 500"):
        host.converge(download(via=via, retries=2))
    assert len(site.log) == 3
    assert leftovers(box) == []


def test_a_mirror_helps_out(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/good", b"good")
    site.put("/bad", b"evil")
    urls = [site.url("/gone"), "http://127.0.0.1:9/closed", site.url("/bad"), site.url("/good")]
    host.converge(download(via=via, url=urls, checksum=f"sha256:{sha256(b'good')}"))
    assert box.read("f") == b"good"


def test_when_all_mirrors_fail_all_are_named(site: Site, host: TestHost, download: Maker, via: str) -> None:
    urls = [site.url("/gone?key=sesame"), "http://127.0.0.1:9/closed"]
    with pytest.raises(TaskError, match=r"/gone\?….*404.*127\.0\.0\.1:9/closed") as error:
        host.converge(download(via=via, url=urls, retries=0))
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize("length", [True, False])
def test_a_file_that_is_too_large_is_refused(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, length: bool
) -> None:
    site.put("/file", BIG, length=length)
    box.write("f", "good")
    with pytest.raises(TaskError, match="max_size"):
        host.converge(download(via=via, max_size="1000k"))
    assert (box.read("f"), leftovers(box)) == (b"good", [])


def test_a_bomb_is_no_larger_than_max_size_on_disk(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", bytes(64 * MIB), zipped=True)
    with pytest.raises(TaskError, match="max_size"):
        host.converge(download(via=via, max_size="1M"))
    assert leftovers(box) == []


def test_an_encoded_file_is_decoded_and_a_stored_one_is_not(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", b"text" * 1000, zipped=True)
    host.converge(download(via=via))
    assert box.read("f") == b"text" * 1000
    site.put("/file.tar.gz", b"text" * 1000, zipped=True)
    host.converge(download(via=via, url=site.url("/file.tar.gz"), dest=box.path("g")))
    assert box.read("g")[:2] == b"\x1f\x8b"


class TestLies:
    """Servers whose answers are not what their headers say."""

    def interrupted(self, site: Site, host: TestHost, make: Callable[[], Download]) -> None:
        site.put("/file", BIG, etag='"a"', faults=[Fault(die_after=600_000)])
        with pytest.raises(TaskError, match="too early"):
            host.converge(make())

    def test_a_part_of_the_rest_is_not_taken_for_all_of_it(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
    ) -> None:
        self.interrupted(site, host, lambda: download(via=via, retries=0))
        told = {"Content-Range": f"bytes 600000-699999/{len(BIG)}", "ETag": '"a"'}
        site.dynamic = lambda _: (206, told, BIG[600_000:700_000])
        with pytest.raises(TaskError, match="too early"):
            host.converge(download(via=via, retries=0))
        assert not box.stat("f").exists
        site.dynamic = None
        host.converge(download(via=via))
        assert box.read("f") == BIG

    def test_the_rest_of_another_file_is_not_put_behind_the_first_half(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
    ) -> None:
        self.interrupted(site, host, lambda: download(via=via, retries=0))
        new = b"b" * len(BIG)

        def heedless(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            if "Range" not in handler.headers:
                return 200, {"ETag": '"b"'}, new
            return 206, {"ETag": '"b"', "Content-Range": f"bytes 600000-{len(new) - 1}/{len(new)}"}, new[600_000:]

        site.dynamic = heedless
        host.converge(download(via=via))
        assert box.read("f") == new

    @pytest.mark.parametrize("status", [202, 204, 206])
    def test_an_answer_without_the_file_never_replaces_a_good_one(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, status: int
    ) -> None:
        box.write("f", b"good")
        body = b"" if status == 204 else b"wait"
        site.dynamic = lambda _: (status, {"Content-Range": "bytes 0-3/100"} if status == 206 else {}, body)
        with pytest.raises(TaskError, match="it sends a part" if status == 206 else f"it answers {status}"):
            host.converge(download(via=via, retries=0, force=True))
        assert box.read("f") == b"good"

    def test_a_server_that_sends_byte_by_byte_is_given_up_in_time(
        self, site: Site, host: TestHost, download: Maker, via: str
    ) -> None:
        sent: list[int] = []

        def drip(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
            handler.send_response(200)
            handler.send_header("Content-Length", "300")
            handler.end_headers()
            with contextlib.suppress(OSError):
                for number in range(300):
                    handler.wfile.write(b"x")
                    sent.append(number)
                    time.sleep(0.1)
            return 200, {}, b""

        site.dynamic = drip
        with pytest.raises(TaskError, match="max_time"):
            host.converge(download(via=via, retries=0, max_time=1, force=True))
        assert len(sent) < 200
