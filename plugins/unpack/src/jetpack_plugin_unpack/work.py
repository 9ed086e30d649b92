# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning and applying: by the host's Python, or from the control machine where the host has none."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from jetpack_core.contracts.host import Host
from jetpack_core.errors import StaleError, TaskError, UnknownValueError
from jetpack_core.records import Change, FileStat, Outcome, PathEffect, Plan, PlanKind
from jetpack_plugin_unpack import remote
from jetpack_plugin_unpack.control import given_listing, local_digest
from jetpack_plugin_unpack.fetching import Web
from jetpack_plugin_unpack.sending import NoPython, ask
from jetpack_plugin_unpack.showing import plan_of


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be unpacked where, as the extractor takes it."""

    request: Mapping[str, object]
    source: Path | None
    """The archive, where it is on the control machine."""
    web: Web | None = None
    """Where it is fetched from, where that is an address."""
    remove_src: bool = False
    """Remove it from the host at the end."""

    @property
    def dest(self) -> str:
        """Return the destination."""
        return str(self.request["dest"])

    def saying(self, **more: object) -> dict[str, object]:
        """Return the request with more in it; the archive is the one on the host."""
        archive = None if self.source is not None or self.web is not None else self.request["src"]
        return {"archive": archive, **self.request, **more}


@dataclass(frozen=True, slots=True)
class Ready:
    """An order that was planned on the host."""

    order: Order
    token: object
    """What the plan saw; the extractor finds the same, or refuses."""
    plan: Plan


@dataclass(frozen=True, slots=True)
class Emptied:
    """An order whose archive goes at the end."""

    order: Order
    plan: Plan
    """What is to be done before."""
    archive: FileStat


async def plan_order(host: Host, order: Order) -> Plan:
    """Find out what is to be done. Raises TaskError when the archive is refused or something is in the way."""
    plan, there = await _plan_unpacking(host, order)
    if not order.remove_src or not there:
        return plan
    archive = await host.stat(str(order.request["src"]), checksum=True)
    gone = PathEffect(FileStat(archive.path))
    return Plan(
        plan.kind if plan.needed else PlanKind.MODIFY,
        (*plan.changes, Change(archive.path, archive.kind, None)),
        effects=(*plan.effects, gone),
        outcome=plan.outcome,
        data=Emptied(order, plan, archive),
    )


async def _plan_unpacking(host: Host, order: Order) -> tuple[Plan, bool]:
    """Return the plan, and whether the host has the archive."""
    if order.web is not None:
        if order.request["digest"] is not None and (known := await _plan_unfetched(host, order)) is not None:
            return known, False
        order = replace(order, source=await order.web.fetch(host))
    if order.source is not None:
        order = await _with_digest(host, order, order.source)
    answer = await ask(host, order.saying(verb="plan"))
    if isinstance(answer, NoPython):
        return await remote.plan_remotely(host, order.request, order.source, answer)
    if "need" in answer and order.source is not None:
        source, request = order.source, order.request
        listing = await host.in_thread(lambda: given_listing(source, request))
        again = await ask(host, order.saying(verb="plan", listing=listing))
        answer = again if isinstance(again, Mapping) else {}
    await _refuse_to_guess(host, order, answer)
    return _plan_of(host, order, answer), bool(answer["there"])


def _plan_of(host: Host, order: Order, answer: Mapping[str, object]) -> Plan:
    request = order.request
    owner, group = cast("str | None", request["owner"]), cast("str | None", request["group"])
    plan = plan_of(host, order.dest, answer, owner, group, None)
    return replace(plan, data=Ready(order, answer["token"], plan))


async def _plan_unfetched(host: Host, order: Order) -> Plan | None:
    """Return the plan for an archive that is known by its checksum, if nothing of it is needed."""
    answer = await ask(host, order.saying(verb="plan"))
    if isinstance(answer, NoPython) or "need" in answer or answer["count"]:
        return None
    return _plan_of(host, order, answer)


async def _with_digest(host: Host, order: Order, source: Path) -> Order:
    digest = await host.in_thread(lambda: local_digest(source))
    wanted = order.request["digest"]
    if wanted not in {None, digest}:
        raise TaskError(
            f"the SHA-256 of the control machine's {source} is {digest}, not {wanted}", hint="correct checksum"
        )
    return replace(order, request={**order.request, "digest": digest})


async def _refuse_to_guess(host: Host, order: Order, answer: Mapping[str, object]) -> None:
    """In plan mode, see that no earlier task would change the archive. Raises UnknownValueError."""
    if not host.planning or order.source is not None:
        return
    now = await host.stat(str(order.request["src"]), follow=True, checksum=True)
    if now.exists and now.checksum != answer["digest"]:
        raise UnknownValueError(f"{now.path} is known only once an earlier task has made it")


async def apply_order(host: Host, plan: Plan) -> Outcome:
    """Unpack what was planned. Raises TaskError, OperationError, and StaleError."""
    if isinstance(plan.data, Emptied):
        return await _apply_emptied(host, plan.data)
    if isinstance(plan.data, remote.Writing):
        return await remote.write_remotely(host, plan.data)
    ready = cast("Ready", plan.data)
    order = ready.order
    if order.source is None:
        answer = await ask(host, order.saying(verb="apply", token=ready.token))
    else:
        folder = await host.temp_directory("unpack")
        archive = posixpath.join(folder, "archive")
        await host.put(order.source, archive, mode=0o600)
        try:
            answer = await ask(host, order.saying(verb="apply", token=ready.token, archive=archive))
        finally:
            await host.remove(folder, recursive=True)
    if isinstance(answer, NoPython):
        raise StaleError(order.dest, "the host's Python is gone")
    told = ready.plan.outcome
    return Outcome(
        {**told.result, "bytes": answer["bytes"]},
        warnings=(*told.warnings, *cast("list[str]", answer["warnings"])),
    )


async def _apply_emptied(host: Host, work: Emptied) -> Outcome:
    """Unpack, or at least see that it is noted what is there; then the archive can go."""
    outcome = await apply_order(host, work.plan)
    try:
        await host.remove(work.archive.path, expect=work.archive)
    except StaleError:
        # An archive inside the destination went with what `swap` or `prune` removed.
        if (await host.stat(work.archive.path)).exists:
            raise
    return outcome
