# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `git`."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Self, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, model_validator

from jetpack_core.contracts.attributes import FileAttributes, differences, with_attributes
from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.paths import require_accounts
from jetpack_core.errors import OperationCode, OperationError, TaskError
from jetpack_core.modules.commands.chain import before_that, chain, last_words
from jetpack_core.modules.system.git_state import (
    FETCH_COMMIT,
    KEEP,
    LOOK,
    SEEN,
    Checkout,
    Remote,
    parse_checkout,
    parse_remote,
)
from jetpack_core.records import Change, CommandResult, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.attributes import Attributes
    from jetpack_core.contracts.host import Host
    from jetpack_core.contracts.operations import Operation

_DIRECTORY_MODE: Final = 0o755
_TOLD: Final = {
    "clone": "the repository was cloned",
    "set-url": "its address was changed",
    "checkout": "another version was checked out",
    "merge": "the branch was brought up to date",
    "reset": "changed files were put back",
    "submodule": "submodules were checked out",
}
_MISSING_HINT: Final = "install git first, such as with !apt or !dnf"


def _repository(value: str) -> str:
    if value.startswith("-") or any(char in value for char in "\n\r\0") or not value.strip():
        message = f"{value!r} is not the address of a repository"
        raise ValueError(message)
    if re.match(r"[a-z+]+://[^/@]*:[^/@]*@", value):
        message = "a password in an address shows in the process list; use a key, or git's credential store on the host"
        raise ValueError(message)
    return value


# git-check-ref-format(1).
_BAD_REFERENCE: Final = re.compile(r"^[-/.]|\.\.|[\x00-\x20\x7f~^:?*\[\\]|@\{|//|[/.]$|\.lock(/|$)|/\.|^@$|^$")


def _reference(value: str) -> str:
    if _BAD_REFERENCE.search(value):
        message = f"{value!r} cannot be the name of a branch or tag"
        raise ValueError(message)
    return value


def _commit(value: object) -> str:
    text = str(value)
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", text):
        message = f"{text!r} is not a whole commit id of 40 characters; a part of one may mean another commit tomorrow"
        raise ValueError(message)
    return text


def _ssh_options(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if not re.fullmatch(r"[A-Za-z0-9]+", name) or any(char in value for char in "\n\r\0"):
            message = f"{name!r} is not an option of ssh_config(5), such as IdentityFile: /home/app/.ssh/deploy"
            raise ValueError(message)
    return values


Reference = Annotated[str, AfterValidator(_reference)]
"""The name of a branch or tag."""


@dataclass(frozen=True, slots=True)
class GitWork:
    """What `apply` is to run."""

    commands: tuple[tuple[str, ...], ...]
    new: bool


class Git(FileAttributes):
    """Check out a repository, and keep it up to date.

    What somebody changed in the checkout is kept: the task fails rather than lose it, unless `force`. It acts as the
    user of the task, who should own the checkout: git refuses to touch that of somebody else, unless `owner` names
    whom it belongs to. Whoever that is could then have the acting user run programs; `sudo` to the owner is safer.

    With `--forward-agent`, git reaches repositories over SSH by the keys of the agent on the control machine.

    `owner` and `group` are those of everything in the checkout, `mode` is that of its directory.

    Example::

        - !git
          repo: https://git.example.org/app.git
          path: /srv/app
          branch: main
        - !git
          repo: git@git.example.org:site.git
          path: /srv/site
          tag: v2.1
          ssh_options:
            IdentityFile: /home/deploy/.ssh/site
          with:
            sudo: deploy
    """

    repo: Annotated[str, AfterValidator(_repository)]
    """The address of the repository, as git takes it, without a password."""
    path: HostPath
    """The directory of the checkout. It and those above it are made."""
    branch: Reference | None = None
    """The branch. If not given, the remote's own choice, whatever it is called (in Jetporch, `main`)."""
    tag: Reference | None = None
    """A tag instead."""
    commit: Annotated[str, BeforeValidator(_commit)] | None = None
    """A commit instead, by its whole id."""
    depth: int | None = Field(default=None, ge=1)
    """Get only so many of the last commits."""
    submodules: bool = False
    """Check out submodules as well, and theirs."""
    update: bool = True
    """Bring a checkout that is there up to date; otherwise it is left at whatever it is."""
    force: bool = False
    """Throw away changed files and commits that are only here, where they are in the way."""
    accept_hostkeys: bool = Field(default=False, validation_alias=AliasChoices("accept_hostkeys", "accept_keys"))
    """Trust the key of an SSH server that is seen for the first time; a changed key is refused always. It is off
    unless asked for, other than in Jetporch: whoever answers first would be trusted for good."""
    ssh_options: Annotated[dict[str, str], AfterValidator(_ssh_options)] = Field(default_factory=dict)
    """Options of ssh_config(5) for reaching the repository."""

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        given = [name for name in ("branch", "tag", "commit") if getattr(self, name) is not None]
        if len(given) > 1:
            message = f"give only one of {' and '.join(given)}"
            raise ValueError(message)
        return self

    @property
    def _look(self) -> tuple[str, ...]:
        return ("sh", "-c", LOOK, "sh", self.path, self.wanted.owner or "", self.wanted.group or "", "git")

    @property
    def _env(self) -> dict[str, str]:
        options = dict(self.ssh_options)
        if self.accept_hostkeys:
            options.setdefault("StrictHostKeyChecking", "accept-new")
        words = ["ssh", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        # git hands this to a shell.
        return {"GIT_TERMINAL_PROMPT": "0"} | ({"GIT_SSH_COMMAND": shlex.join(words)} if options else {})

    async def plan(self, host: Host) -> Plan:
        """Compare the checkout with the remote, which is asked and not fetched from. Raises TaskError."""
        asked: list[Operation[object]] = [host.stat(self.path, follow=True), host.query(self._look)]
        if self.update and self.commit is None:
            asked.append(self._ask_remote(host))
        try:
            replies = await host.gather(asked)
            now = cast("FileStat", replies[0])
            checkout = self._checkout(now, cast("CommandResult", replies[1]))
            if checkout is not None and not self.update:
                return await require_accounts(host, self._plan_as_it_is(now, checkout))
            wanted = await self._wanted(host, replies[2:])
        except OperationError as error:
            raise _explained(error) from error
        plan = self._plan_clone(host, now, wanted) if checkout is None else self._plan_update(now, checkout, wanted)
        return await require_accounts(host, plan)

    def _ask_remote(self, host: Host) -> Operation[object]:
        if self.tag is not None:
            names = [f"refs/tags/{self.tag}", f"refs/tags/{self.tag}^{{}}", f"refs/heads/{self.tag}"]
        else:
            names = ["HEAD" if self.branch is None else f"refs/heads/{self.branch}"]
        return host.query(["git", "ls-remote", "--symref", "--", self.repo, *names], env=self._env)

    async def _wanted(self, host: Host, replies: tuple[object, ...]) -> Remote:
        if self.commit is not None:
            return Remote(self.commit)
        said = cast("CommandResult", replies[0] if replies else await self._ask_remote(host))
        if not said.ok:
            raise TaskError(f"{self.repo}: {last_words(said)}")
        found = parse_remote(said.stdout, self.branch, self.tag)
        if found is None:
            name = f"tag {self.tag}" if self.tag else f"branch {self.branch}" if self.branch else "commit yet"
            raise TaskError(f"{self.repo} has no {name}")
        if self.tag is None and not found.branch:
            raise TaskError(f"{self.repo} has no branch of its own choice", hint="name one in `branch`")
        return found

    def _checkout(self, now: FileStat, looked: CommandResult) -> Checkout | None:
        if now.exists and not now.is_directory:
            raise TaskError(f"{self.path} is there, and is not a directory")
        if looked.stdout.startswith("occupied"):
            raise TaskError(
                f"{self.path} holds files, and is not a git checkout", hint="empty it, or name another path"
            )
        if looked.stdout and not looked.ok:
            hint = "take .git away there, or name another path"
            if re.search("dubious ownership|[Pp]ermission denied", looked.stderr):
                hint = "act as the owner of the checkout, such as `with: {sudo: deploy}`"
            raise TaskError(f"{self.path}: {last_words(looked)}", hint=hint)
        return parse_checkout(looked.stdout)

    def _plan_clone(self, host: Host, now: FileStat, wanted: Remote) -> Plan:
        depth = self._depth()
        commands = [("git", "clone", "-q", *depth, *self._clone_what(), "--", self.repo, self.path)]
        if self.commit is not None or wanted.shadowed:
            commands += [self._fetch(wanted), *self._move(Checkout(), wanted)]
        commands += [self._git("update-ref", SEEN, "HEAD"), *self._submodule_commands()]
        made = FileStat(self.path, FileKind.DIRECTORY, _DIRECTORY_MODE, owner=host.user or "", group="")
        given = {name: getattr(self.wanted, name) for name in ("owner", "group", "mode")}
        commands += self._attribute_commands()
        changes = [
            Change("repo", None, self.repo),
            *self._branch_change("", wanted),
            Change("commit", None, wanted.commit),
            *(Change(name, None, value) for name, value in given.items() if value is not None),
        ]
        effect = PathEffect(_given(now if now.exists else made, self.wanted), tree=True)
        return Plan(PlanKind.CREATE, tuple(changes), effects=(effect,), data=GitWork(tuple(commands), not now.exists))

    def _clone_what(self) -> tuple[str, ...]:
        name = self.tag or self.branch
        return ("--branch", name) if name else ()

    def _branch_change(self, before: str, wanted: Remote) -> tuple[Change, ...]:
        return (Change("branch", before or None, wanted.branch),) if wanted.branch not in {"", before} else ()

    def _plan_update(self, now: FileStat, checkout: Checkout, wanted: Remote) -> Plan:
        changes = [Change("repo", checkout.url or None, self.repo)] if checkout.url != self.repo else []
        moves = checkout.head != wanted.commit or bool(self._branch_change(checkout.branch, wanted))
        if moves:
            changes += self._branch_change(checkout.branch, wanted)
            changes += [Change("commit", checkout.head, wanted.commit)] if checkout.head != wanted.commit else []
        if checkout.dirty and self.force:
            changes.append(Change("changed files", list(checkout.dirty), []))
        if self.submodules and checkout.open_submodules:
            changes.append(Change("submodules", None, list(checkout.open_submodules)))
        if not changes:
            return self._plan_as_it_is(now, checkout)
        if moves:
            self._refuse_to_lose(checkout)
        commands = [*self._update_commands(checkout, wanted, moves=moves), *self._attribute_commands()]
        changes += self._attribute_changes(now, checkout)
        effect = PathEffect(with_attributes(now, self.wanted), tree=True)
        return Plan(PlanKind.MODIFY, tuple(changes), effects=(effect,), data=GitWork(tuple(commands), new=False))

    def _plan_as_it_is(self, now: FileStat, checkout: Checkout) -> Plan:
        """Return the plan where the right commit is checked out: only whose it is may differ."""
        changes = self._attribute_changes(now, checkout)
        if not changes:
            return Plan(PlanKind.NONE, outcome=Outcome({"commit": checkout.head}))
        effect = PathEffect(with_attributes(now, self.wanted), tree=True)
        work = GitWork(tuple(self._attribute_commands()), new=False)
        return Plan(PlanKind.MODIFY, tuple(changes), effects=(effect,), data=work)

    def _attribute_changes(self, now: FileStat, checkout: Checkout) -> list[Change]:
        changes = list(differences(now, self.wanted))
        if checkout.foreign and not {"owner", "group"} & {change.field for change in changes}:
            whose = ":".join(filter(None, (self.wanted.owner, self.wanted.group)))
            changes.append(Change("belongs to others", checkout.foreign, whose))
        return changes

    def _attribute_commands(self) -> list[tuple[str, ...]]:
        """Return what gives the checkout away at last, whoever made what is in it."""
        owner, group, mode = self.wanted.owner, self.wanted.group, self.wanted.mode
        give = (
            ("chgrp", "-hR", group or "") if owner is None else ("chown", "-hR", f"{owner}:{group}" if group else owner)
        )
        commands = [(*give, "--", self.path)] if owner is not None or group is not None else []
        return [*commands, *([("chmod", f"{mode:o}", "--", self.path)] if mode is not None else [])]

    def _refuse_to_lose(self, checkout: Checkout) -> None:
        hint = "commit and push it, or say `force: true` to throw it away"
        if checkout.dirty and not self.force:
            raise TaskError(f"{self.path} has changed files: {', '.join(checkout.dirty[:5])}", hint=hint)
        if checkout.has_commits and not self.force:
            raise TaskError(f"{self.path} has commits that {self.repo} has not", hint=hint)

    def _update_commands(self, checkout: Checkout, wanted: Remote, *, moves: bool) -> list[tuple[str, ...]]:
        verb = ("set-url", "origin") if checkout.url else ("add", "origin")
        commands = [self._git("remote", *verb, self.repo)] if checkout.url != self.repo else []
        if moves:
            commands += [*self._keep(checkout, wanted), self._fetch(wanted), *self._move(checkout, wanted)]
            commands.append(self._git("update-ref", SEEN, "HEAD"))
        elif checkout.dirty and self.force:
            commands.append(self._git("reset", "-q", "--hard", "HEAD"))
        return [*commands, *self._submodule_commands()]

    def _keep(self, checkout: Checkout, wanted: Remote) -> list[tuple[str, ...]]:
        """Return what sees to it that another branch has nothing to lose."""
        if self.force or wanted.branch == checkout.branch or wanted.branch not in checkout.branches:
            return []
        return [("sh", "-c", KEEP, "sh", wanted.branch, *self._git())]

    def _fetch(self, wanted: Remote) -> tuple[str, ...]:
        if self.commit is not None:
            return ("sh", "-c", FETCH_COMMIT, "sh", self.commit, str(self.depth or ""), *self._git())
        if self.tag is not None:
            what = f"+refs/tags/{self.tag}:refs/tags/{self.tag}"
        else:
            what = f"+refs/heads/{wanted.branch}:refs/remotes/origin/{wanted.branch}"
        return self._git("fetch", "-q", *self._depth(), "origin", what)

    def _move(self, checkout: Checkout, wanted: Remote) -> list[tuple[str, ...]]:
        force = ("--force",) if self.force else ()
        if self.tag is not None or self.commit is not None:
            target = f"refs/tags/{self.tag}" if self.tag is not None else wanted.commit
            return [self._git("checkout", "-q", *force, "--detach", target)]
        target = f"refs/remotes/origin/{wanted.branch}"
        # Commits cut off by a depth have no common past to be merged by; that none is lost here was seen before.
        if self.force or self.depth or wanted.branch not in checkout.branches:
            return [self._git("checkout", "-q", *force, "-B", wanted.branch, target)]
        # A branch may be named like a file; what stands before the dashes is no file.
        switch = [self._git("checkout", "-q", wanted.branch, "--")] if wanted.branch != checkout.branch else []
        return [*switch, self._git("merge", "-q", "--ff-only", target)]

    def _submodule_commands(self) -> list[tuple[str, ...]]:
        if not self.submodules:
            return []
        force = ("--force",) if self.force else ()
        return [self._git("submodule", "-q", "update", "--init", "--recursive", *force, *self._depth())]

    def _depth(self) -> tuple[str, ...]:
        return () if self.depth is None else ("--depth", str(self.depth))

    def _git(self, *words: str) -> tuple[str, ...]:
        trusted = ("-c", "safe.directory=*") if self.wanted.owner is not None else ()
        return ("git", "-C", self.path, *trusted, *words)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Clone or update, in one round trip. Raises TaskError with git's own words."""
        work = cast("GitWork", plan.data)
        steps: list[Operation[object]] = []
        if work.new:
            steps.append(host.make_directory(self.path, mode=_DIRECTORY_MODE, parents=True))
        steps.append(host.run(chain(work.commands), env=self._env))
        steps.append(host.query(self._git("rev-parse", "HEAD")))
        replies = await host.gather(steps)
        ended, head = (cast("CommandResult", reply) for reply in replies[-2:])
        if not ended.ok:
            words = last_words(ended)
            hint = "the branch was rewritten there; say `force: true` to follow it" if "fast-forward" in words else ""
            raise TaskError(f"{self.path}: {words}{before_that(ended, list(map(_told, work.commands)))}", hint=hint)
        return Outcome({"commit": head.stdout.strip()})


def _told(command: tuple[str, ...]) -> str:
    """Return what a command has done, as far as it matters to somebody."""
    return next((told for verb, told in _TOLD.items() if verb in command), "")


def _given(now: FileStat, wanted: Attributes) -> FileStat:
    """Return a directory with the attributes, whatever it has now."""
    return replace(
        now,
        mode=now.mode if wanted.mode is None else int(wanted.mode),
        owner=wanted.owner or now.owner,
        uid=now.uid if wanted.owner is None else -1,
        group=wanted.group or now.group,
        gid=now.gid if wanted.group is None else -1,
    )


def _explained(error: OperationError) -> Exception:
    if error.code is OperationCode.NOT_FOUND:
        return TaskError("the host has no git", hint=_MISSING_HINT)
    return error
