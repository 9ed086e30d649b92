# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `user`."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from jetpack_core.contracts.fields import HostPath, Secret
from jetpack_core.contracts.module import Module
from jetpack_core.modules.access.accounts import (
    AccountField,
    AccountName,
    AccountNumber,
    Tools,
    account_field,
    refused_if_others_were_faster,
    use_tools,
)
from jetpack_core.modules.access.user_plan import (
    UserWork,
    plan_behind,
    plan_existing,
    plan_new,
    plan_removal,
    with_planned_groups,
)
from jetpack_core.modules.access.user_state import read_user
from jetpack_core.modules.commands.chain import last_words
from jetpack_core.records import Outcome, Plan, PlanKind

if TYPE_CHECKING:
    from jetpack_core.contracts.host import Host

# useradd(8), usermod(8), userdel(8).
_NOT_THERE: Final = 6
_TAKEN: Final = 9
_NO_HOME_REMOVED: Final = 12
_HINTS: Final = {
    1: "act as a user who may, such as `with: {sudo: root}`",
    4: "give another uid, or none",
    8: "end the processes of this user first, such as by !sd_service or `pkill -u`",
    10: "act as a user who may, such as `with: {sudo: root}`",
}

_HASH: Final = re.compile(r"\$[A-Za-z0-9-]+\$[^:\s]+|\*")


def _hash(value: Secret) -> Secret:
    if not _HASH.fullmatch(value.get_secret_value()):
        message = (
            "this is not the hash of a password (crypt(5)), and a password itself is never sent;"
            " make a hash with `mkpasswd` or `openssl passwd -6`, or write '*' for none"
        )
        raise ValueError(message)
    return value


def _date(value: object) -> object:
    if value == "never":
        return value
    try:
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
    except ValueError:
        message = f"{value!r} is neither a date such as 2030-12-31 nor 'never'"
        raise ValueError(message) from None


PasswordHash = Annotated[Secret, AfterValidator(_hash)]
"""The hash of a password, as crypt(5) has it."""

Expiry = Annotated[dt.date | Literal["never"], BeforeValidator(_date), WithJsonSchema({"type": "string"})]
"""A date, or `never`."""

# The user does it, in the user's own home: whoever owns a home could lead root astray there.
_MAKE_KEY: Final = (
    'umask 077; mkdir -p "$HOME/.ssh" && ssh-keygen -q -t ed25519 -N "" -f "$HOME/.ssh/id_ed25519" </dev/null'
    ' >&2 && echo present && cat "$HOME/.ssh/id_ed25519.pub"'
)


AccountPath = Annotated[HostPath, AfterValidator(account_field)]
"""A path that fits into one field of /etc/passwd."""


class User(Module):
    """See that a user exists and is as wanted, or does not exist.

    Only what is given is compared; `create_home`, `create_user_group` and `system` matter only for a new user. It needs
    the tools of shadow (`useradd` and the rest).

    Example::

        - !user
          user: alice
          gecos: Alice Doe
          groups: [sudo, docker]
          append: true
          shell: /bin/bash
          generate_ssh_key: true
        - !user
          user: app
          system: true
          home: /srv/app
          shell: /usr/sbin/nologin
        - !user
          user: bob
          password: "{{ bob_password_hash }}"
          expires: 2030-12-31
        - !user
          user: mallory
          remove: true
          cleanup: true
    """

    repeatable: ClassVar[bool] = False

    user: AccountName
    """The user's name."""
    uid: AccountNumber | None = None
    """The number. That of an existing user is changed, with a warning: files outside of the home keep the old one."""
    gid: AccountNumber | None = None
    """The number of the user's own group, which must exist."""
    group: AccountName | None = None
    """The user's own group, instead of `gid`; it must exist."""
    groups: list[AccountName] | None = None
    """The other groups the user is in. They are to be exactly these, unless `append`."""
    append: bool = False
    """Leave the user in other groups."""
    create_home: bool = True
    """Make the home of a new user."""
    create_user_group: bool = True
    """Make a group of the same name for a new user, unless `gid` or `group` is given."""
    gecos: AccountField | None = None
    """The user's full name, or what the account is for."""
    shell: AccountPath | None = None
    """The program that a login starts."""
    home: AccountPath | None = None
    """The home. That of an existing user is changed without moving what is in it."""
    system: bool = False
    """Take the number of a new user from those for system users."""
    password: PasswordHash | None = None
    """The hash of the password. It is handed over by standard input and never shown."""
    password_on_create: bool = False
    """Set the password of a new user only, so that a user may change it."""
    password_lock: bool | None = None
    """Whether logging in by password is locked; keys are not touched by that. Left as it is if not given."""
    expires: Expiry | None = None
    """The day from which on the user cannot log in, or `never`."""
    generate_ssh_key: bool = False
    """Make the key pair ~/.ssh/id_ed25519 without a passphrase, unless it is there."""
    remove: bool = False
    """Remove the user."""
    cleanup: bool = False
    """With `remove`, remove the home and the mail as well."""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        message = ""
        if self.gid is not None and self.group is not None:
            message = "give either 'gid' or 'group'"
        elif self.cleanup and not self.remove:
            message = "'cleanup' needs 'remove'"
        elif self.append and self.groups is None:
            message = "'append' needs 'groups'"
        elif self.remove and self.model_fields_set - {"user", "remove", "cleanup"}:
            message = "beside 'remove' stands only 'cleanup'"
        if message:
            raise ValueError(message)
        return self

    def applies_at_once(self, plan: Plan) -> bool:
        """Tell that accounts are made and removed by one command each, which refuses what is done already."""
        return refused_if_others_were_faster(plan)

    async def plan(self, host: Host) -> Plan:
        """Compare the user with what it is to be."""
        state = await read_user(host, self.user, self.home, with_key=self.generate_ssh_key)
        planned = host.planned_accounts("user").get(self.user)
        if planned is not None:
            return plan_behind(self, planned)
        state = with_planned_groups(self, state, host.planned_accounts("group"))
        if self.remove:
            return plan_removal(self, state)
        return plan_new(self, state) if state.entry is None else plan_existing(self, host, state, state.entry)

    async def apply(self, host: Host, plan: Plan) -> Outcome:
        """Make, change or remove the user, in one round trip. Raises TaskError with the tool's own words."""
        work = cast("UserWork", plan.data)
        stale = {PlanKind.CREATE: {_TAKEN}, PlanKind.REMOVE: {_NOT_THERE}}.get(plan.kind, set())
        tolerated = {_NO_HOME_REMOVED} if self.cleanup else set()
        tools = Tools(f"user {self.user}", frozenset(stale), _HINTS, frozenset(tolerated))
        commands = [*work.commands, *([("su", "-s", "/bin/sh", "-c", _MAKE_KEY, self.user)] if work.make_key else [])]
        stdin = self._password_line(locked=work.locked) if work.set_password else b""
        ended = await use_tools(host, commands, tools, stdin)
        if not ended.ok:
            return Outcome(warnings=(f"the user is gone, but not all that belonged to it: {last_words(ended)}",))
        return Outcome({"ssh_public_key": ended.stdout.partition("present\n")[2].strip()} if work.make_key else {})

    def _password_line(self, *, locked: bool) -> bytes:
        """Return what chpasswd reads."""
        text = self.password.get_secret_value() if self.password is not None else ""
        return f"{self.user}:{'!' if locked else ''}{text}\n".encode()
