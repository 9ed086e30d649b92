# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `group`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Self, cast

from pydantic import model_validator

from jetpack_core.contracts.module import Module
from jetpack_core.errors import OperationError, TaskError, UnknownValueError
from jetpack_core.modules.access.accounts import (
    AccountName,
    AccountNumber,
    GroupEntry,
    Tools,
    explain_getent,
    getent,
    parse_groups,
    parse_users,
    refused_if_others_were_faster,
    use_tools,
)
from jetpack_core.records import AccountEffect, Change, Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jetpack_core.contracts.host import Host

# groupadd(8), groupmod(8), groupdel(8).
_NOT_THERE: Final = 6
_TAKEN: Final = 9
_HINTS: Final = {
    4: "give another gid, or none",
    8: "it is a user's own group: remove that user first, or give it another group with !user",
    10: "act as a user who may, such as `with: {sudo: root}`",
}


class Group(Module):
    """See that a group exists, or does not.

    Only what is given is compared. It needs the tools of shadow (`groupadd` and the rest).

    Example::

        - !group
          group: web
          system: true
        - !group
          group: developers
          gid: 2000
          users: [alice, bob]
        - !group
          group: interns
          remove: true
    """

    repeatable: ClassVar[bool] = False

    group: AccountName
    """The group's name."""
    gid: AccountNumber | None = None
    """Its number. That of an existing group is changed, with a warning: files keep the old number."""
    users: list[AccountName] | None = None
    """Its members. They are to be exactly these, unless `append`; users whose own group it is do not count."""
    append: bool = False
    """Leave other members in the group."""
    system: bool = False
    """Take the number of a new group from those for system groups."""
    remove: bool = False
    """Remove the group."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.remove and (self.gid is not None or self.users or self.system):
            message = "'remove' stands with the name alone"
            raise ValueError(message)
        return self

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that accounts are made and removed by one command each, which refuses what is done already."""
        return refused_if_others_were_faster(plan)

    async def plan(self, host: Host) -> Plan:
        """Compare the group with what it is to be."""
        asked = [getent(host, "group", self.group)]
        if self.users:
            asked.append(getent(host, "passwd", *self.users))
        try:
            replies = await host.gather(asked)
        except OperationError as error:
            raise explain_getent(error) from error
        now = parse_groups(replies[0].stdout).get(self.group)
        if self.users:
            self._require_users(replies[1].stdout, host.planned_accounts("user"))
        planned = host.planned_accounts("group").get(self.group)
        if planned is not None:
            return self._plan_behind(planned)
        if self.remove:
            return self._plan_removal(now)
        return self._plan_new() if now is None else self._plan_changes(host, now)

    def _plan_behind(self, planned: AccountEffect) -> Plan:
        """Plan mode: return the plan behind an earlier task that would make, remove or change the group."""
        if planned.present is False:
            return Plan(PlanKind.NONE) if self.remove else self._plan_new()
        if planned.present and not self.remove and self.gid is None and self.users is None:
            return Plan(PlanKind.NONE)
        raise UnknownValueError(f"an earlier task would change the group {self.group} first")

    def _require_users(self, text: str, planned: Mapping[str, AccountEffect]) -> None:
        known = dict.fromkeys(parse_users(text), True) | {name: bool(one.present) for name, one in planned.items()}
        missing = [name for name in self.users or () if not known.get(name)]
        if missing:
            raise TaskError(f"there is no user {', '.join(missing)}", hint="make the user first, with !user")

    def _plan_removal(self, now: GroupEntry | None) -> Plan:
        if now is None:
            return Plan(PlanKind.NONE)
        return Plan(
            PlanKind.REMOVE,
            (Change("gid", now.gid, None),),
            effects=(AccountEffect("group", self.group, present=False), *_changed_users(now.members)),
            data=[["groupdel", self.group]],
        )

    def _plan_new(self) -> Plan:
        gid = [] if self.gid is None else ["-g", str(self.gid)]
        commands = [["groupadd", *gid, *(["-r"] if self.system else []), self.group]]
        members = sorted(set(self.users or ()))
        if members:
            commands.append(["gpasswd", "-M", ",".join(members), self.group])
        given = (("gid", self.gid), ("users", members or None), ("system", self.system or None))
        changes = (
            Change("group", None, self.group),
            *(Change(key, None, value) for key, value in given if value is not None),
        )
        effects = (AccountEffect("group", self.group), *_changed_users(members))
        return Plan(PlanKind.CREATE, changes, effects=effects, data=commands)

    def _plan_changes(self, host: Host, now: GroupEntry) -> Plan:
        changes = []
        commands = []
        concerned: set[str] = set()
        if self.gid not in {None, now.gid}:
            changes.append(Change("gid", now.gid, self.gid))
            commands.append(["groupmod", "-g", str(self.gid), self.group])
            host.warn(f"group {self.group}: files that belong to it by the gid {now.gid} keep that number")
        if self.users is not None:
            members = {*self.users, *(now.members if self.append else ())}
            concerned = members ^ set(now.members)
            if members != set(now.members):
                changes.append(Change("users", sorted(now.members), sorted(members)))
                commands.append(["gpasswd", "-M", ",".join(sorted(members)), self.group])
        if not changes:
            return Plan(PlanKind.NONE, outcome=Outcome({"gid": now.gid}))
        effects = (AccountEffect("group", self.group), *_changed_users(concerned))
        return Plan(PlanKind.MODIFY, tuple(changes), effects=effects, data=commands)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make, change or remove the group. Raises TaskError with the tool's own words."""
        stale = {PlanKind.CREATE: {_TAKEN}, PlanKind.REMOVE: {_NOT_THERE}}.get(plan.kind, set())
        tools = Tools(f"group {self.group}", frozenset(stale), _HINTS)
        await use_tools(host, cast("list[list[str]]", plan.data), tools)
        return Outcome()


def _changed_users(names: Iterable[str]) -> tuple[AccountEffect, ...]:
    """Return the effects on users whose groups become others."""
    return tuple(AccountEffect("user", name) for name in sorted(names))
