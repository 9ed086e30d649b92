# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user is and what it is to be: the changes, and the commands that make them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from jetpack_core.errors import TaskError, UnknownValueError
from jetpack_core.modules.access.accounts import planned_groups
from jetpack_core.modules.access.user_state import ShadowEntry, UserState
from jetpack_core.records import AccountEffect, Change, Effect, FileKind, FileStat, Outcome, PathEffect, Plan, PlanKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jetpack_core.contracts.host import Host
    from jetpack_core.modules.access.accounts import UserEntry
    from jetpack_core.modules.access.user import User

_CHPASSWD: Final = ("chpasswd", "-e")
_HIDDEN: Final = "(hidden)"

# $1: the uid, $2: the user, then options. userdel(8) passes over processes whose root it may not see: in a container
# that lacks SYS_PTRACE, all of them. The others are left to it: the same number may be another user's in a chroot.
_REMOVE: Final = r"""
for file in $(grep -lE "^Uid:.*[[:space:]]$1([[:space:]]|\$)" /proc/[0-9]*/status 2>/dev/null); do
  process=${file%/status}
  readlink "$process/root" >/dev/null 2>&1 && continue
  grep -q '^State:[[:space:]]*[^ZX[:space:]]' "$file" 2>/dev/null || continue
  echo "userdel: user $2 is currently used by process ${process#/proc/}" >&2
  exit 8
done
user=$2
shift 2
exec userdel "$@" "$user"
"""


@dataclass(frozen=True, slots=True)
class UserWork:
    """What `apply` is to do; the hash itself stays in the module's parameters."""

    commands: tuple[tuple[str, ...], ...]
    set_password: bool = False
    locked: bool = False
    """Whether the password that is set is locked."""
    make_key: bool = False


_NOT_COMPARED: Final = frozenset({"user", "create_home", "create_user_group", "system", "append", "password_on_create"})


def plan_behind(module: User, planned: AccountEffect) -> Plan:
    """Plan mode: return the plan behind an earlier task that would make, remove or change the user.

    Raises UnknownValueError where only that task can tell.
    """
    compared = module.model_fields_set - _NOT_COMPARED
    if module.password_on_create:
        compared -= {"password"}
    if planned.present is not None and not compared - {"remove", "cleanup"} and planned.present is not module.remove:
        return Plan(PlanKind.NONE)
    raise UnknownValueError(f"an earlier task would change the user {module.user} first")


def with_planned_groups(module: User, state: UserState, planned: Mapping[str, AccountEffect]) -> UserState:
    """Plan mode: return the state with the groups as earlier tasks would leave them. Raises UnknownValueError."""
    if not planned:
        return state
    if module.gid is not None and state.group_named(module.gid) in {*planned, str(module.gid)}:
        raise UnknownValueError(f"only an earlier task can tell which group has the gid {module.gid}")
    needed = {module.user, *(module.groups or ()), *([module.group] if module.group is not None else ())}
    return replace(state, groups=planned_groups(state.groups, planned, needed))


def plan_removal(module: User, state: UserState) -> Plan:
    """Return the plan to remove the user, if it is there."""
    if state.entry is None:
        return Plan(PlanKind.NONE)
    effects: list[Effect] = [AccountEffect("user", module.user, present=False)]
    effects += _changed_groups(state.memberships(module.user))
    if module.user in state.groups:
        # userdel(8) decides by the system's settings, and by who else is in it.
        effects.append(AccountEffect("group", module.user, present=None))
    changes = [Change("uid", state.entry.uid, None)]
    if module.cleanup:
        changes.append(Change("home", state.entry.home, None))
        effects.append(PathEffect(FileStat(state.entry.home), tree=True))
    command = ("sh", "-c", _REMOVE, "userdel", str(state.entry.uid), module.user, *(("-r",) if module.cleanup else ()))
    return Plan(PlanKind.REMOVE, tuple(changes), effects=tuple(effects), data=UserWork((command,)))


def plan_new(module: User, state: UserState) -> Plan:
    """Return the plan to make the user. Raises TaskError where a group is missing."""
    own = _own_group(module, state)
    own_is_new = own is None and module.create_user_group and module.user not in state.groups
    if own is None and module.create_user_group and not own_is_new:
        own = module.user
    groups = sorted(set(module.groups or ()))
    _require_groups(state, groups)
    options = ["-m" if module.create_home else "-M"]
    options += ["-g", own] if own is not None else ["-U" if own_is_new else "-N"]
    options += [*(["-G", ",".join(groups)] if groups else []), *(["-r"] if module.system else []), *_fields(module)]
    if module.password_lock is False and module.password is None:
        raise TaskError(f"{module.user} is new and has no password to be unlocked", hint="give `password`")
    _require_keygen(module, state)
    locked = module.password_lock is True
    commands = [("useradd", *options, module.user), *([_CHPASSWD] if module.password is not None else [])]
    return Plan(
        PlanKind.CREATE,
        _new_changes(module, own, groups),
        effects=tuple(_new_effects(module, state, own_is_new=own_is_new, own=own)),
        data=UserWork(tuple(commands), module.password is not None, locked, module.generate_ssh_key),
    )


def _fields(module: User) -> list[str]:
    """Return the options that useradd and usermod share, for all that is given."""
    given = (("-u", module.uid), ("-c", module.gecos), ("-s", module.shell), ("-d", module.home))
    options = [word for flag, value in given if value is not None for word in (flag, str(value))]
    return [*options, *(["-e", _expiry(module)] if module.expires is not None else [])]


def _expiry(module: User) -> str:
    return "" if module.expires == "never" else str(module.expires)


def _own_group(module: User, state: UserState) -> str | None:
    """Return the name or number of the group that is to be the user's own, where one is asked for."""
    if module.group is not None:
        _require_groups(state, [module.group])
        return module.group
    if module.gid is None:
        return None
    if not any(group.gid == module.gid for group in state.groups.values()):
        raise TaskError(f"there is no group with the gid {module.gid}", hint="make it first, with !group")
    return str(module.gid)


def _require_groups(state: UserState, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in state.groups]
    if missing:
        raise TaskError(f"there is no group {', '.join(missing)}", hint="make it first, with !group")


def _require_keygen(module: User, state: UserState) -> None:
    if module.generate_ssh_key and not state.can_make_keys:
        hint = (
            "install openssh-client on Debian, openssh-clients on Fedora and SUSE, openssh on Arch, or openssh-keygen"
        )
        raise TaskError(f"the host has no ssh-keygen to make a key for {module.user}", hint=hint)


def _new_changes(module: User, own: str | None, groups: list[str]) -> tuple[Change, ...]:
    given: list[tuple[str, object]] = [
        ("user", module.user),
        ("uid", module.uid),
        ("group", own),
        ("groups", groups or None),
        ("gecos", module.gecos),
        ("shell", module.shell),
        ("home", module.home),
        ("password", None if module.password is None else _HIDDEN),
        ("password_lock", module.password_lock),
        ("expires", None if module.expires is None else str(module.expires)),
        ("ssh_key", ".ssh/id_ed25519" if module.generate_ssh_key else None),
    ]
    return tuple(Change(name, None, value) for name, value in given if value is not None)


def _new_effects(module: User, state: UserState, *, own_is_new: bool, own: str | None) -> list[Effect]:
    effects: list[Effect] = [AccountEffect("user", module.user, home=state.home.path)]
    effects += _changed_groups(module.groups or ())
    group = module.user if own_is_new else ""
    if own_is_new:
        effects.append(AccountEffect("group", module.user))
    elif own is not None:
        group = state.group_named(int(own)) if own.isdecimal() else own
    if module.create_home and not state.home.exists:
        made = FileStat(state.home.path, FileKind.DIRECTORY, state.home_mode, owner=module.user, group=group)
        effects.append(PathEffect(made, tree=True))
        if not state.skeleton_has_keys and not module.generate_ssh_key:
            effects.append(PathEffect(FileStat(f"{state.home.path}/.ssh")))
    return effects


def _changed_groups(names: Iterable[str]) -> list[Effect]:
    """Return the effects on groups whose members become others."""
    return [AccountEffect("group", name) for name in sorted(set(names))]


def plan_existing(module: User, host: Host, state: UserState, entry: UserEntry) -> Plan:
    """Return the plan to bring a user that is there to what is wanted."""
    options, changes = _passwd_changes(module, state, entry)
    _add_groups(module, state, options, changes)
    sets_password, locked = _add_shadow(module, state, options, changes)
    make_key = module.generate_ssh_key and state.key is None
    if make_key:
        _require_keygen(module, state)
        changes.append(Change("ssh_key", None, f"{entry.home}/.ssh/id_ed25519"))
    if not changes:
        return Plan(PlanKind.NONE, outcome=Outcome(_result(entry, state)))
    if module.uid not in {None, entry.uid}:
        host.warn(f"user {module.user}: files outside of {entry.home} keep the uid {entry.uid}")
    commands = [("usermod", *options, module.user)] if options else []
    work = UserWork((*commands, *([_CHPASSWD] if sets_password else [])), sets_password, locked, make_key)
    effects: list[Effect] = [AccountEffect("user", module.user, home=module.home or entry.home)]
    if any(change.field == "groups" for change in changes):
        effects += _changed_groups(state.memberships(module.user) ^ set(module.groups or ()))
    effects += _key_effects(module, entry) if make_key else ()
    return Plan(PlanKind.MODIFY, tuple(changes), effects=tuple(effects), data=work)


def _key_effects(module: User, entry: UserEntry) -> tuple[Effect, ...]:
    path = f"{entry.home}/.ssh/id_ed25519"
    names = (path, f"{path}.pub")
    return tuple(PathEffect(FileStat(name, FileKind.FILE, 0o600, owner=module.user)) for name in names)


def _result(entry: UserEntry, state: UserState) -> dict[str, object]:
    known = {"uid": entry.uid, "gid": entry.gid, "home": entry.home, "shell": entry.shell}
    return {**known, **({"ssh_public_key": state.key} if state.key else {})}


def _passwd_changes(module: User, state: UserState, entry: UserEntry) -> tuple[list[str], list[Change]]:
    options: list[str] = []
    changes: list[Change] = []
    own = _own_group(module, state)
    own_gid = None if own is None else int(own) if own.isdecimal() else state.groups[own].gid
    wanted = (
        ("uid", "-u", entry.uid, module.uid),
        ("gecos", "-c", entry.gecos, module.gecos),
        ("shell", "-s", entry.shell, module.shell),
        ("home", "-d", entry.home, module.home),
    )
    for name, flag, before, after in wanted:
        if after is not None and before != after:
            options += [flag, str(after)]
            changes.append(Change(name, before, after))
    if own_gid is not None and own_gid != entry.gid:
        options += ["-g", str(own_gid)]
        changes.append(Change("group", state.group_named(entry.gid), state.group_named(own_gid)))
    return options, changes


def _add_groups(module: User, state: UserState, options: list[str], changes: list[Change]) -> None:
    if module.groups is None:
        return
    _require_groups(state, module.groups)
    now = state.memberships(module.user)
    wanted = frozenset(module.groups) | (now if module.append else frozenset())
    entry = state.entry
    # The own group is none of the others, even where it is listed among them.
    own = frozenset({state.group_named(entry.gid)} if entry is not None else ())
    if wanted - own != now - own:
        options += ["-G", ",".join(sorted(wanted))]
        changes.append(Change("groups", sorted(now), sorted(wanted)))


def _add_shadow(module: User, state: UserState, options: list[str], changes: list[Change]) -> tuple[bool, bool]:
    """Add what concerns the password and expiry; returns whether the password is set, and its lock."""
    password = None if module.password_on_create else module.password
    if password is None and module.password_lock is None and module.expires is None:
        return False, False
    shadow = state.shadow
    if shadow is None:
        raise TaskError(
            f"the password and expiry of {module.user} cannot be read", hint="act as root, by `with: {sudo: root}`"
        )
    _add_expiry(module, shadow, options, changes)
    locked = _locked_afterwards(module, shadow)
    relocks = module.password_lock is not None and locked != shadow.locked
    if relocks:
        changes.append(Change("password_lock", shadow.locked, locked))
    if password is None:
        options += [] if not relocks else ["-L"] if locked else ["-U"]
        return False, locked
    if password.get_secret_value() != shadow.hash:
        changes.append(Change("password", _HIDDEN, _HIDDEN))
        return True, locked
    return relocks, locked


def _locked_afterwards(module: User, shadow: ShadowEntry) -> bool:
    """Return whether the password is to be locked; a lock that was set on purpose outlasts a new password."""
    if module.password_lock is not None:
        return module.password_lock
    return shadow.locked and bool(shadow.hash)


def _add_expiry(module: User, shadow: ShadowEntry, options: list[str], changes: list[Change]) -> None:
    if module.expires is None:
        return
    wanted = None if module.expires == "never" else module.expires
    if wanted != shadow.expires:
        options += ["-e", _expiry(module)]
        changes.append(Change("expires", str(shadow.expires or "never"), str(module.expires)))
