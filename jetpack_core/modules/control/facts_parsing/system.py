# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about the operating system and what runs on it."""

from __future__ import annotations

import re
from typing import Final

from jetpack_core.modules.control.facts_parsing.sections import Facts, Sections, line_of, lines_of, number

_RELEASE_LINE: Final = re.compile(r"\s*([A-Z][A-Z0-9_]*)=(.*)")
_ESCAPED: Final = re.compile(r"\\(.)")


def os_release(text: str) -> dict[str, str]:
    """Return the assignments of an os-release file (os-release(5)) by their names."""
    found = {}
    for line in text.split("\n"):
        match = _RELEASE_LINE.fullmatch(line.rstrip())
        if match:
            found[match[1]] = _unquoted(match[2].strip())
    return found


_QUOTES: Final = 2


def _unquoted(value: str) -> str:
    if len(value) >= _QUOTES and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= _QUOTES and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value


_TYPES: Final = {"Darwin": "MacOS"}

_FLAVORS: Final = {
    "debian": "Debian",
    "ubuntu": "Debian",
    "rhel": "EL",
    "centos": "EL",
    "fedora": "EL",
    "rocky": "EL",
    "almalinux": "EL",
    "ol": "EL",
    "amzn": "EL",
    "suse": "SUSE",
    "opensuse": "SUSE",
    "sles": "SUSE",
    "arch": "Arch",
    "alpine": "Alpine",
    "gentoo": "Gentoo",
    "nixos": "NixOS",
    "slackware": "Slackware",
    "void": "Void",
}


def flavor(os_type: str | None, release: dict[str, str]) -> str:
    """Return the family of distributions, from ID and then ID_LIKE; `Unknown` where they say nothing known."""
    if os_type in {"MacOS", "FreeBSD", "OpenBSD", "NetBSD"}:
        return "OSX" if os_type == "MacOS" else os_type
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        known = _FLAVORS.get(name.lower()) or _FLAVORS.get(name.lower().split("-")[0])
        if known:
            return known
    return "Unknown"


def system_facts(sections: Sections) -> Facts:
    """Return what is known of the operating system, its names and its user."""
    kernel, node, release_text, version, arch = _uname(sections)
    release = os_release(sections.get("os-release", ""))
    macos = _macos(sections)
    os_type = _TYPES.get(kernel, kernel) if kernel else None
    family = flavor(os_type, release)
    python = lines_of(sections, "python")
    return {
        "jet_os_type": os_type,
        "jet_os_flavor": family,
        "jet_os_name": release.get("PRETTY_NAME") or macos.get("ProductName"),
        "jet_os_version": release.get("VERSION_ID") or macos.get("ProductVersion"),
        **{f"jet_os_release_{name.lower()}": value for name, value in release.items()},
        "jet_arch": arch,
        "jet_kernel": release_text,
        "jet_kernel_version": version,
        "jet_hostname": node.split(".", 1)[0] if node else None,
        "jet_fqdn": line_of(sections, "fqdn") or node,
        "jet_python": python[0] if python else None,
        "jet_python_version": python[1].removeprefix("Python ") if len(python) > 1 else None,
        "jet_init": _init(sections, os_type),
        **_packages(sections, family),
        **_people(sections),
        "jet_selinux": _SELINUX.get(line_of(sections, "selinux") or ""),
        "jet_reboot_required": _reboot_required(sections, family),
    }


_UNAME: Final = 5


def _uname(sections: Sections) -> list[str | None]:
    lines: list[str | None] = [line.strip() or None for line in sections.get("uname", "").split("\n")]
    return (lines + [None] * _UNAME)[:_UNAME]


def _macos(sections: Sections) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines_of(sections, "macos"))
    return {name.strip(): value.strip() for name, _, value in pairs}


_INITS: Final = {"systemd": "systemd", "runit": "runit", "s6-svscan": "s6", "launchd": "launchd"}


def _init(sections: Sections, os_type: str | None) -> str | None:
    """Return the init system; in a container that is often just the program it was made for."""
    lines = [line.strip() for line in lines_of(sections, "init")]
    for sure in ("systemd", "openrc"):
        if sure in lines[1:]:
            return sure
    if not lines:
        return "launchd" if os_type == "MacOS" else None
    return _INITS.get(lines[0], lines[0])


_MANAGERS: Final = {
    "apt-get": "apt",
    "dnf": "dnf",
    "dnf5": "dnf",
    "microdnf": "dnf",
    "yum": "yum",
    "zypper": "zypper",
    "pacman": "pacman",
    "apk": "apk",
    "brew": "homebrew",
}
_PREFERRED: Final = {
    "Debian": ("apt",),
    "EL": ("dnf", "yum"),
    "SUSE": ("zypper",),
    "Arch": ("pacman",),
    "Alpine": ("apk",),
    "OSX": ("homebrew",),
}


def _packages(sections: Sections, family: str) -> Facts:
    there = [_MANAGERS[name] for name in lines_of(sections, "package-managers") if name in _MANAGERS]
    fitting = [name for name in _PREFERRED.get(family, ()) if name in there]
    return {"jet_package_manager": next(iter(fitting + there), None)}


_PASSWD_FIELDS: Final = 7


def _people(sections: Sections) -> Facts:
    name, uid, home = ([*lines_of(sections, "user"), "", "", ""])[:3]
    users = {}
    for line in lines_of(sections, "users"):
        fields = line.split(":")
        if len(fields) == _PASSWD_FIELDS and not line.startswith(("#", "+", "-")):
            users[fields[0]] = {
                "uid": number(fields[2]),
                "gid": number(fields[3]),
                "home": fields[5],
                "shell": fields[6],
            }
    return {
        "jet_user_name": name or None,
        "jet_user_uid": number(uid),
        "jet_user_home": home or None,
        "jet_users": users,
    }


_SELINUX: Final = {"0": "permissive", "1": "enforcing", "none": "disabled"}


def _reboot_required(sections: Sections, family: str) -> bool | None:
    """Tell whether packages asked for a restart; the families of Debian and SUSE keep a note of it."""
    if "reboot-required" not in sections:
        return None
    if line_of(sections, "reboot-required") == "yes":
        return True
    return False if family in {"Debian", "SUSE"} else None
