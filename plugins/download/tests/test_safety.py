# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials, redirects, certificates and proxies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from jetpack_plugin_download.module import Download

from jetpack_core.contracts.operations import Run
from jetpack_core.errors import TaskError
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Site, make_authority, serving

pytestmark = pytest.mark.slow

PRIVATE = ("Authorization", "X-Api-Key", "Cookie")


@pytest.fixture(params=["host", "control", "curl"])
def via(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the file is fetched, and by what."""
    if request.param == "curl":
        monkeypatch.setattr("jetpack_plugin_download.fetching._means", lambda *_: ["curl"])
        return "host"
    return str(request.param)


@pytest.fixture
def other() -> Iterator[Site]:
    """Another server."""
    with serving("127.0.0.1") as site:
        yield site


def credentials() -> dict[str, object]:
    return {"token": "hush-hush", "headers": {"X-Api-Key": "hush-key", "Cookie": "session=hush"}}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_stay_with_their_host(
    site: Site, other: Site, box: Sandbox, host: TestHost, download: Maker, via: str, status: int
) -> None:
    other.put("/there", b"got it")
    site.put("/file", needs="Bearer hush-hush", redirect=(status, f"http://localhost:{other.port}/there"))
    host.converge(download(via=via, **credentials()))
    assert box.read("f") == b"got it"
    assert site.asked(path="/file")[0].headers["X-Api-Key"] == "hush-key"
    assert [name for name in PRIVATE if name in other.log[-1].headers] == []


def test_the_same_server_under_another_name_is_another_host(
    site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", redirect=(302, site.url("/there", "localhost")))
    site.put("/there", b"got it")
    host.converge(download(via=via, **credentials()))
    assert [name for name in PRIVATE if name in site.asked(path="/there")[-1].headers] == []


def test_credentials_go_on_within_one_host(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", redirect=(302, "/there"))
    site.put("/there", b"got it", needs="Bearer hush-hush")
    host.converge(download(via=via, **credentials()))
    assert box.read("f") == b"got it"


def test_a_redirect_back_does_not_bring_the_credentials_back_through_another(
    site: Site, other: Site, host: TestHost, download: Maker, via: str
) -> None:
    site.put("/file", redirect=(302, f"http://localhost:{other.port}/bounce"))
    other.put("/bounce", redirect=(302, f"http://localhost:{other.port}/there"))
    other.put("/there", b"got it")
    host.converge(download(via=via, **credentials()))
    assert all(name not in one.headers for one in other.log for name in PRIVATE)


@pytest.mark.parametrize(
    ("to", "why"), [("ftp://127.0.0.1/x", "no web address"), ("file:///etc/passwd", "no web address")]
)
def test_a_redirect_leads_to_web_addresses_only(
    site: Site, host: TestHost, download: Maker, via: str, to: str, why: str
) -> None:
    site.put("/file", redirect=(302, to))
    with pytest.raises(TaskError, match=why):
        host.converge(download(via=via))


def test_endless_redirects_end(site: Site, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", redirect=(302, "/file"))
    with pytest.raises(TaskError):
        host.converge(download(via=via, retries=0))
    assert len(site.log) <= 12


def test_basic_login(site: Site, box: Sandbox, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", b"in", needs="Basic dXNlcjpww6RzcywgIicgJCBcIDog")
    host.converge(download(via=via, username="user", password="päss, \"' $ \\ : "))
    assert box.read("f") == b"in"


def test_no_secret_is_in_a_command_or_an_error(site: Site, host: TestHost, download: Maker, via: str) -> None:
    site.put("/file", needs="Bearer other")
    with pytest.raises(TaskError, match="401") as error:
        host.converge(download(via=via, url=site.url("/file?signature=hush-sign"), **credentials()))
    assert "hush" not in str(error.value)
    commands = [operation for operation in host.operations if isinstance(operation, Run)]
    assert commands
    assert not any("hush" in word for command in commands for word in (*command.argv, *command.env.values()))


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    """A server with a certificate of an authority that nobody knows, and that authority's file."""
    authority, context = make_authority(tmp_path)
    with serving(tls=context) as site:
        yield site, authority


def test_an_unknown_authority_is_refused_and_not_tried_again(
    secure: tuple[Site, Path], host: TestHost, box: Sandbox, via: str
) -> None:
    site, _ = secure
    site.put("/file")
    module = Download.model_validate({"url": site.url("/file"), "dest": box.path("f"), "via": via, "retry_delay": 60})
    with pytest.raises(TaskError, match="certificate is not trusted"):
        host.converge(module)
    assert not box.stat("f").exists


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_ca_file_makes_an_authority_known(
    secure: tuple[Site, Path], host: TestHost, box: Sandbox, via: str, name: str
) -> None:
    site, authority = secure
    site.put("/file", b"safe", etag='"a"')
    given = {"url": site.url("/file", name), "dest": box.path("f"), "via": via, "ca_file": authority}
    host.converge(Download.model_validate(given))
    assert box.read("f") == b"safe"
    assert not host.plan(Download.model_validate(given)).needed


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, host: TestHost, box: Sandbox, via: str) -> None:
    authority, context = make_authority(tmp_path, x509.DNSName("elsewhere.example"))
    with serving(tls=context) as site:
        site.put("/file")
        given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority}
        with pytest.raises(TaskError, match="certificate is not trusted"):
            host.converge(Download.model_validate(given))


def test_an_unchecked_certificate_is_a_warning(
    secure: tuple[Site, Path], host: TestHost, box: Sandbox, via: str
) -> None:
    site, _ = secure
    site.put("/file", b"risky")
    given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "validate_certs": False}
    host.converge(Download.model_validate(given))
    assert box.read("f") == b"risky"
    assert any("not checked" in warning for warning in host.warnings)


def test_encryption_is_not_given_up_by_a_redirect(
    secure: tuple[Site, Path], site: Site, host: TestHost, box: Sandbox, via: str
) -> None:
    safe, authority = secure
    safe.put("/file", redirect=(302, site.url("/plain")))
    site.put("/plain")
    given = {"url": safe.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority}
    with pytest.raises(TaskError, match="not encrypted"):
        host.converge(Download.model_validate(given))
    assert site.log == []


@pytest.mark.parametrize("how", ["parameter", "environment"])
def test_a_proxy_is_gone_through(
    site: Site, box: Sandbox, host: TestHost, download: Maker, monkeypatch: pytest.MonkeyPatch, via: str, how: str
) -> None:
    site.resources["http://nowhere.example/file"] = site.put("/file", b"by proxy")
    given: dict[str, object] = {"url": "http://nowhere.example/file"}
    if how == "environment":
        monkeypatch.setenv("http_proxy", site.url(""))
        monkeypatch.setenv("no_proxy", "")
    else:
        given["proxy"] = site.url("")
    host.converge(download(via=via, **given))
    assert box.read("f") == b"by proxy"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.com/x"},
        {"url": "https://user:hush@example.com/x"},
        {"url": "https://example.com/a b"},
        {"url": []},
        {"url": "https://"},
        {"dest": "/tmp/"},
        {"dest": "relative"},
        {"checksum": "sha256:123"},
        {"checksum": "md5:" + "0" * 64},
        {"checksum_name": "x"},
        {"headers": {"X": "a\nEvil: b"}},
        {"headers": {"X Y": "a"}},
        {"username": "u"},
        {"username": "u", "password": "p", "token": "t"},
        {"max_size": "many"},
        {"via": "pigeon"},
        {"timeout": 0},
        {"retries": -1},
    ],
)
def test_mistakes_are_refused_before_anything_runs(wrong: dict[str, object]) -> None:
    given = {"url": "https://example.com/x", "dest": "/tmp/x", **wrong}
    with pytest.raises(ValueError, match="validation error") as error:
        Download.model_validate(given)
    assert "hush" not in str(error.value.errors(include_input=False))  # type: ignore[attr-defined]


@pytest.mark.parametrize(("text", "size"), [("5", 5), ("500k", 512_000), ("2 MiB", 2 << 20), ("1G", 1 << 30), (7, 7)])
def test_sizes_are_read_as_people_write_them(text: object, size: int) -> None:
    made = Download.model_validate({"url": "https://example.com/x", "dest": "/tmp/x", "max_size": text})
    assert made.max_size == size
