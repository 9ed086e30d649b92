# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's modules, and what becomes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.modules import access, commands, control, editing, files, packages, system, web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jetpack_core.conversion.arguments import Arguments
    from jetpack_core.conversion.made import Made

CONVERTERS: Final[Mapping[str, Callable[[Arguments], list[Made]]]] = {
    "apk": packages.simple,
    "apt": packages.apt,
    "assert": control.assert_,
    "authorized_key": access.authorized_key,
    "blockinfile": editing.blockinfile,
    "command": commands.command,
    "copy": files.copy,
    "cron": system.cron,
    "debug": control.debug,
    "dnf": packages.dnf,
    "fail": control.fail,
    "fetch": files.fetch,
    "file": files.file,
    "gather_facts": control.setup,
    "get_url": web.get_url,
    "git": web.git,
    "group": access.group,
    "homebrew": packages.simple,
    "hostname": system.hostname,
    "lineinfile": editing.lineinfile,
    "locale_gen": system.locale_gen,
    "mount": system.mount,
    "package": packages.simple,
    "pacman": packages.simple,
    "pause": control.pause,
    "ping": control.ping,
    "pip": packages.pip,
    "raw": commands.shell,
    "reboot": control.reboot,
    "script": commands.script,
    "service": system.service,
    "set_fact": control.set_fact,
    "setup": control.setup,
    "shell": commands.shell,
    "stat": files.stat,
    "sysctl": system.sysctl,
    "systemd": system.systemd,
    "systemd_service": system.systemd,
    "template": files.template,
    "timezone": system.timezone,
    "unarchive": web.unarchive,
    "user": access.user,
    "wait_for": control.wait_for,
    "wait_for_connection": control.wait_for_connection,
    "yum": packages.dnf,
    "zypper": packages.simple,
}

_HINTS: Final = {
    "add_host": "hosts are decided before the run: write an inventory script, see docs/how-to",
    "apt_key": "use !apt_repository, which keeps the key with the repository",
    "apt_repository": "use !apt_repository with `uris`, `suites`, `components` and `key`",
    "archive": "use !command with tar",
    "deb822_repository": "use !apt_repository with `uris`, `suites`, `components` and `key`",
    "find": "use !command with find, and `save`",
    "group_by": "write the groups into the inventory, or use a condition",
    "import_role": "name the role under `roles:` of a play",
    "include_role": "name the role under `roles:` of a play",
    "include_vars": "name the file under `vars_files:` of the play",
    "meta": "handlers run at the end of the play: split the play here",
    "replace": "use !line with `regexp`, or !command with sed",
    "slurp": "use !command with cat, and `save`",
    "uri": "use !wait_for_http for a page that must answer, or !command with curl",
    "yum_repository": "use !dnf_repository",
}


def converter(name: str) -> Callable[[Arguments], list[Made]]:
    """Return what converts a module. Raises Refused."""
    short = name.rpartition(".")[2]
    found = CONVERTERS.get(short)
    if found is None:
        hint = _HINTS.get(short, "write it with !command, !shell or !external, or look for a plugin")
        raise Refused(f"the module {name} has no counterpart", hint)
    return found
