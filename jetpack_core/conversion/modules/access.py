# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def _explicit(made: Made, name: str, value: bool | None) -> Made:
    if value is not None:
        made.parameters[name] = value
    return made


def _remove(given: Arguments, made: Made) -> bool:
    state = given.text("state") or "present"
    if state not in {"present", "absent"}:
        raise Refused(f"the state {state} has no counterpart", "see docs/reference/modules.md")
    made.put("remove", state == "absent")
    return state == "absent"


def user(given: Arguments) -> list[Made]:
    """Convert user."""
    made = Made("user").put("user", given.text("name", "user"))
    cleanup = given.truth("remove")
    if _remove(given, made):
        made.put("cleanup", cleanup)
        given.values.clear()
        return [made]
    made.put("uid", given.number("uid")).put("group", given.text("group"))
    groups = given.listed("groups")
    if groups is not None:
        made.parameters["groups"] = (
            [groups] if isinstance(groups, str) and groups and "{{" not in groups else groups or []
        )
    made.put("append", given.truth("append")).put("gecos", given.text("comment"))
    made.put("shell", given.text("shell")).put("home", given.text("home")).put("system", given.truth("system"))
    _explicit(made, "create_home", given.truth("create_home", "createhome"))
    made.put("password", given.text("password"))
    if given.text("update_password") == "on_create":
        made.put("password_on_create", True)
    _explicit(made, "password_lock", given.truth("password_lock"))
    if given.truth("generate_ssh_key"):
        made.put("generate_ssh_key", True)
        given.drop("ssh_key_bits", "ssh_key_type", "ssh_key_comment")
        given.look("the key is of the type ed25519, in ~/.ssh/id_ed25519")
    given.drop("force", "non_unique")
    given.done()
    return [made]


def group(given: Arguments) -> list[Made]:
    """Convert group."""
    made = Made("group").put("group", given.text("name"))
    if _remove(given, made):
        given.values.clear()
        return [made]
    made.put("gid", given.number("gid")).put("system", given.truth("system"))
    given.drop("local", "force")
    given.done()
    return [made]


def authorized_key(given: Arguments) -> list[Made]:
    """Convert authorized_key."""
    made = Made("authorized_key").put("user", given.text("user", "username")).put("key", given.take("key"))
    key = str(made.parameters.get("key", ""))
    if key.startswith(("http://", "https://")):
        raise Refused("a key at an address", "write the key itself, so that nobody else chooses who logs in")
    made.put("options", given.text("key_options")).put("exclusive", given.truth("exclusive"))
    made.put("path", given.text("path"))
    _remove(given, made)
    given.drop("manage_dir", "comment", "follow", "validate_certs")
    given.done()
    return [made]
