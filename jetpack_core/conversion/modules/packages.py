# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.writing import Flow

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments


def _names(given: Arguments, *names: str) -> object:
    found = given.listed(*names)
    if isinstance(found, list):
        return Flow(found) if len(found) > 1 and sum(len(str(one)) for one in found) < 80 else found  # noqa: PLR2004
    return found


def _with_state(given: Arguments, made: Made) -> Made:
    state = given.text("state") or "present"
    if state in {"absent", "removed", "uninstalled"}:
        return made.put("remove", True)
    if state == "latest":
        return made.put("update", True)
    if state not in {"present", "installed"}:
        raise Refused(f"the state {state} has no counterpart", "see docs/reference/modules.md")
    return made


def simple(given: Arguments) -> list[Made]:
    """Convert a module that knows names and a state."""
    made = Made(given.module).put("package", _names(given, "name", "pkg"))
    if not made.parameters:
        raise Refused("no package is named", "see docs/reference/modules.md")
    if given.module == "homebrew":
        given.drop("update_homebrew")
    return _finish(given, _with_state(given, made).put("refresh", given.truth("update_cache")))


def _finish(given: Arguments, made: Made) -> list[Made]:
    given.done()
    if given.register:
        made.put("save", given.register)
    return [made]


def apt(given: Arguments) -> list[Made]:
    """Convert apt."""
    refresh = given.truth("update_cache", "update-cache")
    valid = given.text("cache_valid_time")
    upgrade = given.text("upgrade")
    made = Made("apt").put("package", _names(given, "name", "package", "pkg", "deb"))
    given.drop("force_apt_get", "update_cache_retries", "update_cache_retry_max_delay", "dpkg_options")
    if upgrade and upgrade not in {"no", "safe", "yes", "dist", "full"}:
        raise Refused(f"upgrade: {upgrade} has no counterpart", "see !apt in docs/reference/modules.md")
    if upgrade and upgrade != "no":
        made.put("upgrade", "all")
        if upgrade in {"dist", "full"}:
            given.look("an upgrade removes no packages in Jetpack", "remove what is in the way by name")
    if not made.parameters:
        return _alone(given, refresh)
    # The index is looked at only where something is to be installed, so this costs nothing otherwise.
    made.put("refresh", refresh or valid is not None)
    made.put("cache_valid", f"{valid}s" if valid and valid.isdecimal() else valid)
    if "package" in made.parameters:
        _with_state(given, made)
    else:
        given.drop("state")
    made.put("purge", given.truth("purge")).put("autoremove", given.truth("autoremove"))
    made.put("downgrade", given.truth("allow_downgrade")).put("lock_timeout", given.text("lock_timeout"))
    recommends = given.truth("install_recommends", "install-recommends")
    if recommends is not None:
        made.parameters["recommends"] = recommends
    return _finish(given, made)


def _alone(given: Arguments, refresh: bool | None) -> list[Made]:
    """Convert apt without a package."""
    if given.truth("autoremove"):
        raise Refused("autoremove without a package", "use !command with apt-get autoremove --yes")
    given.drop("autoclean", "state")
    if not refresh:
        raise Refused("no package is named", "see !apt in docs/reference/modules.md")
    given.look("the index is refreshed in each run", "better say `refresh: true` where something is installed")
    given.done()
    return [Made("command", {"cmd": Flow(["apt-get", "update"]), "changed_when": "false"})]


def dnf(given: Arguments) -> list[Made]:
    """Convert dnf and yum."""
    names = _names(given, "name", "pkg")
    security = given.truth("security")
    given.drop("use_backend", "lock_timeout", "install_weak_deps")
    if names == "*":
        if given.text("state") != "latest":
            raise Refused("all packages, and not to their latest version", "use `upgrade: all`")
        made = Made(given.module, {"upgrade": "security" if security else "all"})
    else:
        if any(str(one).startswith("@") for one in (names.items if isinstance(names, Flow) else [names])):
            raise Refused("a group of packages", "use !command with dnf group install")
        made = _with_state(given, Made(given.module).put("package", names))
    if not made.parameters:
        raise Refused("no package is named", "see !dnf in docs/reference/modules.md")
    made.put("refresh", given.truth("update_cache", "expire-cache"))
    made.put("allow_unsigned", given.truth("disable_gpg_check")).put("autoremove", given.truth("autoremove"))
    return _finish(given, made.put("downgrade", given.truth("allow_downgrade")))


def pip(given: Arguments) -> list[Made]:
    """Convert pip; a virtual environment becomes a task of its own."""
    if "requirements" in given.values:
        raise Refused("a file of requirements", "use !command with pip install -r, or name the packages")
    made = Made("pip").put("package", _names(given, "name")).put("version", given.text("version"))
    _with_state(given, made)
    where = given.text("virtualenv")
    command = given.words("virtualenv_command")
    python = given.text("virtualenv_python") or "python3"
    site = given.truth("virtualenv_site_packages")
    made.put("options", given.words("extra_args"))
    if not where:
        if "executable" in given.values:
            raise Refused("a pip of another name", "say `python:` with the Python it belongs to")
        given.look("without a virtual environment, /usr/bin/python3 is taken", "say `python:` if it is another one")
        return _finish(given, made.put("python", "/usr/bin/python3"))
    words = [*(command or [python, "-m", "venv"]), *(["--system-site-packages"] if site else []), where]
    venv = Made("command", {"cmd": Flow(words)}, {"skip_if_exists": f"{where}/bin/python"})
    return [venv, *_finish(given, made.put("virtualenv", where))]
