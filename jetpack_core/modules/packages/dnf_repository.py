# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `dnf_repository`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from jetpack_core.contracts.fields import HostPath
from jetpack_core.modules.packages.repository import Line, Repository, Words

_ZYPPER: Final = "/etc/zypp/repos.d"
_DNF_SCRIPT: Final = """
program=dnf; command -v dnf >/dev/null || program=dnf5
exec "$program" -q makecache "--disablerepo=*" "--enablerepo=$1" "--setopt=$1.skip_if_unavailable=False"
"""
# zypper asks about keys that rpm does not know, and takes no for an answer where nobody is there to ask.
# $1: the repository to try, or nothing; $2...: files and addresses of keys. What fails leaves no key behind.
_KEYS_SCRIPT: Final = """
name=$1; shift
before=" $(rpm -q gpg-pubkey | tr '\\n' ' ') "
rpm --import "$@" && { [ -z "$name" ] || zypper --non-interactive refresh --force "$name"; } && exit
rc=$?
for key in $(rpm -q gpg-pubkey); do
  case $before in *" $key "*) ;; *) rpm -e "$key" ;; esac
done
exit "$rc"
"""


class DnfRepository(Repository):
    """Name a repository of rpms for dnf or zypper, with the key that signs it.

    dnf takes the key into rpm's database when it first installs from the repository; for zypper this module does, since
    zypper would have to ask. There the key stays when the repository goes: `rpm --erase` takes it away.

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
    """Addresses of keys, in place of `key`; dnf fetches them with the first package, zypper has them at once."""

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
        if self.directory != _ZYPPER:
            return ("/bin/sh", "-c", _DNF_SCRIPT, "refresh", self.repository)
        keys = self._keys_to_import()
        if not keys:
            return ("zypper", "--non-interactive", "refresh", "--force", self.repository)
        return ("/bin/sh", "-c", _KEYS_SCRIPT, "refresh", self.repository, *keys)

    def introduction(self) -> tuple[str, ...]:
        """Return the command that takes the key into rpm's database, for zypper."""
        keys = self._keys_to_import() if self.directory == _ZYPPER else ()
        return ("/bin/sh", "-c", _KEYS_SCRIPT, "import", "", *keys) if keys else ()

    def _keys_to_import(self) -> tuple[str, ...]:
        if self.key is not None:
            return (self.key_path,)
        # What zypper's variables stand for, only zypper knows.
        return tuple(address for address in self.gpgkey or () if "$" not in address)
