# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `download`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, cast

from pydantic import model_validator

from jetpack_core.contracts.attributes import (
    NEW_FILE_MODE,
    Attributes,
    FileAttributes,
    additions,
    differences,
    needed,
    new_state,
    with_attributes,
)
from jetpack_core.contracts.fields import FileName
from jetpack_core.contracts.host import Host
from jetpack_core.contracts.paths import explained, refuse_in_the_way, require_parent
from jetpack_core.errors import UnknownValueError
from jetpack_core.records import Change, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind
from jetpack_plugin_download.access import Access
from jetpack_plugin_download.fallback import Curl
from jetpack_plugin_download.fetching import obtain, result_of
from jetpack_plugin_download.fields import Addresses, Size, SumOrAddress
from jetpack_plugin_download.judging import Judgement, Verdict, judge
from jetpack_plugin_download.looking import Seen, look
from jetpack_plugin_download.onhost.asking import check, read
from jetpack_plugin_download.onhost.session import Session
from jetpack_plugin_download.onhost.trouble import shown
from jetpack_plugin_download.placing import Placement, attribute_steps, backup_name, place
from jetpack_plugin_download.request import SUMS_LIMIT, Reply, Request, on_control, succeeded
from jetpack_plugin_download.sums import Checksum, choose, name_in


@dataclass(frozen=True, slots=True)
class _Work:
    """A transfer that is to be made."""

    placement: Placement
    checksum: Checksum | None = None
    validators: Mapping[str, str] = field(default_factory=dict)


class Download(Access, FileAttributes):
    """Put a file from the web on the host.

    A download that is cut short, too large or of the wrong checksum never takes the place of a good file. What came
    from where is recorded on the host, so a second run asks the server only whether the file has changed, and plan
    mode does the same. With `checksum` not even that is asked: the file's own content tells.

    On the host, Python, curl or wget does the work, whichever is there first; where none is, or with `via: control`,
    the control machine fetches the file once for all hosts of the run and sends it to them.

    Example::

        - !download
          name: fetch the installer
          url: https://downloads.example.com/app-1.2.tar.gz
          dest: /opt/app-1.2.tar.gz
          checksum: https://downloads.example.com/SHA256SUMS
          mode: 0o644
        - !download
          name: fetch from whichever mirror answers
          url:
            - https://mirror-a.example.com/data.bin
            - https://mirror-b.example.com/data.bin
          dest: /srv/data.bin
          token: "{{ download_token }}"
          max_size: 2G
          via: control
    """

    url: Addresses
    """The address, or a list of mirrors that are tried in order; http, https, or with `via` file."""
    dest: FileName
    """The file's own name on the host; its directory must exist."""
    checksum: SumOrAddress | None = None
    """What the file must be: `sha256:DIGITS` (or sha512, sha1, md5), or the address of a file with checksums."""
    checksum_name: str | None = None
    """The file's name in the file with checksums, where it is not the one in the address."""
    force: bool = False
    """Fetch the file in any case, whatever is recorded; it replaces the old one only if it differs."""
    conditional: bool = True
    """Ask the server whether a file that is there has changed; without it, a file that is there is taken as it is."""
    via: Literal["auto", "host", "control"] = "auto"
    """Where the file is fetched: on the `host`, on the `control` machine, or there where the host cannot (`auto`)."""
    resume: bool = True
    """Go on where an interrupted transfer ended, if the server vouches that the file is still the same."""
    max_size: Size | None = None
    """The most bytes the file may have, such as 500M."""
    backup: bool = False
    """Keep the old file beside the new one, named with its time and the start of its checksum."""
    save: str | None = None
    """The variable that gets the result: `url`, `final_url`, `status`, `size`, `checksum`, `etag`, `backup`, ..."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.via == "auto" and any(url.startswith("file:") for url in self.url):
            message = "an address of a file does not say whose it is; say `via: host` or `via: control`"
            raise ValueError(message)
        if self.checksum_name is not None and not isinstance(self.checksum, str):
            message = "'checksum_name' is for a file with checksums: give its address as 'checksum'"
            raise ValueError(message)
        return self

    async def plan(self, host: Host) -> Plan:
        """Compare the file with its checksum, or with what the server says.

        Raises UnknownValueError in plan mode where only the transfer could tell.
        """
        if not self.validate_certs:
            host.warn("the server's certificate is not checked (validate_certs: false)")
        with explained(self.dest):
            seen = await look(host, self.dest, self._kind, self._questions())
        refuse_in_the_way(seen.now, hint="'dest' is the file's own name, not the directory it goes into")
        if isinstance(self.checksum, str):
            return await self._by_checksum(host, seen, await self._read_sums(host, seen, self.checksum))
        if self.checksum is not None:
            return await self._by_checksum(host, seen, self.checksum)
        return await self._by_server(host, seen)

    @property
    def _kind(self) -> str | None:
        """Return the digest to ask the host for, where it is known beforehand and is none that comes anyway."""
        if isinstance(self.checksum, Checksum) and self.checksum.kind != "sha256":
            return self.checksum.kind
        return None

    def _questions(self) -> list[Request]:
        """Return what the host's Python is to ask the server while it looks."""
        if self.via == "control":
            return []
        if isinstance(self.checksum, str):
            return [{**self._request(), **self.request([self.checksum]), "action": "read", "limit": SUMS_LIMIT}]
        if self.checksum is None and self._asks:
            return [{**self._request(), "action": "check", "dest": self.dest}]
        return []

    @property
    def _asks(self) -> bool:
        return self.conditional and not self.force

    def _request(self, checksum: Checksum | None = None) -> Request:
        return {
            **self.request(self.url),
            "resume": self.resume,
            "max_size": self.max_size,
            "checksum": None if checksum is None else [checksum.kind, checksum.hex],
        }

    async def _read_sums(self, host: Host, seen: Seen, where: str) -> Checksum:
        """Return what the file with checksums says. Raises TaskError."""
        what = f"the checksums at {shown(where)} cannot be read"
        request = {**self._request(), **self.request([where])}
        if seen.replies:
            reply = succeeded(seen.replies[0], what)
        elif self._by_curl(seen):
            reply = await Curl(host, request).read([where], SUMS_LIMIT)
        else:
            reply = await on_control(host, lambda: read(Session(request), SUMS_LIMIT), what)
        names = (self.checksum_name,) if self.checksum_name else (name_in(self.url[0]), name_in(f"x:{self.dest}"))
        return choose(str(reply["text"]), names, shown(where))

    def _by_curl(self, seen: Seen) -> bool:
        """Tell whether curl is to ask on the host; a file with certificates would have to be written there first."""
        return self.via != "control" and "curl" in seen.tools and self.ca_file is None and self.client_cert is None

    async def _by_checksum(self, host: Host, seen: Seen, wanted: Checksum) -> Plan:
        digest = seen.now.checksum if wanted.kind == "sha256" else seen.digest
        if seen.now.is_file and wanted.kind != "sha256" and (self._kind is None or digest is None):
            digest = (await look(host, self.dest, wanted.kind, [])).digest
        if seen.now.is_file and digest == wanted.hex:
            return self._in_place(seen)
        change = Change(wanted.kind, digest if seen.now.is_file else None, wanted.hex)
        return await self._transfer(host, seen, change, wanted)

    async def _by_server(self, host: Host, seen: Seen) -> Plan:
        now, what = seen.now, f"what {shown(self.url[0])} has"
        if not now.is_file:
            return await self._transfer(host, seen, Change("content", None, what))
        if self.force:
            return self._forced(host, seen)
        if not self.conditional:
            return self._in_place(seen)
        found = await self._ask_server(host, seen)
        if found.verdict is Verdict.SAME:
            return self._in_place(seen)
        if found.sha256 is not None:
            change = Change("content", f"sha256:{now.checksum}", f"sha256:{found.sha256}")
            return await self._transfer(host, seen, change, known=found)
        if found.verdict is Verdict.UNKNOWN and host.planning:
            raise UnknownValueError(f"whether {self.dest} is {what} can only be told by fetching it")
        return await self._transfer(host, seen, Change("content", f"sha256:{now.checksum}", what), known=found)

    async def _ask_server(self, host: Host, seen: Seen) -> Judgement:
        record = seen.record.map() if seen.record is not None else None
        request = self._request()
        what = f"the server cannot be asked about {self.dest}"
        if seen.replies:
            reply = succeeded(seen.replies[0], what)
        elif self._by_curl(seen):
            reply = await Curl(host, request).check(self.url, record)
        else:
            reply = await on_control(host, lambda: _checked(request, record), what)
        return judge(seen.now, seen.record, reply)

    def _forced(self, host: Host, seen: Seen) -> Plan:
        """Return the plan of fetching it whatever is known."""
        if host.planning:
            raise UnknownValueError(f"`force` fetches {self.dest} in any case, and only that tells whether it differs")
        return Plan(PlanKind.EXECUTE, data=_Work(self._placement(seen)))

    def _in_place(self, seen: Seen) -> Plan:
        """Return the plan for a file whose content is right."""
        now = seen.now
        changes = differences(now, self.wanted)
        result = {"url": shown(self.url[0]), "size": now.size, "checksum": f"sha256:{now.checksum}", "received": 0}
        result["etag"] = seen.record.etag if seen.record is not None else None
        outcome = Outcome(result)
        if not changes:
            return Plan(PlanKind.NONE, outcome=outcome)
        effect = PathEffect(with_attributes(now, self.wanted))
        return Plan(PlanKind.MODIFY, changes, (), (effect,), outcome, data=self._placement(seen))

    def _placement(self, seen: Seen, *, backup: str | None = None) -> Placement:
        changed = needed(seen.now, self.wanted) if seen.now.is_file else Attributes()
        return Placement(seen, self.wanted, changed, backup)

    async def _transfer(
        self, host: Host, seen: Seen, change: Change, checksum: Checksum | None = None, known: Judgement | None = None
    ) -> Plan:
        """Return the plan of fetching the file."""
        now, wanted = seen.now, self.wanted
        if not now.exists:
            await require_parent(host, self.dest)
        backup = backup_name(now) if self.backup and now.is_file else None
        if now.is_file:
            changes, state = differences(now, wanted), with_attributes(now, wanted)
        else:
            link = (Change("kind", now.kind, FileKind.FILE),) if now.exists else ()
            changes = (*link, *additions(wanted, NEW_FILE_MODE))
            state = new_state(host, self.dest, FileKind.FILE, wanted, NEW_FILE_MODE)
        effects = [PathEffect(_open_state(state, known))]
        if backup is not None:
            effects.append(PathEffect(replace(now, path=backup)))
        return Plan(
            PlanKind.MODIFY if now.exists else PlanKind.CREATE,
            (change, *changes),
            (),
            tuple(effects),
            data=_Work(self._placement(seen, backup=backup), checksum, known.validators if known else {}),
        )

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Fetch the file, check it, and put it in place."""
        with explained(self.dest):
            if isinstance(plan.data, Placement):
                await host.gather(attribute_steps(host, plan.data.seen.now, plan.data.changed))
                return plan.outcome
            work = cast("_Work", plan.data)
            placement, request = work.placement, self._request(work.checksum)
            obtained = await obtain(
                host, self.via, request, placement.seen, force=self.force, validators=work.validators
            )
            changed = await place(host, placement, obtained)
        result = {**result_of(obtained, shown(self.url[0])), "backup": placement.backup if changed else None}
        if not changed:
            return Outcome(result, msg="fetched, and it is what was there", changed=False)
        return Outcome(result, msg=f"{obtained.size} bytes by {obtained.via}", changed=True)


def _checked(request: Request, record: dict[str, Any] | None) -> Reply:
    return check(Session(request), record)


def _open_state(state: FileStat, known: Judgement | None) -> FileStat:
    """Return what the file will be: with its content as far as that is known beforehand."""
    if known is None or known.sha256 is None or known.size is None:
        return replace(state, checksum=None, content=None, size=0, mtime=0)
    return replace(state, checksum=known.sha256, content=None, size=known.size, mtime=0)
