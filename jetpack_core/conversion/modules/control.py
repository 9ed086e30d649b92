# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, variables, and waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.writing import Flow

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def assert_(given: Arguments) -> list[Made]:
    """Convert assert."""
    that = given.raw("that")
    conditions = [given.rewriter.condition(str(one)) for one in (that if isinstance(that, list) else [that])]
    made = Made("assert", {"all_true": conditions}).put("msg", given.text("fail_msg", "msg"))
    given.drop("quiet", "success_msg")
    given.done()
    return [made]


def debug(given: Arguments) -> list[Made]:
    """Convert debug."""
    if str(given.raw("verbosity") or 0) != "0":
        given.look("`verbosity` was left out: the message is always shown", "take the task out if nobody reads it")
    name = given.expression("var")
    if name is not None:
        given.done()
        return [Made("debug", {"vars": Flow([name])})]
    message = given.take("msg")
    given.done()
    return [Made("echo", {"msg": "Hello world!" if message is None else message})]


def fail(given: Arguments) -> list[Made]:
    """Convert fail."""
    made = Made("fail").put("msg", given.text("msg"))
    given.done()
    return [made]


def set_fact(given: Arguments) -> list[Made]:
    """Convert set_fact."""
    given.drop("cacheable")
    values = {name: given.rewritten(given.values.pop(name)) for name in list(given.values)}
    if not values:
        raise Refused("no fact is named", "write `vars:`")
    return [Made("set", {"vars": values})]


def setup(given: Arguments) -> list[Made]:
    """Convert setup."""
    given.drop("gather_subset", "filter", "gather_timeout", "fact_path")
    given.done()
    return [Made("facts")]


def ping(given: Arguments) -> list[Made]:
    """Convert ping."""
    given.values.clear()
    return [Made("wait_for_host")]


def pause(given: Arguments) -> list[Made]:
    """Convert pause."""
    made = Made("pause").put("seconds", given.number("seconds")).put("minutes", given.number("minutes"))
    if not made.parameters:
        raise Refused("a pause until somebody answers", "use `with: confirm` for the task that follows")
    made.put("message", given.text("prompt"))
    given.drop("echo")
    given.done()
    return [made]


def _wait(given: Arguments, made: Made) -> Made:
    if str(given.raw("delay") or 0) != "0":
        given.look("`delay` was left out: it is looked at once", "write !pause before it")
    return made.put("timeout", given.number("timeout")).put("delay", given.number("sleep"))


def wait_for(given: Arguments) -> list[Made]:
    """Convert wait_for."""
    if "search_regex" in given.values:
        raise Refused("`search_regex`", "use `command:` with grep")
    state = given.text("state") or "started"
    if state == "drained":
        raise Refused("waiting for a port to have no connections", "use `command:` with ss")
    port, path = given.number("port"), given.text("path")
    host = given.text("host") or "127.0.0.1"
    given.drop("connect_timeout", "msg", "active_connection_states", "exclude_hosts")
    if port is None and path is None:
        made = Made("pause", {"seconds": given.number("timeout") or 300})
        given.done()
        return [made]
    made = Made("wait_for").put("port", port).put("path", path)
    if port is not None and host in {"127.0.0.1", "localhost", "0.0.0.0", "::1"}:  # noqa: S104 - it is compared
        made.put("from", "host")
    elif port is not None:
        made.put("address", host)
        given.look("the port is looked at from the control machine", "see `from:` of !wait_for")
    made.put("absent", state in {"stopped", "absent"})
    _wait(given, made)
    given.done()
    return [made]


def wait_for_connection(given: Arguments) -> list[Made]:
    """Convert wait_for_connection."""
    made = _wait(given, Made("wait_for_host"))
    given.drop("connect_timeout")
    given.done()
    return [made]


def reboot(given: Arguments) -> list[Made]:
    """Convert reboot."""
    made = (
        Made("reboot")
        .put("timeout", given.number("reboot_timeout", "reboot_timeout_sec"))
        .put("msg", given.text("msg"))
    )
    made.put("test_command", given.text("test_command")).put("command", given.text("reboot_command"))
    given.drop("pre_reboot_delay", "post_reboot_delay", "connect_timeout", "boot_time_command", "search_paths")
    given.done()
    return [made]
