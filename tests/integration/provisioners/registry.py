# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry of images on this machine, as far as the engine needs one to pull (OCI Distribution Specification)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from docker import DockerClient

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"


class ImageRegistry:
    """Serves images by name and tag; the engine trusts registries of its own machine without TLS."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def push(self, engine: DockerClient, image: str, name: str) -> None:
        """Take in an image of the engine under a name."""
        saved = io.BytesIO(b"".join(engine.images.get(image).save()))
        with tarfile.open(fileobj=saved) as archive:

            def part(path: str) -> bytes:
                file = archive.extractfile(path)
                assert file is not None
                return file.read()

            (listed,) = json.loads(part("manifest.json"))
            layers = [self._described(part(path), _LAYER) for path in listed["Layers"]]
            config = self._described(part(listed["Config"]), _CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        self.tags[name] = self._described(json.dumps(manifest).encode(), _MANIFEST)["digest"]

    def _described(self, content: bytes, kind: str) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return {"mediaType": kind, "size": len(content), "digest": digest}


def _handler(registry: ImageRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _answer(self, *, with_body: bool) -> None:
            name, _, last = self.path.removeprefix("/v2/").rpartition("/")
            kind = name.rpartition("/")[2]
            digest = registry.tags.get(f"{name.rpartition('/')[0]}:{last}", last)
            content = b"{}" if self.path == "/v2/" else registry.blobs.get(digest)
            self.send_response(404 if content is None else 200)
            if kind == "manifests":
                self.send_header("Content-Type", _MANIFEST)
                self.send_header("Docker-Content-Digest", digest)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if with_body and content:
                self.wfile.write(content)

    return Handler
