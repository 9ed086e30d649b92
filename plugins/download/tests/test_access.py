# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials from `.netrc`, certificates of clients, and files instead of servers."""

from __future__ import annotations

import base64
import hashlib
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from jetpack_plugin_download.module import Download
from pydantic import ValidationError

from jetpack_core.errors import TaskError
from jetpack_core.records import PlanKind
from jetpack_core.testing.examples import make_module
from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.conftest import Maker
from plugins.download.tests.server import Fault, Site, make_authority, make_client, serving

pytestmark = pytest.mark.slow

LOGIN = "Basic " + base64.b64encode(b"ada:s3cret").decode()


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file of logins."""
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login ada password s3cret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path


@pytest.fixture
def tools(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the host curl alone."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "id", "cat", "tr", "sha256sum", "curl"):
        (programs / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(programs))


class TestNetrc:
    def test_it_logs_in(self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str, netrc: Path) -> None:
        site.put("/file", b"private", needs=LOGIN, etag='"1"')
        module = download(via=via, netrc=True)
        host.converge(module)
        assert box.read("f") == b"private"
        assert host.plan(module).kind is PlanKind.NONE
        with pytest.raises(TaskError, match="401"):
            host.converge(download(via=via, force=True))

    def test_it_is_for_the_hosts_that_it_names(
        self, site: Site, host: TestHost, download: Maker, via: str, netrc: Path
    ) -> None:
        with serving() as other:
            other.put("/file", b"elsewhere")
            site.put("/file", b"", redirect=(302, other.url("/file", "localhost")))
            host.converge(download(via=via, netrc=True))
            assert site.log[-1].headers["Authorization"] == LOGIN
            assert "Authorization" not in other.log[-1].headers

    @pytest.mark.usefixtures("tools")
    def test_curl_gets_it_too(self, site: Site, box: Sandbox, host: TestHost, download: Maker, netrc: Path) -> None:
        site.put("/file", b"private", needs=LOGIN)
        _, outcome = host.converge(download(netrc=True))
        assert (outcome.result["via"], box.read("f")) == ("curl", b"private")

    def test_a_file_that_is_missing_or_broken_is_named(self, host: TestHost, download: Maker, netrc: Path) -> None:
        netrc.write_text("machine\n")
        with pytest.raises(TaskError, match=r"netrc: .*netrc:\d"):
            host.plan(download(netrc=True))
        netrc.unlink()
        with pytest.raises(TaskError, match=r"netrc: .* cannot be read"):
            host.plan(download(netrc=True))


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    """A server that talks only to those whom its own authority vouches for."""
    authority, context = make_authority(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    with serving(tls=context) as site:
        site.put("/file", b"for clients")
        yield site, authority


class TestClientCertificates:
    @pytest.mark.parametrize("together", [False, True])
    def test_one_is_shown(
        self, strict: tuple[Site, Path], box: Sandbox, host: TestHost, via: str, tmp_path: Path, together: bool
    ) -> None:
        site, authority = strict
        certificate, key = make_client(tmp_path)
        given: dict[str, object] = {"client_cert": certificate, "client_key": key}
        if together:
            certificate.write_text(certificate.read_text() + key.read_text())
            del given["client_key"]
        module = make_module(
            Download,
            {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority, "timeout": 5, **given},
        )
        host.converge(module)
        assert box.read("f") == b"for clients"
        assert sorted(Path(path).name for path in box.snapshot()) == ["f", "plain"]

    @pytest.mark.usefixtures("tools")
    def test_curl_shows_it_too(self, strict: tuple[Site, Path], box: Sandbox, host: TestHost, tmp_path: Path) -> None:
        site, authority = strict
        certificate, key = make_client(tmp_path)
        given = {"url": site.url("/file"), "dest": box.path("f"), "ca_file": authority, "checksum": None}
        given |= {"client_cert": certificate, "client_key": key, "timeout": 5}
        _, outcome = host.converge(make_module(Download, given))
        assert (outcome.result["via"], box.read("f")) == ("curl", b"for clients")

    def test_without_one_the_server_does_not_talk(
        self, strict: tuple[Site, Path], box: Sandbox, host: TestHost, via: str
    ) -> None:
        site, authority = strict
        given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority}
        with pytest.raises(TaskError, match="the download failed"):
            host.converge(make_module(Download, {**given, "retries": 0, "timeout": 5}))

    def test_a_key_with_a_passphrase_is_refused_and_never_asked_for(
        self, strict: tuple[Site, Path], box: Sandbox, host: TestHost, via: str, tmp_path: Path
    ) -> None:
        site, authority = strict
        certificate, key = make_client(tmp_path, b"secret")
        given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority}
        given |= {"client_cert": certificate, "client_key": key, "timeout": 5}
        with pytest.raises(TaskError, match=r"passphrase|no pair"):
            host.converge(make_module(Download, given))


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Site, Path, str]]:
    """A server, its authority, and the digest of its key."""
    authority, context = make_authority(tmp_path)
    certificate = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes().partition(b"-----END PRIV")[2])
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashlib.sha256(certificate.public_key().public_bytes(*form)).digest()
    with serving(tls=context) as site:
        site.put("/file", b"pinned")
        yield site, authority, f"sha256//{base64.b64encode(digest).decode()}"


OTHER_KEY = "sha256//" + base64.b64encode(bytes(32)).decode()


class TestKeys:
    def test_a_server_with_the_key_is_trusted(
        self, secure: tuple[Site, Path, str], box: Sandbox, host: TestHost, via: str
    ) -> None:
        site, authority, pin = secure
        given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority, "timeout": 5}
        host.converge(make_module(Download, {**given, "pin": [OTHER_KEY, pin], "min_tls": "1.3"}))
        assert box.read("f") == b"pinned"

    def test_any_other_is_not_however_good_its_certificate(
        self, secure: tuple[Site, Path, str], box: Sandbox, host: TestHost, via: str
    ) -> None:
        site, authority, _ = secure
        given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority, "timeout": 5}
        with pytest.raises(TaskError, match="which is not pinned"):
            host.converge(make_module(Download, {**given, "pin": OTHER_KEY}))
        assert site.log == []

    @pytest.mark.usefixtures("tools")
    @pytest.mark.parametrize("right", [True, False])
    def test_curl_compares_it_too(
        self, secure: tuple[Site, Path, str], box: Sandbox, host: TestHost, right: bool
    ) -> None:
        site, authority, pin = secure
        given = {"url": site.url("/file"), "dest": box.path("f"), "ca_file": authority, "timeout": 5, "via": "host"}
        module = make_module(Download, {**given, "pin": pin if right else OTHER_KEY, "min_tls": "1.2", "retries": 0})
        if right:
            host.converge(module)
            assert box.read("f") == b"pinned"
        else:
            with pytest.raises(TaskError):
                host.converge(module)

    def test_an_old_protocol_is_refused(self, box: Sandbox, host: TestHost, via: str, tmp_path: Path) -> None:
        authority, context = make_authority(tmp_path)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with serving(tls=context) as site:
            site.put("/file", b"old")
            given = {"url": site.url("/file"), "dest": box.path("f"), "via": via, "ca_file": authority, "retries": 0}
            with pytest.raises(TaskError, match="encrypted connection failed"):
                host.converge(make_module(Download, {**given, "min_tls": "1.3"}))
            host.converge(make_module(Download, {**given, "min_tls": "1.2"}))


class TestPace:
    def test_a_transfer_that_takes_too_long_is_given_up(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
    ) -> None:
        site.put("/file", bytes(2 << 20), faults=[Fault(pause=1.5)] * 2)
        with pytest.raises(TaskError, match="max_time"):
            host.converge(download(via=via, max_time=0.5, retries=0))
        assert not box.stat("f").exists

    def test_a_transfer_that_is_too_slow_is_given_up_and_tried_again(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, via: str
    ) -> None:
        site.put("/file", bytes(2 << 20), faults=[Fault(pause=2.5)])
        host.converge(download(via=via, min_speed=10 << 20, timeout=2, retries=1))
        assert box.stat("f").size == 2 << 20
        assert [asked.status for asked in site.log if asked.method == "GET"] == [200, 200]


class TestFiles:
    def test_a_file_is_copied_once(
        self, box: Sandbox, host: TestHost, download: Maker, via: str, tmp_path: Path
    ) -> None:
        source = tmp_path / "a file"
        source.write_bytes(b"from here")
        module = download(url=f"file://{tmp_path}/a%20file", via=via)
        host.converge(module)
        assert box.read("f") == b"from here"
        assert host.plan(module).kind is PlanKind.NONE
        source.write_bytes(b"another")
        assert host.plan(module, planning=False).kind is PlanKind.MODIFY

    def test_it_can_be_a_mirror(
        self, site: Site, box: Sandbox, host: TestHost, download: Maker, tmp_path: Path
    ) -> None:
        site.put("/file", b"from the web")
        urls = [f"file://{tmp_path}/missing", site.url("/file")]
        host.converge(download(url=urls, via="host", retries=0))
        assert box.read("f") == b"from the web"

    def test_what_is_no_file_is_told(self, host: TestHost, download: Maker, via: str, tmp_path: Path) -> None:
        with pytest.raises(TaskError, match="no such file"):
            host.converge(download(url=f"file://{tmp_path}/gone", via=via))
        with pytest.raises(TaskError, match="it is no file"):
            host.converge(download(url=f"file://{tmp_path}", via=via))

    def test_whose_file_it_is_must_be_said(self, download: Maker) -> None:
        with pytest.raises(ValidationError, match="does not say whose"):
            download(url="file:///etc/hosts")

    def test_no_server_leads_to_one(self, site: Site, host: TestHost, download: Maker, via: str) -> None:
        site.put("/file", b"", redirect=(302, "file:///etc/passwd"))
        with pytest.raises(TaskError, match="no web address"):
            host.converge(download(via=via))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"netrc": True, "token": "x"}, "stands for"),
        ({"client_key": Path("/x")}, "give both"),
        ({"url": "file://host/x", "via": "host"}, "is not a web address"),
    ],
)
def test_what_contradicts_itself_is_refused(more: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Download.model_validate({"url": "https://x.example/f", "dest": "/f", **more})
