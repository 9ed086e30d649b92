# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `dnf_repository`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jetpack_core.contracts.fields import HostPath
from jetpack_core.modules.packages.repository import Line, Repository, Words

_ZYPPER = "/etc/zypp/repos.d"


class DnfRepository(Repository):
    """Name a repository of rpms for dnf, yum or zypper, with the key that signs it.

    Example::

        - !dnf_repository
          repository: example
          description: Packages of example.org
          baseurl: https://packages.example.org/el$releasever/$basearch/
          gpgkey: https://packages.example.org/key.asc
        - !dnf_repository
          name: one for zypper
          repository: example
          directory: /etc/zypp/repos.d
          baseurl: https://packages.example.org/suse/
          gpgcheck: false
        - !dnf_repository
          repository: old-vendor
          remove: true
    """

    description: Line = ""
    """What people are shown; the name of the repository unless said."""

    baseurl: Words | None = None
    """Where it is: one address, or several that hold the same."""

    metalink: Line | None = None
    """In place of `baseurl`: the address of a metalink."""

    mirrorlist: Line | None = None
    """In place of `baseurl`: the address of a list of mirrors."""

    gpgcheck: bool = True
    """Take packages only with a signature by one of the keys."""

    gpgkey: Words | None = None
    """Addresses of keys, in place of `key`; dnf fetches them when the first package is installed."""

    options: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_0-9]*$")], Line] = Field(default_factory=dict)
    """Further settings of the file, such as `priority: 10`."""

    directory: HostPath = "/etc/yum.repos.d"
    """Where repositories are described; zypper's place is /etc/zypp/repos.d."""

    def check_parameters(self) -> None:
        """Raise ValueError where parameters are missing or do not fit."""
        if [self.baseurl, self.metalink, self.mirrorlist].count(None) != len(("two", "of three")):
            message = "give one of `baseurl`, `metalink` and `mirrorlist`"
            raise ValueError(message)
        if self.key is not None and self.gpgkey is not None:
            message = "give either `key` or `gpgkey`"
            raise ValueError(message)
        if self.gpgcheck and self.key is None and self.gpgkey is None:
            message = "give a `key` or `gpgkey`, or `gpgcheck: false`"
            raise ValueError(message)

    @property
    def path(self) -> str:
        """Where the repository is described."""
        return f"{self.directory}/{self.repository}.repo"

    @property
    def key_path(self) -> str:
        """Where the key is kept."""
        return f"/etc/pki/rpm-gpg/RPM-GPG-KEY-{self.repository}"

    def text(self) -> str:
        """Return the file with its settings."""
        keys = f"file://{self.key_path}" if self.key is not None else " ".join(self.gpgkey or ())
        settings = {
            "name": self.description or self.repository,
            "baseurl": " ".join(self.baseurl or ()),
            "metalink": self.metalink,
            "mirrorlist": self.mirrorlist,
            "enabled": str(int(self.enabled)),
            "gpgcheck": str(int(self.gpgcheck)),
            "gpgkey": keys,
            **self.options,
        }
        return f"[{self.repository}]\n" + "".join(f"{name}={value}\n" for name, value in settings.items() if value)

    def trial(self) -> tuple[str, ...]:
        """Return the command that fetches this index."""
        if self.directory == _ZYPPER:
            return ("zypper", "--non-interactive", "refresh", self.repository)
        script = (
            "program=dnf; command -v dnf >/dev/null || program=yum;"
            ' exec "$program" -q makecache "--disablerepo=*" "--enablerepo=$1" "--setopt=$1.skip_if_unavailable=False"'
        )
        return ("/bin/sh", "-c", script, "refresh", self.repository)
