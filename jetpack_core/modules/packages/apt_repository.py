# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `apt_repository`."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from jetpack_core.contracts.fields import HostPath
from jetpack_core.modules.packages.repository import Repository, Words

_TRIAL: Final = (
    *("apt-get", "-q", "update"),
    *("-o", "APT::Update::Error-Mode=any", "-o", "APT::Get::List-Cleanup=0"),
    *("-o", "Dir::Etc::SourceParts=-", "-o"),
)


class AptRepository(Repository):
    """Name a repository of Debian packages, with the key that signs it.

    It is written to /etc/apt/sources.list.d in the form of sources.list(5) that has fields. The key is kept in
    /etc/apt/keyrings and counts for this repository alone.

    Example::

        - !apt_repository
          repository: example
          uris: https://packages.example.org/debian
          suites: bookworm
          components: main
          signed_by: /usr/share/keyrings/example.gpg
        - !apt_repository
          repository: old-vendor
          remove: true
    """

    uris: Words | None = None
    """Where it is: one address, or several that hold the same."""

    suites: Words | None = None
    """The distributions in it, such as `bookworm`; a path that ends with `/` for one without components."""

    components: Words | None = None
    """The parts of it, such as `main`."""

    types: Words = Field(default_factory=lambda: ["deb"])
    """`deb`, `deb-src` or both."""

    architectures: Words | None = None
    """Only these architectures; all that the host has unless said."""

    signed_by: HostPath | None = None
    """A key that is on the host already, in place of `key`."""

    trusted: bool = False
    """Take packages without a signature. Whoever can change what comes over the wire is then root on the host."""

    def check_parameters(self) -> None:
        """Raise ValueError where parameters are missing or do not fit."""
        if not self.uris or not self.suites:
            message = "`uris` and `suites` say where the repository is"
            raise ValueError(message)
        if all(suite.endswith("/") for suite in self.suites) == bool(self.components):
            message = "`components` is needed, unless `suites` are paths that end with a slash"
            raise ValueError(message)
        if [self.key is not None, self.signed_by is not None, self.trusted].count(True) != 1:
            message = "give one of `key`, `signed_by` and `trusted`"
            raise ValueError(message)

    @property
    def path(self) -> str:
        """Where the repository is described."""
        return f"/etc/apt/sources.list.d/{self.repository}.sources"

    @property
    def key_path(self) -> str:
        """Where the key is kept; apt tells the two forms of keys by the name."""
        armored = self.key is None or self.key.read_bytes().startswith(b"-----BEGIN")
        return self.key_paths[0 if armored else 1]

    @property
    def key_paths(self) -> tuple[str, str]:
        """Where a key with armour is kept, and where one without."""
        return (f"/etc/apt/keyrings/{self.repository}.asc", f"/etc/apt/keyrings/{self.repository}.gpg")

    def text(self) -> str:
        """Return the file with its fields."""
        signer = self.signed_by or (self.key_path if self.key is not None else None)
        fields = {
            "Enabled": None if self.enabled else "no",
            "Types": " ".join(self.types),
            "URIs": " ".join(self.uris or ()),
            "Suites": " ".join(self.suites or ()),
            "Components": " ".join(self.components or ()) or None,
            "Architectures": " ".join(self.architectures or ()) or None,
            "Signed-By": signer,
            "Trusted": "yes" if self.trusted else None,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)

    def trial(self) -> tuple[str, ...]:
        """Return the command that fetches this index and leaves those of other repositories alone."""
        return (*_TRIAL, f"Dir::Etc::SourceList={self.path}")
