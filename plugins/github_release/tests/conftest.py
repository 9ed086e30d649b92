# SPDX-License-Identifier: GPL-3.0-or-later
"""A GitHub of the tests' own, this machine as the host, and folders for records, the cache and the kept answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jetpack_plugin_github_release.module import GithubRelease

from jetpack_core.testing.host import TestHost
from jetpack_core.testing.sandbox import Sandbox
from plugins.download.tests.server import Site, serving

Maker = Callable[..., GithubRelease]
TOKENS = (*("JETPACK_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"), "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
REPO = "acme/tool"


@dataclass
class GitHub:
    """Answers as the API does: pages, validators, limits, and private assets behind a redirect to a storage host."""

    site: Site
    storage: Site
    releases: list[dict[str, Any]] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    page_size: int = 100
    token: str | None = None
    """With one, the repository is private."""
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the next requests for releases are answered with."""
    etag: str = '"v1"'

    def release(
        self,
        tag: str,
        assets: Mapping[str, bytes] | None = None,
        *,
        pre: bool = False,
        day: int = 1,
        draft: bool = False,
        digests: bool = True,
    ) -> dict[str, Any]:
        """Publish a release, with the files it has by name, and GitHub's digests of them."""
        listed = []
        for name, body in (assets or {}).items():
            number = len(self.bodies) + 1
            self.bodies[number] = body
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}" if digests else None
            listed.append(
                {
                    "id": number,
                    "name": name,
                    "state": "uploaded",
                    "size": len(body),
                    "digest": digest,
                    "url": self.site.url(f"/repos/{REPO}/releases/assets/{number}"),
                    "browser_download_url": self.site.url(f"/{REPO}/releases/download/{number}/{name}"),
                }
            )
        made = {
            "tag_name": tag,
            "prerelease": pre,
            "draft": draft,
            "published_at": f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00Z",
            "assets": listed,
            "body": "notes " * 100,
        }
        self.releases.insert(0, made)
        self.etag = f'"v{len(self.releases)}{tag}"'
        return made

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """Serve a request."""
        parts = urlsplit(handler.path)
        if self.token is not None and handler.headers.get("Authorization") != f"Bearer {self.token}":
            return (401 if handler.headers.get("Authorization") else 404), {}, b"{}"
        if parts.path == f"/repos/{REPO}/releases":
            return self._list(handler, int(parse_qs(parts.query).get("page", ["1"])[0]))
        if "/releases/assets/" in parts.path or "/releases/download/" in parts.path:
            number = int(next(part for part in parts.path.split("/") if part.isdecimal()))
            if "/assets/" in parts.path and handler.headers.get("Accept") != "application/octet-stream":
                return 200, {"Content-Type": "application/json"}, b"{}"
            self.storage.put(f"/blob/{number}", self.bodies[number], etag=f'"{number}"')
            return 302, {"Location": self.storage.url(f"/blob/{number}?signature=temporary", "localhost")}, b""
        return 404, {}, b"{}"

    def _list(self, handler: BaseHTTPRequestHandler, page: int) -> tuple[int, dict[str, str], bytes]:
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return status, headers, b"[]" if status == 200 else b'{"message": "no"}'
        etag = self.etag.replace('"', f'"{page}-', 1)
        headers = {"ETag": etag, "X-RateLimit-Remaining": "59"}
        last = page * self.page_size >= len(self.releases)
        if not last:
            following = self.site.url(f"/repos/{REPO}/releases?per_page=100&page={page + 1}")
            headers["Link"] = f'<{self.site.url("/first")}>; rel="first", <{following}>; rel="next"'
        if handler.headers.get("If-None-Match") == etag:
            return 304, headers, b""
        shown = self.releases[(page - 1) * self.page_size : page * self.page_size]
        return 200, headers, json.dumps(shown).encode()

    @property
    def lookups(self) -> list[int]:
        """Return how each request for releases was answered."""
        return [one.status for one in self.site.log if one.path.startswith(f"/repos/{REPO}/releases?")]


def reset_in(seconds: float) -> dict[str, str]:
    """Return the headers of a rate limit that is used up."""
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() + seconds))}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep everything in the test's own folder, and forget the user's tokens."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in (*TOKENS, "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def github() -> Iterator[GitHub]:
    """GitHub."""
    with serving() as site, serving() as storage:
        made = GitHub(site, storage)
        site.dynamic = made.answer
        yield made


@pytest.fixture
def next_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what begins another run: what the hosts of one share is not the next one's."""
    runs = iter(range(1000))

    def begin() -> None:
        name = f"run {next(runs)}"
        monkeypatch.setattr("jetpack_plugin_download.cache.run_id", lambda: name)
        monkeypatch.setattr("jetpack_plugin_github_release.lookup.run_id", lambda: name)

    return begin


@pytest.fixture
def host(folders: Path) -> Iterator[TestHost]:
    """This machine."""
    with TestHost() as host:
        yield host


@pytest.fixture
def box(host: TestHost) -> Iterator[Sandbox]:
    """A private directory on it."""
    box = Sandbox(host)
    yield box
    box.close()


@pytest.fixture
def release(github: GitHub) -> Maker:
    """Make the module, for acme/tool on the tests' GitHub."""

    def make(**parameters: object) -> GithubRelease:
        given = {"repo": REPO, "api_url": github.site.url(""), "retry_delay": 0.01, "save": "found", **parameters}
        return GithubRelease.model_validate(given)

    return make
