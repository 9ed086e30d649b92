# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that verbs share, and the records they are collected in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

WIDEST_PORT: Final = 65535
_LONGEST_WAIT: Final = 7 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentOptions:
    """Which playbooks, roles and variables a verb works on."""

    project: Path | None = None
    playbook: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    extra_vars: tuple[str, ...] = ()
    identity: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """Which hosts a verb works on."""

    inventory: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    limit_hosts: tuple[str, ...] = ()
    limit_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a verb acts on its hosts; None means "not said"."""

    tags: tuple[str, ...] = ()
    threads: int | None = None
    batch_size: int | None = None
    user: str | None = None
    port: int | None = None
    sudo: str | None = None
    ask_sudo_password: bool = False
    ask_login_password: bool = False
    forward_agent: bool = False
    accept_new_host_keys: bool = False
    connect_timeout: float | None = None
    allow_localhost_delegation: bool = False
    verify: bool = False
    lock_timeout: str | None = None
    resume: str | None = None
    retry_failed: bool = False
    diff: bool = False
    verbosity: int = 0
    as_json: bool = False
    profile: bool = False
    plain: bool = False
    yes: bool = False
    step: bool = False


def take(record: type[T], flags: dict[str, Any]) -> T:
    """Make a record of the flags that belong to it."""
    return record(**{name: flags[name] for name in record.__dataclass_fields__ if name in flags})  # type: ignore[attr-defined]


def split_paths(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Take apart values that hold several names with colons between them. Raises BadParameter for an empty one.

    An empty value is most often a variable of the shell that is not set, and must not mean "all of them".
    """
    if not all(value.strip(": ") for value in values):
        raise click.BadParameter("it is empty")
    return tuple(part for value in values for part in value.split(":") if part)


def not_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a value as it is. Raises BadParameter for an empty one."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty")
    return value


def from_environment(name: str) -> tuple[str, ...]:
    """Return the paths in an environment variable, which has colons between them."""
    return tuple(part for part in os.environ.get(name, "").split(":") if part)


def completing(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """Return what completes a value, by the name of its function; loaded when a shell asks."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from jetpack_core.cli import completing as completers

        offered: list[Any] = getattr(completers, what)(ctx, param, incomplete)
        return offered

    return complete


def _many(*names: str, metavar: str, text: str, complete: Any = None) -> Callable[[F], F]:
    return click.option(
        *names, multiple=True, metavar=metavar, callback=split_paths, help=text, shell_complete=complete
    )


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Join decorators; the first one's flag is the first in the help."""

    def decorate(function: F) -> F:
        for one in reversed(decorators):
            function = one(function)
        return function

    return decorate


def project_option() -> Callable[[F], F]:
    """Add `--project`."""
    return click.option(
        "--project",
        type=click.Path(path_type=Path, exists=True),
        help="The project's folder or .jetpack.yml; found upward from the current folder otherwise.",
    )


def playbook_option() -> Callable[[F], F]:
    """Add `-p`."""
    return _many("-p", "--playbook", metavar="FILE", text="Playbook to run; repeat it or put colons between.")


def search_options() -> Callable[[F], F]:
    """Add `-r` and `-m`, the folders that roles and external modules are looked for in."""
    return _stack(
        _many("-r", "--roles", metavar="DIR", text="Folder of roles, before $JET_ROLES_PATH and ./roles."),
        _many("-m", "--modules", metavar="DIR", text="Folder of external modules, before $JET_MODULES_PATH."),
    )


def extra_vars_option() -> Callable[[F], F]:
    """Add `-e`."""
    return click.option(
        "-e",
        "--extra-vars",
        multiple=True,
        metavar="VARS",
        help="Variables that beat all others: JSON, @FILE (YAML or JSON), or a.b=value.",
    )


def content_options() -> Callable[[F], F]:
    """Add the flags of ContentOptions."""
    return _stack(project_option(), playbook_option(), search_options(), extra_vars_option(), identity_option())


def identity_option() -> Callable[[F], F]:
    """Add `--identity`."""
    return click.option(
        "--identity",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Private age or SSH key to decrypt secrets with, before those of the environment; repeatable.",
    )


def inventory_option() -> Callable[[F], F]:
    """Add `-i` and `--secrets`."""
    return _stack(
        _many("-i", "--inventory", metavar="PATH", text="Inventory folder or script; later overlay earlier."),
        _many("--secrets", metavar="DIR", text="Inventory folder laid over all others, besides the project's own."),
    )


def limit_options() -> Callable[[F], F]:
    """Add `--limit-hosts` and `--limit-groups`."""
    return _stack(
        _many(
            "--limit-hosts",
            metavar="HOSTS",
            text="Act on these hosts only; colons between; @last-failed.",
            complete=completing("limits"),
        ),
        _many(
            "--limit-groups",
            metavar="GROUPS",
            text="Act on hosts of these groups only; colons between.",
            complete=completing("groups"),
        ),
    )


def host_options() -> Callable[[F], F]:
    """Add the flags of HostOptions."""
    return _stack(inventory_option(), limit_options())


def connection_options() -> Callable[[F], F]:
    """Add the flags that say how hosts are reached and as whom."""
    return _stack(
        click.option(
            "-u", "--user", metavar="NAME", callback=not_empty, help="User to log in as; beats host variables."
        ),
        click.option("--port", type=click.IntRange(1, WIDEST_PORT), help="SSH port; beats host variables."),
        click.option("--ask-login-password", is_flag=True, help="Ask for the password to log in with."),
        click.option("--forward-agent", is_flag=True, help="Let hosts use this machine's SSH agent."),
        click.option("--accept-new-host-keys", is_flag=True, help="Trust hosts never seen before."),
        click.option(
            "--connect-timeout",
            type=click.FloatRange(min=0.1),
            metavar="SECONDS",
            help="For reaching a host; 15.",
        ),
        click.option(
            "-t",
            "--threads",
            type=click.IntRange(min=1),
            envvar="JET_THREADS",
            help="Hosts worked on at once; or $JET_THREADS.",
        ),
        click.option("--batch-size", type=click.IntRange(min=1), help="Hosts of a rolling batch; a play's wins."),
    )


def sudo_options() -> Callable[[F], F]:
    """Add the flags for becoming another user."""
    return _stack(
        click.option("--sudo", metavar="NAME", callback=not_empty, help="User to become; beats plays, not tasks."),
        click.option("--ask-sudo-password", is_flag=True, help="Ask once for the password that sudo wants."),
    )


def task_options() -> Callable[[F], F]:
    """Add the flags that choose among tasks and check on them."""
    return _stack(
        _many(
            "--tags",
            metavar="TAGS",
            text="Run only what has one of these tags; colons between.",
            complete=completing("tags"),
        ),
        click.option("--allow-localhost-delegation", is_flag=True, help="Let tasks act on this machine."),
    )


def verify_option() -> Callable[[F], F]:
    """Add `--verify`, for verbs that change hosts."""
    return click.option("--verify", is_flag=True, help="After a change, plan the task again: it must match.")


def confirm_option() -> Callable[[F], F]:
    """Add `--yes`, for verbs that may ask."""
    return click.option("--yes", is_flag=True, help="Say yes to every question, also to guests being destroyed.")


def step_option() -> Callable[[F], F]:
    """Add `--step`."""
    return click.option("--step", is_flag=True, help="Ask before each task.")


def resume_option() -> Callable[[F], F]:
    """Add `--resume`, for verbs whose runs are kept."""
    return click.option(
        "--resume",
        is_flag=False,
        flag_value="last",
        metavar="[RUN]",
        callback=not_empty,
        help="Go on where the last run, or the one named, ended on each host.",
    )


def retry_option() -> Callable[[F], F]:
    """Add `--retry-failed`."""
    return click.option("--retry-failed", is_flag=True, help="Act on the hosts that failed in the last run only.")


def lock_option() -> Callable[[F], F]:
    """Add `--lock-timeout`, for verbs that change hosts."""
    return click.option(
        "--lock-timeout",
        metavar="SECONDS|off",
        envvar="JET_LOCK_TIMEOUT",
        callback=_check_lock_timeout,
        help="How long to wait for another run on a host; 120.",
    )


def _check_lock_timeout(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            lock_timeout(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r} {error}") from None
    return value


def lock_timeout(text: str) -> float | None:
    """Return the seconds to wait for other runs, None for `off`. Raises ValueError."""
    if text == "off":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_WAIT:
        message = "is neither `off` nor a number of seconds"
        raise ValueError(message)
    return seconds


def output_options() -> Callable[[F], F]:
    """Add the flags that say what is printed."""
    return _stack(
        click.option("--diff", is_flag=True, help="Show how the content of files changes."),
        click.option("-v", "verbosity", count=True, help="Say more: commands; -vv output as it comes; -vvv all."),
        click.option("--profile", is_flag=True, help="Show at the end which tasks and hosts took longest."),
        click.option(
            "--plain",
            is_flag=True,
            envvar="JET_PLAIN",
            help="For screen readers: sentences, no colours, nothing that is drawn anew; or $JET_PLAIN.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines."),
    )
