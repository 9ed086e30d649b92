# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, jobs and settings of the system."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.writing import Flow

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def _state(given: Arguments, made: Made) -> Made:
    state = given.text("state")
    if state in {"started", "stopped"}:
        made.parameters["started"] = state == "started"
    elif state in {"restarted", "reloaded"}:
        made.put({"restarted": "restart", "reloaded": "reload"}[state], True)
    elif state is not None:
        raise Refused(f"the state {state} is not known before the run", "say `started:`, `restart:` or `reload:`")
    enabled = given.truth_or_template("enabled")
    if enabled is not None:
        made.parameters["enabled"] = enabled
    return made


def service(given: Arguments) -> list[Made]:
    """Convert service."""
    made = _state(given, Made("service").put("service", given.text("name")))
    given.drop("use", "sleep")
    given.done()
    return [made]


def systemd(given: Arguments) -> list[Made]:
    """Convert systemd."""
    name = given.text("name", "service", "unit")
    reads_anew = given.truth("daemon_reload", "daemon-reload")
    scope = given.text("scope") or "system"
    given.drop("no_block", "force", "daemon_reexec")
    if name is None and reads_anew:
        given.done()
        words = ["systemctl", *(["--user"] if scope == "user" else []), "daemon-reload"]
        return [Made("command", {"cmd": Flow(words)})]
    made = _state(given, Made("sd_service").put("service", name))
    masked = given.truth("masked")
    if masked is not None:
        made.parameters["masked"] = masked
    if scope not in {"system", "user"}:
        raise Refused(f"the scope {scope}", "use !command with systemctl --global")
    made.put("daemon_reload", reads_anew).put("scope", scope if scope == "user" else None)
    given.done()
    return [made]


_TIMES = ("minute", "hour", "day", "month", "weekday")


def cron(given: Arguments) -> list[Made]:
    """Convert cron; jobs that Ansible named are found again by their name."""
    name, job = given.text("name"), given.text("job", "value")
    remove = (given.text("state") or "present") == "absent"
    if given.truth("env"):
        made = Made("cron").put("variable", name).put("value", None if remove else job)
        given.drop(*_TIMES, "insertafter", "insertbefore")
    else:
        made = Made("cron").put("job", name).put("command", None if remove else job)
        for time in _TIMES:
            made.put(time, given.text(time, *(["dom"] if time == "day" else ["dow"] if time == "weekday" else [])))
        made.put("special_time", given.text("special_time")).put("disabled", given.truth("disabled"))
    made.put("user", given.text("user"))
    file = given.text("cron_file")
    if file and "/" in file and posixpath.dirname(file) != "/etc/cron.d":
        raise Refused(f"the file {file} is not in /etc/cron.d", "use a file there, or !copy")
    made.put("cron_file", posixpath.basename(file) if file else None).put("remove", remove)
    if given.truth("backup"):
        given.look("no backup of the crontab is made")
    given.done()
    return [made]


def hostname(given: Arguments) -> list[Made]:
    """Convert hostname."""
    made = Made("hostname").put("hostname", given.text("name"))
    given.drop("use")
    given.done()
    return [made]


def sysctl(given: Arguments) -> list[Made]:
    """Convert sysctl."""
    made = Made("sysctl").put("key", given.text("name", "key")).put("value", given.text("value", "val"))
    made.put("remove", (given.text("state") or "present") == "absent")
    file = given.text("sysctl_file")
    if file and posixpath.dirname(file) == "/etc/sysctl.d":
        made.put("file", posixpath.basename(file))
    elif file:
        given.look(f"the value goes to /etc/sysctl.d/99-zz-jetpack.conf, and not to {file}", "take it out of there")
    if given.truth("reload") is False and not given.truth("sysctl_set"):
        made.parameters["live"] = False
    given.drop("reload", "sysctl_set")
    made.put("ignore_unknown", given.truth("ignoreerrors"))
    given.done()
    return [made]


def mount(given: Arguments) -> list[Made]:
    """Convert mount."""
    state = given.text("state") or ""
    if state not in {"mounted", "present", "unmounted", "absent"}:
        raise Refused(
            f"the state {state or 'that is missing'} has no counterpart", "see !mount in docs/reference/modules.md"
        )
    made = Made("mount").put("path", given.text("path", "name")).put("src", given.text("src"))
    made.put("fstype", given.text("fstype")).put("opts", given.text("opts"))
    for name in ("dump", "passno"):
        made.put(name, given.number(name))
    made.put("state", state if state != "mounted" else None).put("fstab", given.text("fstab"))
    given.drop("boot", "backup")
    given.done()
    return [made]


def timezone(given: Arguments) -> list[Made]:
    """Convert timezone."""
    made = Made("timezone").put("zone", given.text("name"))
    given.drop("hwclock")
    given.done()
    return [made]


def locale_gen(given: Arguments) -> list[Made]:
    """Convert locale_gen."""
    if (given.text("state") or "present") != "present":
        raise Refused("locales are not removed", "use !line for /etc/locale.gen")
    made = Made("locale").put("locales", given.listed("name"))
    given.done()
    return [made]
