# SPDX-License-Identifier: GPL-3.0-or-later
"""The page docs/reference/errors.md: every kind of error and finding, what it means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jetpack_core import errors
from jetpack_core.analysis.rules import CONTENT, FOUND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jetpack_core.analysis.rules import Rule


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of error that a run or verb may end with."""

    code: str
    example: str
    """What is told, for instance."""
    remedy: str


KINDS: Final[dict[type[errors.JetpackError], Kind]] = {
    errors.UsageError: Kind(
        "usage",
        "error: there is no inventory",
        "Correct the flag or setting; `jetpack VERB --help` lists all. Exit code 1.",
    ),
    errors.PluginError: Kind(
        "plugin",
        "error: there is no provisioner 'proxmx'",
        "Install, upgrade or remove the plugin that is named. `jetpack plugins doctor` looks at all of them. Exit code"
        " 1.",
    ),
    errors.ContentError: Kind(
        "content",
        "site.yml:3:3: a play has no key `hosts`",
        "Correct what is listed; each line is one of the findings above. Exit code 1.",
    ),
    errors.TemplateError: Kind(
        "template",
        "'prot' is undefined, in: {{ prot }}",
        "Define the variable, give it a default, or correct the expression. `jetpack vars HOST NAME` shows where values"
        " come from, and `jetpack check` finds most of these before a run.",
    ),
    errors.ParameterError: Kind(
        "parameter",
        "!wait_for port: must be a whole number, not 'http'",
        "Correct the variable that the parameter is made of. `jetpack doc MODULE` says what it takes.",
    ),
    errors.TaskError: Kind(
        "task",
        "the directory /srv/app does not exist",
        "The module says what is in the way on the host; a task before it may be missing. `retry`, `ignore_errors` and"
        " `condition` change what follows.",
    ),
    errors.SecretError: Kind(
        "secret",
        "group_vars/db.yml:4: there is no identity to decrypt it with",
        "Name the key with `--identity` or $JETPACK_AGE_IDENTITY_FILE, or be added to the recipients and have"
        " `jetpack secrets rekey` run.",
    ),
    errors.UnknownValueError: Kind(
        "unknown",
        "only the task 'version' can tell, and it does not run in plan mode",
        "Nothing is wrong: only a run can tell. A command that just reads may say `read_only: true`, and then runs in"
        " plan mode too.",
    ),
    errors.OperationError: Kind(
        "operation",
        "/etc/app.conf: permission denied",
        "See the reason below. Often `sudo` is missing, or a task that makes the directory.",
    ),
    errors.StaleError: Kind(
        "stale",
        "/etc/motd: changed since it was read",
        "Jetpack plans again by itself a few times. When that does not help, another program writes there all the"
        " time.",
    ),
    errors.SourceChangedError: Kind(
        "source-changed",
        "the control machine's /srv/build/app.tar changed while it was being sent",
        "Nothing was put in place. Run it again once the file is complete; whoever makes it should write it beside its"
        " place and rename it.",
    ),
    errors.HeldError: Kind(
        "held",
        "another run holds the host",
        "Wait for the other run, or let this one wait longer: `--lock-timeout`. See the guide on two runs at once.",
    ),
    errors.BecomeError: Kind(
        "become",
        "cannot become root: a password is needed",
        "Give the password with `--ask-sudo-password`, or let the user become the other one in sudoers.",
    ),
    errors.HostUnreachableError: Kind(
        "unreachable",
        "h3 refused the connection",
        "Look at `jet_ssh_hostname`, `jet_ssh_port`, and whether sshd runs. Exit code 4, or 2 when hosts failed too.",
    ),
    errors.AuthenticationError: Kind(
        "authentication",
        "h3 refused the login as deploy: tried the agent's keys",
        "Look at `jet_ssh_user` and the key; `ssh-add -l` lists what the agent has. `--ask-login-password` asks for a"
        " password.",
    ),
    errors.HostKeyError: Kind(
        "host-key",
        "the host key of h3 has changed: /home/me/.ssh/known_hosts:4 knows the ssh-ed25519 key SHA256:...",
        "Find out why: a host that was made anew has a new key, but so has a machine in the middle. Remove the old key"
        " with `ssh-keygen -R HOST`, or accept keys never seen before with `--accept-new-host-keys`.",
    ),
}
"""What stands for each class of the tree of errors."""

_EXITS: Final = (
    (0, "all is well"),
    (1, "content, flags or settings are wrong; nothing ran. `jetpack check` ends so where it finds an error"),
    (2, "some host failed"),
    (3, "`plan --exit-on-change` and `check-local --exit-on-change`: something would change"),
    (4, "some host was unreachable, and none failed"),
    (130, "interrupted"),
)
_INTRO: Final = """\
What Jetpack tells when something is wrong: the short name, what it means, an example, and what to do about it. A name
in square brackets at the end of a line that `jetpack check` prints is one of these.
"""
_CONTENT_INTRO: Final = """\
These keep playbooks, roles, inventory or settings from being loaded. Every verb tells all of them at once, each with
file, line and column, and nothing runs.
"""
_FOUND_INTRO: Final = """\
`jetpack check` finds these, and `template-value`, `wrong-value` and `missing-file` where the variables of a host make
the value, in content that loads. An **error** fails for sure when it runs. A **warning** runs, and most likely does not
do what was meant. A **maybe** is what only a run can tell; the message says why. A comment keeps a finding back:
`# jetpack: ignore[CODE]` on its line or right above, `# jetpack: ignore-file[CODE]` anywhere in the file.
"""
_KINDS_INTRO: Final = """\
These come up while a verb works, or while a task runs on a host; then they stand in that host's result.
"""


def errors_page() -> str:
    """Return the page."""
    parts = ["# Errors\n", _INTRO, "## What is wrong in files\n", _CONTENT_INTRO, *_rules(CONTENT)]
    parts += ["## What a check finds\n", _FOUND_INTRO, *_rules(FOUND)]
    parts += ["## What may happen in a run\n", _KINDS_INTRO, *_kinds()]
    parts += ["## Why an operation on a host failed\n", *_reasons(), "## Exit codes\n", *_exits()]
    return "\n".join(parts)


def _rules(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        yield f"### {rule.code}\n\n**{rule.title}** ({rule.severity}). {rule.meaning}\n"
        yield f"```text\n{rule.example}```\n\n{rule.remedy}\n"


def _kinds() -> Iterator[str]:
    for error, kind in KINDS.items():
        meaning = " ".join((error.__doc__ or "").partition("\n\n")[0].split())
        yield f"### {kind.code}\n\n{meaning}\n\n```text\n{kind.example}\n```\n\n{kind.remedy}\n"


_REASONS: Final = {
    errors.OperationCode.NOT_FOUND: "nothing is at the path",
    errors.OperationCode.EXISTS: "something is at the path already",
    errors.OperationCode.PERMISSION: "the user that the task acts as may not do that; see `sudo`",
    errors.OperationCode.NOT_A_DIRECTORY: "a part of the path is a file",
    errors.OperationCode.IS_A_DIRECTORY: "a directory is where a file is wanted",
    errors.OperationCode.NOT_EMPTY: "the directory has something in it",
    errors.OperationCode.NO_SPACE: "the file system is full, or a quota is reached",
    errors.OperationCode.READ_ONLY: "the file system is mounted read-only",
    errors.OperationCode.TOO_LARGE: "the file is larger than what can be handled",
    errors.OperationCode.NO_SUCH_ACCOUNT: "the host does not know the user or group; make it before",
    errors.OperationCode.TIMEOUT: "it took longer than it may; see `timeout`",
    errors.OperationCode.STALE: "it is not as it was when it was looked at",
    errors.OperationCode.OTHER: "the host's own words stand beside it",
}


def _reasons() -> Iterator[str]:
    rows = [f"| {code.value} | {_REASONS[code]} |" for code in errors.OperationCode]
    yield "\n".join(["| reason | meaning |", "|---|---|", *rows]) + "\n"


def _exits() -> Iterator[str]:
    rows = [f"| {code} | {meaning} |" for code, meaning in _EXITS]
    yield "\n".join(["| code | meaning |", "|---|---|", *rows]) + "\n"
