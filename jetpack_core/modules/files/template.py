# SPDX-License-Identifier: GPL-3.0-or-later
"""The `template` module."""

from __future__ import annotations

from typing import cast

from jetpack_core.contracts.attributes import FileAttributes
from jetpack_core.contracts.fields import FileName, TemplateSource
from jetpack_core.contracts.host import Host
from jetpack_core.modules.files.content import CheckCommand, FileWork, apply_file, plan_file
from jetpack_core.modules.files.payload import payload_of_bytes
from jetpack_core.records import Outcome, Plan


class Template(FileAttributes):
    """Render a template to a file of the host.

    The file is replaced atomically, and only when its content differs. The directory it goes into must exist.

    The template may be encrypted with age. A file that a secret went into gets 0o600, unless `mode` says otherwise, and
    its differences are not shown.

    Example::

        - !template
          src: nginx.conf.j2
          dest: /etc/nginx/nginx.conf
          owner: root
          group: root
          mode: 0o644
          validate_with: [/usr/sbin/nginx, -t, -c, "%s"]
    """

    src: TemplateSource
    """The template, looked for in `templates` of the role or playbook."""
    dest: FileName
    """The file's own name on the host; a directory there is an error."""
    follow: bool = False
    """Where `dest` is a link, change the file it points to instead of replacing the link."""
    validate_with: CheckCommand | None = None
    """A command that checks the new file before it is put in place; `%s` stands for the file.

    It runs without a shell, on a private copy; unless it exits with 0, the task fails and the old file stays.
    """

    async def plan(self, host: Host) -> Plan:
        """Render the template and compare it with the file."""
        payload = payload_of_bytes(host.render_file(self.src).encode("utf-8", "surrogateescape"))
        return await plan_file(host, self.dest, payload, self.wanted, follow=self.follow)

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that a file without a check is one operation."""
        return self.validate_with is None

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Write the file, or set its attributes."""
        work = cast("FileWork", plan.data)
        return await apply_file(host, work, follow=self.follow, check=self.validate_with)
