# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of a container: found, pulled, loaded or built."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.errors import JetpackError
from jetpack_provisioner_docker.engine import found, refusals

if TYPE_CHECKING:
    from docker import DockerClient

    from jetpack_provisioner_docker.provisioner import Container
    from jetpack_provisioner_docker.values import Build

_BUILT: Final = "jetpack-build"


class Images:
    """Finds and brings the image that a container is to run."""

    def __init__(self, wanted: Container, engine: DockerClient) -> None:
        self._wanted = wanted
        self._engine = engine

    @property
    def reference(self) -> str:
        """Return the image's name; one that is built is named by the digest of its context."""
        if self._wanted.build is not None:
            return f"{_BUILT}:{context_digest(self._wanted.build)}"
        return self._wanted.image or ""

    def known_id(self) -> str | None:
        """Return the id of the image, None where the engine would have to get it first. Raises JetpackError."""
        reference = self.reference
        with refusals(f"looking for the image {reference}"):
            image = found(lambda: self._engine.images.get(reference))
            if image is None or self._wanted.pull != "always":
                return None if image is None else str(image.id)
            registry = self._engine.images.get_registry_data(reference)
            digests = {text.partition("@")[2] for text in image.attrs.get("RepoDigests") or ()}
            return str(image.id) if registry.id in digests else None

    def bring(self) -> Any:
        """Return the image, gotten first where the engine does not have it. Raises JetpackError."""
        reference = self.reference
        if self._wanted.pull == "always" and self._wanted.build is None and self._wanted.tar is None:
            return self._pull(reference)
        with refusals(f"looking for the image {reference}"):
            image = found(lambda: self._engine.images.get(reference))
        if image is not None:
            return image
        if self._wanted.build is not None:
            return self._build(self._wanted.build, reference)
        if self._wanted.tar is not None:
            return self._load(Path(self._wanted.tar), reference)
        if self._wanted.pull == "never":
            message = f"the engine has no image {reference}"
            raise JetpackError(message, hint="load it there, or let it be pulled: `pull: missing`")
        return self._pull(reference)

    def _pull(self, reference: str) -> Any:
        surroundings = self._wanted.surroundings
        surroundings.say(f"pulling {reference}")
        name, _, tag = reference.rpartition(":") if ":" in reference.rpartition("/")[2] else (reference, "", "latest")
        with refusals(f"pulling the image {reference}"):
            progress = self._engine.api.pull(name, tag=tag, stream=True, decode=True, platform=self._wanted.platform)
            for line in progress:
                surroundings.check()
                if "error" in line:
                    raise JetpackError(f"pulling the image {reference}: {line['error']}")
            return self._engine.images.get(reference)

    def _load(self, file: Path, reference: str) -> Any:
        self._wanted.surroundings.say(f"loading {file}")
        try:
            with tarfile.open(file) as archive:
                saved = "manifest.json" in archive.getnames()
            with refusals(f"loading the image {reference} from {file}"), file.open("rb") as content:
                if saved:
                    for image in self._engine.images.load(content):
                        if reference not in image.tags:
                            image.tag(reference)
                else:
                    name, _, tag = reference.partition(":")
                    self._engine.api.import_image_from_data(content, repository=name, tag=tag or "latest")
                return self._engine.images.get(reference)
        except (OSError, tarfile.TarError) as error:
            raise JetpackError(f"{file} cannot be read: {error}", hint="`tar` names a file of this machine") from error

    def _build(self, build: Build, reference: str) -> Any:
        surroundings = self._wanted.surroundings
        surroundings.say(f"building {build.context}")
        said: list[str] = []
        with refusals(f"building the image of {build.context}"):
            progress = self._engine.api.build(
                path=build.context,
                dockerfile=build.dockerfile,
                buildargs=build.args,
                target=build.target,
                tag=reference,
                rm=True,
                forcerm=True,
                decode=True,
                platform=self._wanted.platform,
            )
            for line in progress:
                surroundings.check()
                said.append(str(line.get("stream", "")))
                if "error" in line:
                    last = "".join(said).strip()[-1000:]
                    raise JetpackError(f"building the image of {build.context}: {line['error']}", hint=last)
            return self._engine.images.get(reference)


def context_digest(build: Build) -> str:
    """Return a digest of all that a build depends on in its context. Raises JetpackError."""
    from docker.utils.build import exclude_paths

    root = Path(build.context)
    try:
        ignore = root / ".dockerignore"
        patterns = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else []
        digest = hashlib.sha256(repr((build.dockerfile, sorted(build.args.items()), build.target)).encode())
        if not (root / build.dockerfile).is_file():
            message = f"there is no {build.dockerfile} in {root}"
            raise JetpackError(message, hint="`context` is the folder, `dockerfile` the file in it")
        for name in sorted(exclude_paths(str(root), patterns, dockerfile=build.dockerfile)):
            path = root / name
            digest.update(f"{name}\0{path.lstat().st_mode}\0".encode())
            if path.is_symlink():
                digest.update(str(path.readlink()).encode())
            elif path.is_file():
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    except OSError as error:
        raise JetpackError(f"{error.filename or root} cannot be read: {error.strerror}") from error
    return digest.hexdigest()[:24]
