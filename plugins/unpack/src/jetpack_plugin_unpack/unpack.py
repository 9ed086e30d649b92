# SPDX-License-Identifier: GPL-3.0-or-later
"""The `unpack` module."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Annotated, Literal, Self

from jetpack_plugin_download.access import Access
from jetpack_plugin_download.fields import address
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from jetpack_core.contracts.fields import Account, FileMode, HostPath, Secret, source
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.module import Module
from jetpack_core.records import Outcome, Plan, PlanKind
from jetpack_plugin_unpack.fetching import Web
from jetpack_plugin_unpack.work import Order, apply_order, plan_order

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SHA256_DIGITS = 64


def _bytes(value: object) -> object:
    """Take 500M for a number of bytes."""
    if isinstance(value, str) and value[:-1].isdecimal() and value[-1:].lower() in _UNITS:
        return int(value[:-1]) * _UNITS[value[-1].lower()]
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _sha256(value: object) -> object:
    if not isinstance(value, str):
        return value
    digits = value.removeprefix("sha256:").lower()
    if len(digits) != _SHA256_DIGITS or set(digits) - set("0123456789abcdef"):
        message = f"{value!r} is not a SHA-256 of 64 hexadecimal digits"
        raise ValueError(message)
    return digits


Patterns = Annotated[list[str], BeforeValidator(_one_or_more)]
"""Patterns of paths; a single one may stand without a list."""


class Limits(BaseModel):
    """How much an archive may hold; what is over is refused before anything is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_files: Annotated[int, Field(gt=0)] = 100_000
    """Members."""
    max_size: Annotated[int, BeforeValidator(_bytes), Field(gt=0)] = 10 << 30
    """Bytes, or such as 500M or 20G."""
    max_ratio: Annotated[int, Field(gt=0)] = 200
    """How many times its own size an archive may unpack to, where that is over 16 MiB."""


class Unpack(Module):
    """Unpack an archive on the host. Only members that differ are written; the rest of `dest` is left alone.

    Formats are told by content, not by suffix: tar (plain, or with gzip, bzip2, xz, zstd), zip, and single files
    compressed with gzip, bzip2, xz or zstd. No member ever lands outside `dest`: absolute names, `..`, links that
    lead out, members that go through links, devices, setuid files and bombs are refused, with the member named, before
    anything is written. Nobody but the owner may write what was unpacked, unless `mode` says so.

    What was unpacked is noted on the host, so that a second run looks at the files and does not read the archive.

    Example::

        - !unpack
          src: /var/cache/app-2.4.1.tar.gz
          dest: /opt/app
          strip_components: 1
          owner: app
          prune: true
        - !unpack
          src: https://downloads.example.com/tools-3.1.tar.xz
          checksum: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          dest: /opt/tools
          swap: true
        - !unpack
          from: control
          src: site.zip
          dest: /srv/site
          exclude: ["*.map", docs]
          dir_mode: 0o750
          mode: 0o640
    """

    seen_from: Literal["host", "control"] = Field(default="host", validation_alias="from")
    """Where `src` is: on the `host`, or on the `control` machine, in `files` of the role or playbook."""
    src: str | Path
    """The archive: an absolute path of the host, a file of the control machine, or the address of one (http, https).

    One at an address is fetched to the control machine, once for all hosts and only if it changed there.
    """
    dest: HostPath
    """The directory to unpack into; it is made where it is missing, with those above it."""
    format: Literal["auto", "tar", "zip", "file"] = "auto"
    """What the archive must be; `file` takes a compressed tar archive for a single compressed file."""
    strip_components: Annotated[int, Field(ge=0, le=100)] | Literal["auto"] = 0
    """How many leading directories to drop from names; `auto` drops one if everything is in it."""
    include: Patterns = Field(default_factory=list)
    """Only members whose path in the archive matches one of these, or is below one that does; `*` matches `/` too."""
    exclude: Patterns = Field(default_factory=list)
    """No members whose path in the archive matches one of these, or is below one that does."""
    rename: dict[str, str] = Field(default_factory=dict)
    """New paths below `dest` for files and directories, by those that they would have there."""
    creates: HostPath | None = None
    """Do nothing once this path is there."""
    checksum: Annotated[str, BeforeValidator(_sha256)] | None = None
    """The SHA-256 that the archive must have, with or without `sha256:` before it."""
    password: Secret | None = None
    """The password of an encrypted zip archive."""
    access: Access | None = None
    """How an address is reached: `token`, `headers`, `username`, `ca_file`, `proxy` and so on, as in !download."""
    keep_newer: bool = False
    """Leave files alone that are newer than those in the archive, unless they were unpacked before."""
    prune: bool = False
    """Remove what earlier archives unpacked into `dest` and this one does not hold.

    For a `dest` that one archive fills. Directories are removed only when nothing else is in them.
    """
    swap: bool = False
    """Replace `dest` as a whole where anything differs: all is unpacked beside it, and the two swap their names.

    So nobody ever sees half of it. What the archive does not hold goes with the old one.
    """
    remove_src: bool = False
    """Remove the archive from the host once it is unpacked."""
    owner: Account | None = None
    """The owner of what is unpacked, by name or number; the acting user unless given."""
    group: Account | None = None
    """The group of what is unpacked, by name or number."""
    mode: FileMode | None = None
    """The permissions of files; those in the archive unless given, without write permission for others."""
    dir_mode: FileMode | None = None
    """The permissions of directories; like `mode` where only that is given, passable for those who may read."""
    limits: Limits = Field(default_factory=Limits)
    """How much the archive may hold: `max_files`, `max_size` (bytes), `max_ratio`."""
    save: str | None = None
    """The variable that gets the result: `format`, `files`, `skipped`, `kept`, `changed`, `bytes`, `digest`."""

    @field_validator("src", mode="before")
    @classmethod
    def _place(cls, value: object, info: ValidationInfo) -> object:
        """Look a file of the control machine up as `copy` does."""
        if info.data.get("seen_from") != "control":
            return value
        return source("files").func(value, info)  # type: ignore[call-arg]

    @field_validator("rename")
    @classmethod
    def _paths(cls, value: dict[str, str]) -> dict[str, str]:
        """Take paths below the destination only."""
        for path in (*value, *value.values()):
            if not path or path.startswith("/") or set(path.split("/")) & {"", ".", ".."} or "\0" in path:
                message = f"{path!r} is no path below dest, such as conf/app.conf"
                raise ValueError(message)
        return value

    @property
    def _web(self) -> bool:
        return isinstance(self.src, str) and self.src.startswith(("http://", "https://"))

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self._web:
            address(str(self.src))
        self._check_combinations()
        if isinstance(self.src, str) and not self._web and (not self.src.startswith("/") or "\0" in self.src):
            message = f"src must be an absolute path on the host, not {self.src!r}; or say `from: control`"
            raise ValueError(message)
        if isinstance(self.src, Path) and self.src.is_dir():
            message = f"{self.src} is a directory, and an archive is to be unpacked"
            raise ValueError(message)
        if not posixpath.normpath(self.dest).strip("/"):
            message = "nothing is unpacked into /; say the directory"
            raise ValueError(message)
        return self

    def _check_combinations(self) -> None:
        for problem, message in (
            (self.access is not None and not self._web, "access is for a src that is an address"),
            (self.remove_src and (self._web or self.seen_from == "control"), "remove_src is for a src on the host"),
            (self.swap and self.keep_newer, "swap replaces everything, so keep_newer has no meaning with it"),
        ):
            if problem:
                raise ValueError(message)

    async def plan(self, host: Host) -> Plan:
        """Vet the archive and compare each member, or what is known to be in it, with the disk."""
        if self.creates is not None and (await host.stat(self.creates)).exists:
            return Plan(PlanKind.NONE, outcome=Outcome({"changed": [], "bytes": 0}))
        return await plan_order(host, self.order())

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the members that differ, and remove what is to go."""
        return await apply_order(host, plan)

    def order(self) -> Order:
        """Return the parameters as the extractor takes them."""
        web = Web.at(str(self.src), self.access, self.checksum) if self._web else None
        request = {
            "src": web.key if web is not None else str(self.src),
            "dest": self.dest,
            "name": web.name if web is not None else Path(self.src).name,
            "format": self.format,
            "strip": None if self.strip_components == "auto" else self.strip_components,
            "include": self.include,
            "exclude": self.exclude,
            "rename": self.rename,
            "keep_newer": self.keep_newer,
            "prune": self.prune,
            "swap": self.swap,
            "password": None if self.password is None else self.password.get_secret_value(),
            "owner": self.owner,
            "group": self.group,
            "mode": self.mode,
            "dir_mode": self.dir_mode,
            "digest": self.checksum,
            "listing": None,
            **self.limits.model_dump(),
        }
        return Order(request, self.src if isinstance(self.src, Path) else None, web, self.remove_src)
