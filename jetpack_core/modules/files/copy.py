# SPDX-License-Identifier: GPL-3.0-or-later
"""The `copy` module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast

from pydantic import ModelWrapValidatorHandler, model_validator

from jetpack_core.contracts.attributes import FileAttributes
from jetpack_core.contracts.encrypted import ENCRYPTED, is_age
from jetpack_core.contracts.fields import FileMode, HostPath, Source
from jetpack_core.contracts.host import Host
from jetpack_core.modules.files.content import CheckCommand, FileWork, apply_file, plan_file
from jetpack_core.modules.files.payload import Payload, payload_of_bytes, payload_of_file
from jetpack_core.modules.files.tree import TreeWork, apply_tree, plan_tree
from jetpack_core.records import Outcome, Plan


class Copy(FileAttributes):
    """Copy a file or a whole folder of the control machine to the host, or write a content given in place.

    Only what differs is sent, and every file is replaced atomically. A folder's entries go below `dest`; what else
    is there stays. Links in a folder are copied as links; one that leads out of the folder is an error. The directory
    that `dest` is in must exist. A new file that the source's owner may execute gets 0o755, any other 0o644, unless
    `mode` says otherwise.

    A file that is encrypted with age is decrypted, unless `dest` ends in `.age` as well; in a folder, it is copied as
    it is. What a secret went into gets 0o600, unless `mode` says otherwise, and its differences are not shown.

    Example::

        - !copy
          src: motd
          dest: /etc/motd
          owner: root
          mode: 0o644
        - !copy
          content: "{{ tls_certificate }}"
          dest: /etc/ssl/site.pem
        - !copy
          src: site
          dest: /srv/site
          directory_mode: 0o755
    """

    src: Source | None = None
    """The file or folder, looked for in `files` of the role or playbook."""
    content: str | None = None
    """The text to write, instead of `src`."""
    dest: HostPath
    """The file's own name on the host (a directory there is an error), or the directory a folder is copied to."""
    directory_mode: FileMode | None = None
    """With a folder: the permissions of the directories, where `mode` is for the files."""
    recursive: bool = False
    """Accepted for playbooks that say it; a folder is always copied whole."""
    follow: bool = False
    """Where `dest` is a link, change the file it points to instead of replacing the link."""
    validate_with: CheckCommand | None = None
    """A command that checks a new file before it is put in place; `%s` stands for the file.

    It runs without a shell, on a private copy; unless it exits with 0, the task fails and the old file stays.
    """

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.src is None) == (self.content is None):
            message = "give either 'src' or 'content'"
            raise ValueError(message)
        if self.validate_with is not None and self._is_tree:
            message = "'validate_with' checks one file, and 'src' is a folder"
            raise ValueError(message)
        if self.directory_mode is not None and not self._is_tree:
            message = "'directory_mode' is for folders, and this is one file; say 'mode'"
            raise ValueError(message)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _names_a_file(cls, values: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(values)
        dest = values.get("dest") if isinstance(values, Mapping) else None
        if isinstance(dest, str) and dest.endswith("/") and not made._is_tree:  # noqa: SLF001 - the class's own
            message = f"'dest' is the file's own name, so it cannot end with a slash: {dest!r}"
            raise ValueError(message)
        return made

    @property
    def _is_tree(self) -> bool:
        return self.src is not None and self.src.is_dir()

    async def plan(self, host: Host) -> Plan:
        """Compare the file, or every entry of the folder."""
        if self.src is None:
            payload = payload_of_bytes((self.content or "").encode("utf-8", "surrogateescape"))
        elif self._is_tree:
            return await plan_tree(host, self.src, self.dest, self.wanted, self.directory_mode)
        else:
            payload = await self._file(host, self.src)
        return await plan_file(host, self.dest, payload, self.wanted, follow=self.follow)

    async def _file(self, host: Host, source: Path) -> Payload:
        """Read the file, and decrypt it unless it is to stay encrypted. Raises SecretError."""
        payload = await payload_of_file(host, source)
        if self.dest.endswith(ENCRYPTED) or not (source.suffix == ENCRYPTED or is_age(payload.content or b"")):
            return payload
        content = host.decrypted(source)
        return payload if content is None else payload_of_bytes(content)

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a single file without a check is one operation."""
        return self.validate_with is None and not isinstance(plan.data, TreeWork)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Send what differs."""
        if isinstance(plan.data, TreeWork):
            return await apply_tree(host, plan.data)
        work = cast("FileWork", plan.data)
        return await apply_file(host, work, follow=self.follow, check=self.validate_with)
