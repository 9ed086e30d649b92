# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `github_release`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final, Self, TypeVar, cast

from jetpack_plugin_download.reporting import Reporter
from pydantic import Field, model_validator

from jetpack_core.contracts.attributes import (
    Attributes,
    FileAttributes,
    additions,
    differences,
    needed,
    new_state,
    with_attributes,
)
from jetpack_core.contracts.fields import FileName, Secret, Source
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_parent
from jetpack_core.errors import TaskError
from jetpack_core.records import FileKind, Outcome, PathEffect, Plan, PlanKind
from jetpack_plugin_github_release.api import PUBLIC_API, Account
from jetpack_plugin_github_release.assets import Choice, Filters, Machine, choose_asset, machine
from jetpack_plugin_github_release.binary import check_program
from jetpack_plugin_github_release.fetching import Fetched, Verify, expected_of, fetch_program
from jetpack_plugin_github_release.fields import (
    ApiAddress,
    Digest,
    Patterns,
    Regex,
    Repository,
    VariableName,
    VersionRange,
)
from jetpack_plugin_github_release.host_state import Record, Seen, look
from jetpack_plugin_github_release.installing import (
    PROGRAM_MODE,
    Work,
    attribute_steps,
    content_changes,
    install,
    program_steps,
)
from jetpack_plugin_github_release.lookup import Found, find_releases
from jetpack_plugin_github_release.releases import Channel, Release, Wanted, choose_release
from jetpack_plugin_github_release.versions import parse

T = TypeVar("T")

_PUBLIC_TOKENS: Final = ("JETPACK_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
_ENTERPRISE_TOKENS: Final = ("JETPACK_GITHUB_ENTERPRISE_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")


class GithubRelease(FileAttributes):
    """Find a release of a project on GitHub, and install its program.

    Without `dest` the release is only looked up, for `save` and `set`. With `dest` the asset for the host's system,
    processor and C library is fetched by the control machine, once for all hosts of a run; its digest is checked,
    the program is taken out of the archive, and sent unless the host has it. What is installed is recorded on
    the host, so a second run finds out by one look. GitHub is asked once per project and run.

    Example::

        - !github_release
          name: install the newest stable release
          repo: jqlang/jq
          dest: /usr/local/bin/jq
        - !github_release
          name: install a program out of an archive, within a range of versions
          repo: BurntSushi/ripgrep
          version_filter: "^14"
          bin: rg
          dest: /usr/local/bin/rg
        - !github_release
          name: look up only
          repo: cli/cli
          channel: prerelease
          set: gh_version
    """

    names_variables: ClassVar[tuple[str, ...]] = ("set",)

    repo: Repository
    """The project, as OWNER/NAME."""
    channel: Channel = "stable"
    """Which releases count. `stable` (or `latest`): the highest final version. `prerelease`: the highest version,
    where a final one beats its own candidates. `unstable`: the highest pre-release. `any`: whatever was published last.
    """
    version: str | None = None
    """One certain version or tag, instead of the newest of a channel."""
    version_filter: VersionRange | None = None
    """The range the version must be in, such as `^1.2`, `~1.31`, `>=2, <3` or `1.2.*`; the channel says whether
    pre-releases count."""
    tag_prefix: str | None = None
    """What the tags in question begin with, in a repository of several projects, such as `cli/v`."""
    min_age_days: float = Field(default=0.0, ge=0)
    """Days since its publication before a release counts."""
    asset: str | None = None
    """The asset's name, or a pattern such as `tool-*-linux-amd64.tar.gz`; without it, what fits the host best."""
    asset_regex: Regex | None = None
    """The same as a regular expression."""
    exclude: Patterns = Field(default_factory=list)
    """Patterns of assets that are not to be taken."""
    os: str | None = None
    """The system the program is for, such as `linux` or `darwin`; without it, the host's."""
    arch: str | None = None
    """The processor the program is for, such as `x86_64` or `aarch64`; without it, the host's."""
    libc: str | None = None
    """The C library the program is for, `gnu` or `musl`; without it, the host's."""
    dest: FileName | None = None
    """The program's own name on the host, such as /usr/local/bin/tool; its directory must exist."""
    bin: str | None = None
    """The program in an archive: its name, path or a pattern; without it, the project's name, or the only program."""
    checksum: Digest | None = None
    """What the asset must be, as sha256:DIGITS; makes sense with `version`."""
    verify: Verify = "auto"
    """What must vouch for the asset: GitHub's `digest`, a `sidecar` (a file of checksums in the release), `none`,
    or whichever of the two is there, with a warning where neither is (`auto`)."""
    check_binary: bool = True
    """See that the program is for the host's system and processor before it replaces the old one."""
    allow_downgrade: bool = False
    """Install a version lower than the one that is recorded; `version` says so by itself."""
    github_token: Secret | None = None
    """The token to ask with; without it, GITHUB_TOKEN or GH_TOKEN of the control machine's environment."""
    api_url: ApiAddress = PUBLIC_API
    """The API of GitHub, or of a GitHub Enterprise server; the environment's token for github.com is not sent there."""
    cache_etags: bool = False
    """Keep GitHub's answers in `~/.local/share/jetpack/github_etags.json`, for 30 days, and ask only for what is new.
    An answer "not modified" costs nothing of the rate limit if a token is sent; without one, it only saves bytes."""
    max_wait: float = Field(default=60.0, ge=0)
    """Seconds to wait for a rate limit at most; if more is asked for, the task fails and says until when."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds of silence after which an attempt is given up."""
    retries: int = Field(default=3, ge=0)
    """How often a failed attempt is made again."""
    retry_delay: float = Field(default=1.0, ge=0)
    """Seconds before the second attempt; they double from one to the next."""
    ca_file: Source | None = None
    """The certificates to trust instead of the system's; a PEM file in `files` of the role or playbook."""
    validate_certs: bool = True
    """Check the server's certificate."""
    state_id: str | None = None
    """The name under which the host records what is installed, where it is not to be `dest`."""
    save: VariableName | None = None
    """The variable that gets `version`, `tag`, `prerelease`, `published_at`, `assets`, `asset`, `url` and `digest`."""
    set: VariableName | None = None
    """The variable that gets the version alone, as text."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.dest is None and self.save is None and self.set is None:
            message = "there is nothing to do: give 'dest', 'save' or 'set'"
            raise ValueError(message)
        if self.version is not None and self.version_filter is not None:
            message = "give either 'version' or 'version_filter'"
            raise ValueError(message)
        if self.asset is not None and self.asset_regex is not None:
            message = "give either 'asset' or 'asset_regex'"
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Look the release up, and compare what is recorded and there on the host."""
        if not self.validate_certs:
            host.warn("GitHub's certificate is not checked (validate_certs: false)")
        seen = await look(host, self.dest, self.state_id)
        found = await _blocking(host, self._find)
        release = choose_release(found.releases, self._wanted, self.repo)
        target = machine(self.os or seen.system, self.arch or seen.processor, self.libc or seen.library)
        if self.dest is None or seen.now is None:
            return self._passive(release, target, found)
        choice = self._choose(release, target)
        outcome = self._outcome(release, choice, found, choice.reason)
        refuse_in_the_way(seen.now, hint="'dest' is the program's own name, such as /usr/local/bin/tool")
        self._refuse_downgrade(seen, release)
        digest = str(self.checksum) if self.checksum is not None else choice.asset.digest
        return await self._compare(host, Work(self.repo, seen, seen.now, release, choice, target, digest), outcome)

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.channel, self.version, self.version_filter, self.tag_prefix, self.min_age_days)

    def _account(self) -> Account:
        names = _PUBLIC_TOKENS if self.api_url == PUBLIC_API else _ENTERPRISE_TOKENS
        found = (os.environ[name] for name in names if os.environ.get(name))
        token = self.github_token.get_secret_value() if self.github_token is not None else next(found, None)
        return Account(
            self.api_url,
            token or None,
            self.timeout,
            self.retries,
            self.retry_delay,
            self.max_wait,
            None if self.ca_file is None else self.ca_file.read_text(encoding="utf-8"),
            self.validate_certs,
        )

    def _find(self) -> Found:
        return find_releases(self._account(), self.repo, cache_etags=self.cache_etags)

    def _choose(self, release: Release, target: Machine) -> Choice:
        version = str(release.version or release.tag)
        pattern = self.asset and self.asset.replace("{version}", version).replace("{tag}", release.tag)
        filters = Filters(pattern, self.asset_regex, tuple(self.exclude))
        return choose_asset(release.assets, filters, target, f"{self.repo} {release.tag}")

    def _passive(self, release: Release, target: Machine, found: Found) -> Plan:
        """Return what was found; that no single asset fits is no failure here."""
        try:
            choice, why = self._choose(release, target), ""
        except TaskError as error:
            choice, why = None, str(error)
            if self.asset is not None or self.asset_regex is not None:
                raise
        message = choice.reason if choice is not None else why
        return Plan(PlanKind.PASSIVE, outcome=self._outcome(release, choice, found, message))

    def _outcome(self, release: Release, choice: Choice | None, found: Found, message: str) -> Outcome:
        version = str(release.version or release.tag)
        result: dict[str, object] = {
            "repo": self.repo,
            "version": version,
            "tag": release.tag,
            "prerelease": release.is_pre,
            "published_at": release.published_at,
            "assets": [asset.name for asset in release.assets],
            "asset": choice.asset.name if choice is not None else None,
            "url": choice.asset.browser_url if choice is not None else None,
            "digest": choice.asset.digest if choice is not None else None,
            "api_requests": found.spent.requests,
            "api_not_modified": found.spent.not_modified,
            "api_remaining": found.spent.remaining,
        }
        variables: dict[str, object] = {self.set: version} if self.set is not None else {}
        return Outcome(result, msg=f"{release.tag}; {message}", variables=variables)

    def _refuse_downgrade(self, seen: Seen, release: Release) -> None:
        if self.allow_downgrade or self.version is not None or seen.record is None or seen.record.repo != self.repo:
            return
        old = parse(seen.record.tag, self.tag_prefix)
        if old is not None and release.version is not None and old.key > release.version.key:
            raise TaskError(
                f"{self.dest} is {seen.record.tag}, and the newest release that is wanted is {release.tag}",
                hint="say `allow_downgrade: true`, or pin it by 'version'",
            )

    async def _compare(self, host: Host, work: Work, outcome: Outcome) -> Plan:
        now = work.now
        changes = content_changes(work, planning=host.planning)
        wanted = self.wanted
        if now.is_file:
            attributes, state = differences(now, wanted), with_attributes(now, wanted)
        else:
            attributes = additions(wanted, PROGRAM_MODE)
            state = new_state(host, now.path, FileKind.FILE, wanted, PROGRAM_MODE)
        if not now.exists:
            await require_parent(host, now.path)
        if not changes and not attributes:
            return Plan(PlanKind.NONE, outcome=outcome)
        if changes:
            state = replace(state, checksum=None, content=None, size=0, mtime=0)
        changed = needed(now, wanted) if now.is_file else Attributes()
        return Plan(
            PlanKind.MODIFY if now.exists else PlanKind.CREATE,
            (*changes, *attributes),
            (),
            (PathEffect(state),),
            outcome,
            data=replace(work, changed=changed, install=bool(changes)),
        )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Fetch and check the asset, and put the program in its place."""
        work = cast("Work", plan.data)
        attributes = attribute_steps(host, work)
        with explained(work.now.path):
            if not work.install:
                await host.gather(attributes)
                return plan.outcome
            fetched, source, doubts = await _blocking(host, partial(self._fetch, work, Reporter(host).hear))
            for doubt in doubts:
                host.warn(doubt)
            program, digest = fetched.program, work.digest or f"sha256:{fetched.asset_sha256}"
            same = work.now.is_file and work.now.checksum == program.sha256
            steps = attributes if same else program_steps(host, work, program, self.wanted)
            record = Record(self.repo, work.release.tag, work.choice.asset.name, digest, program.sha256)
            await install(host, work, steps, record)
        message = f"{plan.outcome.msg}; checked by {source}"
        result = {**plan.outcome.result, "received": fetched.received}
        return replace(plan.outcome, result=result, msg=message, changed=not same or bool(attributes))

    def _fetch(self, work: Work, report: Callable[[str], None]) -> tuple[Fetched, str, Sequence[str]]:
        """Fetch the asset and take the program out of it. Blocks; raises TaskError."""
        account, asset = self._account(), work.choice.asset
        expected = expected_of(account, asset, work.release.assets, self.verify, self.checksum)
        fetched = fetch_program(account, asset, expected, self.bin or self.repo.rpartition("/")[2], report)
        doubts = []
        if expected.checksum is None and self.verify != "none":
            doubts.append(f"nothing vouches for {asset.name}: GitHub has no digest of it, and the release no checksum")
        if self.check_binary:
            doubt = check_program(fetched.program.path, fetched.program.name, work.host)
            doubts += [doubt] if doubt is not None else []
        return fetched, expected.source, doubts


async def _blocking(host: Host, function: Callable[[], T]) -> T:
    """Run something of the control machine in a thread; its own failures are the task's."""
    try:
        return await host.in_thread(function)
    except OSError as error:
        raise TaskError(f"on the control machine: {error}") from error
