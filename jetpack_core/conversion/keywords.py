# SPDX-License-Identifier: GPL-3.0-or-later
"""The keywords of Ansible's tasks and blocks as modifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from jetpack_core.conversion.expressions import Rewriter
from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.loops import literal
from jetpack_core.conversion.registers import Result
from jetpack_core.conversion.writing import Flow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jetpack_core.conversion.made import Made

TASK_KEYS: Final = frozenset(
    [
        "name",
        "action",
        "local_action",
        "args",
        "when",
        "loop",
        "loop_control",
        "register",
        "notify",
        "listen",
        "become",
        "become_user",
        "become_method",
        "become_flags",
        "become_exe",
        "tags",
        "delegate_to",
        "delegate_facts",
        "run_once",
        "retries",
        "until",
        "delay",
        "ignore_errors",
        "ignore_unreachable",
        "vars",
        "environment",
        "changed_when",
        "failed_when",
        "block",
        "rescue",
        "always",
        "no_log",
        "check_mode",
        "diff",
        "any_errors_fatal",
        "throttle",
        "timeout",
        "remote_user",
        "module_defaults",
        "async",
        "poll",
        "collections",
        "connection",
        "debugger",
        "port",
        "become_password",
    ]
)
_REFUSED: Final = {
    "module_defaults": "write the parameters into the tasks",
    "remote_user": "say `ssh_user:` in the play",
    "port": "say `ssh_port:` in the play",
    "throttle": "say `batch_size:` in the play",
    "delegate_facts": "act on the other host in a play of its own",
}
_COMMANDS: Final = frozenset({"command", "shell", "script", "external"})
_IN_PARENTHESES: Final = re.compile(r"\(([^()]*)\)")
_USE_ENVIRONMENT: Final = frozenset(
    {"apk", "apt", "dnf", "download", "git", "homebrew", "package", "pacman", "pip", "unpack", "yum", "zypper"}
)
"""Modules whose programs look at variables such as http_proxy."""
_DEFAULT_RETRIES: Final = 3
_DEFAULT_DELAY: Final = 5


@dataclass(frozen=True)
class Inherited:
    """What a task has from the play, blocks and includes around it."""

    rewriter: Rewriter = field(default_factory=Rewriter)
    conditions: tuple[str, ...] = ()
    sudo: str | None = None
    play_sudo: str | None = None
    tags: tuple[str, ...] = ()
    env: Mapping[str, object] = field(default_factory=dict)
    delegate_to: str | None = None
    run_once: bool = False
    ignore_errors: bool = False


def truth(value: object) -> bool:
    """Return a keyword that is true or false. Raises Refused for a template."""
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in {"yes", "true", "on", "1"}:
        return True
    if str(value).strip().lower() in {"no", "false", "off", "0", "none"}:
        return False
    raise Refused(f"{value} is not known before the run", "write two tasks with a condition each")


def as_list(value: object) -> list[object]:
    """Return a list of one or more."""
    return value if isinstance(value, list) else [] if value is None else [value]


def inherit(around: Inherited, keys: Mapping[str, object]) -> Inherited:
    """Return what holds within a block or task. Raises Refused."""
    for key, instead in _REFUSED.items():
        if keys.get(key) not in {None, False}:
            raise Refused(f"the keyword `{key}`", instead)
    rewriter = _with_vars(around.rewriter, keys.get("vars"))
    tags = [part.strip() for one in as_list(keys.get("tags")) for part in str(one).split(",")]
    if "never" in tags:
        raise Refused("the tag `never`", "put the task into a playbook of its own, or give it a condition")
    conditions = [rewriter.condition(_condition_text(one)) for one in as_list(keys.get("when"))]
    env = around.env
    for one in as_list(keys.get("environment")):
        if not isinstance(one, dict):
            raise Refused("`environment` that is no map", "write the variables under `env:` of the commands")
        env = {**env, **{key: rewriter.template(str(value)) for key, value in one.items()}}
    delegated = keys.get("delegate_to") or ("localhost" if keys.get("connection") == "local" else None)
    return replace(
        around,
        rewriter=rewriter,
        conditions=(*around.conditions, *conditions),
        sudo=_sudo(around, keys, rewriter),
        tags=tuple(dict.fromkeys((*around.tags, *filter(None, tags)))),
        env=env,
        delegate_to=rewriter.template(str(delegated)) if delegated else around.delegate_to,
        run_once=truth(keys["run_once"]) if "run_once" in keys else around.run_once,
        ignore_errors=truth(keys["ignore_errors"]) if "ignore_errors" in keys else around.ignore_errors,
    )


def _condition_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_vars(rewriter: Rewriter, values: object) -> Rewriter:
    if not isinstance(values, dict):
        return rewriter
    bindings = dict(rewriter.bindings)
    for name, value in values.items():
        bindings[name] = literal(value, replace(rewriter, bindings=bindings))
    return replace(rewriter, bindings=bindings)


def _sudo(around: Inherited, keys: Mapping[str, object], rewriter: Rewriter) -> str | None:
    if "become" in keys and not truth(keys["become"]):
        if around.play_sudo is not None:
            raise Refused(
                "`become: no` where the play becomes somebody", "say `with: sudo:` with the user to log in as"
            )
        return None
    becomes = "become" in keys or around.sudo is not None or around.play_sudo is not None
    if not becomes:
        return None
    user = keys.get("become_user")
    if user is not None:
        return rewriter.template(str(user))
    return around.sudo or (None if around.play_sudo is not None else "root")


def attach(made: Made, inherited: Inherited, keys: Mapping[str, object], register: str) -> list[tuple[str, str]]:
    """Put modifiers to a task; return what to look at. Raises Refused."""
    notes: list[tuple[str, str]] = []
    before, after = made.before, made.after
    if inherited.conditions:
        before["condition"] = join(inherited.conditions)
    if inherited.sudo is not None and inherited.sudo != inherited.play_sudo:
        before["sudo"] = inherited.sudo
    if inherited.delegate_to is not None:
        before["delegate_to"] = inherited.delegate_to
        if inherited.delegate_to in {"localhost", "127.0.0.1"}:
            before["delegate_to"] = "localhost"
            notes.append(("tasks on the control machine need a flag", "call jetpack with --allow-localhost-delegation"))
    if inherited.run_once:
        before["run_once"] = True
    if inherited.tags:
        before["tags"] = Flow(inherited.tags)
    if inherited.env and made.tag in _COMMANDS:
        made.parameters["env"] = dict(inherited.env)
    elif inherited.env and made.tag in _USE_ENVIRONMENT:
        notes.append((f"`environment` has no effect on !{made.tag}", "set it on the host, as in /etc/environment"))
    _results(made, inherited.rewriter, keys, register, notes)
    if inherited.ignore_errors:
        after["ignore_errors"] = True
    return notes


def join(conditions: tuple[str, ...]) -> str:
    """Return one condition for several that must all hold."""
    if len(conditions) == 1:
        bare = _IN_PARENTHESES.fullmatch(conditions[0])
        return bare[1] if bare else conditions[0]
    return " and ".join(f"({one})" if " or " in one or " if " in one else one for one in conditions)


def _results(
    made: Made, rewriter: Rewriter, keys: Mapping[str, object], register: str, notes: list[tuple[str, str]]
) -> None:
    is_command = made.tag in _COMMANDS
    until = keys.get("until")
    # Within these, a task may look at its own result whatever kind of loop it is in.
    own = replace(rewriter, results={**rewriter.results, register: Result.COMMAND}) if register else rewriter
    failed, changed = _verdict(keys, "failed_when", own), _verdict(keys, "changed_when", own)
    if not is_command:
        _verdicts_of_others(made, failed, changed, notes)
    elif changed is not None:
        made.parameters["changed_when"] = changed
    if until is not None or "retries" in keys:
        _retry(made, keys, is_command=is_command)
        if until is not None and is_command:
            again = f"not ({own.condition(str(until))})"
            failed = again if failed is None else f"({failed}) or {again}"
    if is_command and failed is not None:
        made.parameters["failed_when"] = failed
    if is_command:
        _limit(made, keys)


def _verdicts_of_others(made: Made, failed: str | None, changed: str | None, notes: list[tuple[str, str]]) -> None:
    if failed == "false":
        made.after["ignore_errors"] = True
    elif failed is not None:
        raise Refused("`failed_when` for a module that runs no command", "use !assert behind it")
    if changed is not None and made.tag not in {"stat", "set", "debug", "echo"}:
        notes.append(("`changed_when` is not needed: the task counts as a change when it changed something", ""))


def _limit(made: Made, keys: Mapping[str, object]) -> None:
    if keys.get("async"):
        if str(keys.get("poll", 15)) == "0":
            raise Refused("`poll: 0`", "start it as a service, with !systemd_unit and !sd_service")
        made.parameters["timeout"] = keys["async"]
    elif keys.get("timeout"):
        made.parameters["timeout"] = keys["timeout"]


def _verdict(keys: Mapping[str, object], name: str, rewriter: Rewriter) -> str | None:
    values = as_list(keys.get(name))
    return join(tuple(rewriter.condition(_condition_text(one)) for one in values)) if values else None


def _retry(made: Made, keys: Mapping[str, object], *, is_command: bool) -> None:
    until = keys.get("until")
    if until is not None and not is_command and " is " not in f" {until} ":
        raise Refused("`until` for a module that runs no command", "use !wait_for")
    made.after["retry"] = _number("retries", keys.get("retries", _DEFAULT_RETRIES))
    made.after["delay"] = _number("delay", keys.get("delay", _DEFAULT_DELAY))


def _number(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().isdecimal():
        return int(value)
    raise Refused(f"`{name}: {value}` is not known before the run", "write the number")
