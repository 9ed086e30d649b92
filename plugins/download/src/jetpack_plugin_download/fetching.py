# SPDX-License-Identifier: GPL-3.0-or-later
"""Get the file: by the best means there is, to a place from which it can be put at its destination."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jetpack_core.contracts.host import Host
from jetpack_core.errors import HostUnreachableError, JetpackError, OperationError, TaskError
from jetpack_plugin_download.cache import Cache
from jetpack_plugin_download.fallback import Curl, digest, take_turns, wget, wget_will_do
from jetpack_plugin_download.looking import Record, Seen
from jetpack_plugin_download.onhost.session import address_key
from jetpack_plugin_download.reporting import Reporter
from jetpack_plugin_download.request import BOOT, Reply, Request, bundle, on_control, replies_in, succeeded

_LONGEST_NAME: Final = 200
FAILED: Final = "the download failed"


@dataclass(frozen=True, slots=True)
class Obtained:
    """A file that was downloaded and passed every check, but is not in place yet."""

    sha256: str
    size: int
    facts: Reply
    via: str
    """`python`, `curl`, `wget` or `control`."""
    source: Path | None = None
    """Where it is on the control machine."""
    part: str | None = None
    """Where it is on the host; in the destination's directory, unless in `directory`."""
    directory: str | None = None
    """A private directory of the host that is to be removed."""
    uid: int = -1
    gid: int = -1

    def record(self) -> Record:
        """Return what is to be recorded."""
        url = str(self.facts.get("url") or "")
        key = url if self.source is not None else address_key(url)
        etag, date = self.facts.get("etag"), self.facts.get("last_modified")
        return Record(key, self.sha256, self.size, etag, date)


async def obtain(
    host: Host, via: str, request: Request, seen: Seen, *, force: bool, validators: Mapping[str, Any]
) -> Obtained:
    """Download on the host, or on the control machine. Raises TaskError.

    :param validators: `etag` and `last_modified`, where the server has been asked already.
    """
    if via != "control":
        for tool in _means(seen, request):
            found = await _on_host(host, tool, request, seen)
            if found is not None:
                return found
        if via == "host":
            raise TaskError(
                f"{host.name} has nothing that can download this: no Python 3.6, no curl, and no wget that will do",
                hint="say `via: auto` or `via: control`, or install curl",
            )
    hear = Reporter(host).hear
    stored = await on_control(
        host, lambda: Cache(report=hear).fetch(request, anew=force, validators=validators), FAILED
    )
    facts = {**stored.facts, "from_cache": stored.from_cache}
    if not facts.get("url"):
        facts["url"] = address_key(request["urls"][0])
    return Obtained(stored.sha256, stored.size, facts, "control", source=stored.path)


def _means(seen: Seen, request: Request) -> Sequence[str]:
    if any(url.startswith("file:") for url in request["urls"]):
        return [tool for tool in ("python3",) if tool in seen.tools]
    wanted = [tool for tool in ("python3", "curl") if tool in seen.tools]
    return [*wanted, *(tool for tool in ("gnu-wget", "wget") if tool in seen.tools and wget_will_do(tool, request))]


async def _on_host(host: Host, tool: str, request: Request, seen: Seen) -> Obtained | None:
    if tool == "python3":
        return await _by_python(host, request, seen)
    return await _by_tool(host, tool, request)


def part_of(seen: Seen) -> str:
    """Return where a download to a path grows: beside it, under a name that the next attempt finds again."""
    folder, name = posixpath.split(seen.now.path)
    short = name.encode("utf-8", "surrogateescape")[:_LONGEST_NAME].decode("utf-8", "ignore")
    return posixpath.join(folder, f".{short}.{seen.key[:12]}.part")


async def _by_python(host: Host, request: Request, seen: Seen) -> Obtained | None:
    """Download by the client; None where the host's Python cannot run it."""
    note = None if seen.folder is None else f"{seen.folder}/{seen.key}.part.json"
    asked = {**request, "action": "fetch", "part": part_of(seen), "note": note}
    argv = ("python3", "-I", "-c", BOOT, seen.state or "-")
    said = await host.run(argv, stdin=bundle([asked]), listen=Reporter(host).listen)
    replies = replies_in(said.stdout)
    if not replies:
        host.warn(f"Python on {host.name} cannot run the downloader: {_last_line(said.stderr)}")
        return None
    facts = succeeded(replies[0], FAILED)
    return Obtained(
        str(facts["sha256"]),
        int(facts["size"]),
        facts,
        "python",
        part=part_of(seen),
        uid=int(facts["uid"]),
        gid=int(facts["gid"]),
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]


async def _by_tool(host: Host, tool: str, request: Request) -> Obtained:
    """Download by curl or wget to a private directory, which is removed when that fails."""
    began = time.monotonic()
    directory = await host.temp_directory("download")
    try:
        certificates = await _written(host, f"{directory}/ca.pem", request.get("ca"))
        curl = Curl(host, request, certificates, await _written(host, f"{directory}/client.pem", request.get("client")))

        async def ask(url: str) -> Reply:
            path = f"{directory}/file"
            if tool == "curl":
                facts = await curl.fetch(url, path)
            else:
                facts = await wget(host, request, tool, url, path, certificates)
            sha256, size, uid, gid = await digest(host, path, request, length=facts.get("size"))
            return {**facts, "sha256": sha256, "size": size, "uid": uid, "gid": gid}

        facts = await take_turns(host, request, request["urls"], ask)
    except Exception:
        # Not `finally`: a coroutine that is closed cannot await, and closing the connection removes the rest.
        await tidy(host, directory)
        raise
    facts["elapsed"] = round(time.monotonic() - began, 3)
    facts["received"] = facts["size"]
    return Obtained(
        facts["sha256"],
        facts["size"],
        facts,
        tool.removeprefix("gnu-"),
        part=f"{directory}/file",
        directory=directory,
        uid=facts["uid"],
        gid=facts["gid"],
    )


async def _written(host: Host, path: str, text: str | None) -> str | None:
    """Put a text where only the acting user may read it; None where there is none."""
    if text is None:
        return None
    await host.write(path, text.encode(), mode=0o600)
    return path


async def tidy(host: Host, path: str | None) -> None:
    """Remove what was temporary on the host, as well as can be after a failure."""
    if path is not None:
        with suppress(JetpackError):
            await host.remove(path, recursive=True)


async def discard(host: Host, obtained: Obtained) -> None:
    """Remove a download that is not needed after all."""
    path = obtained.directory or obtained.part
    if path is None:
        return
    try:
        await host.remove(path, recursive=True)
    except HostUnreachableError:
        raise
    except OperationError as error:
        host.warn(f"{path} was left behind: {error.message}")


def result_of(obtained: Obtained, shown_url: str) -> dict[str, Any]:
    """Return what `save` keeps of a download."""
    facts = obtained.facts
    return {
        "url": shown_url,
        "final_url": facts.get("final_url") or shown_url,
        "status": facts.get("status"),
        "size": obtained.size,
        "checksum": f"sha256:{obtained.sha256}",
        "etag": facts.get("etag"),
        "elapsed": facts.get("elapsed", 0.0),
        "received": facts.get("received", 0),
        "resumed": facts.get("resumed", 0),
        "from_cache": bool(facts.get("from_cache")),
        "via": obtained.via,
    }
