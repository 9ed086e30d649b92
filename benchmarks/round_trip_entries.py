# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of `round_trips`: for each built-in module, one task that changes something and is then met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HERE: Final = "here"
"""This machine, in a directory of its own, by whoever runs it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A host of the test fleet."""

    image: str
    scripts: tuple[str, ...] = ()
    """Programs of tests/integration/packages that make repositories on it."""
    prepare: str = ""
    """A shell script that runs afterwards."""


_RPM: Final = "[jet]\nname=jet\nbaseurl=file:///srv/rpm\ngpgcheck=0\nenabled=1\n"
_RPMS: Final = f"""
mkdir -p /etc/yum.repos.d /etc/zypp/repos.d
printf '{_RPM}' | tee /etc/yum.repos.d/jet.repo >/etc/zypp/repos.d/jet.repo
dnf -q makecache; zypper -n -q refresh; rpm -i /srv/rpm-local/jet-base-1.0-1.noarch.rpm
"""
MACHINES: Final[Mapping[str, Machine]] = {
    "debian": Machine("debian"),
    "busybox": Machine("busybox", prepare="mkdir -p /var/spool/cron/crontabs"),
    "apt": Machine("packages", ("debs.sh",), "apt-get update -qq"),
    "rpm": Machine("packages", ("rpms.sh",), _RPMS),
    "pacman": Machine("packages", ("pacman.sh", "wheels.py")),
    "systemd": Machine("systemd", prepare="systemctl is-system-running --wait; umount /etc/hostname"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One task. In its texts, DIR is a directory of its own, ME the user who runs it, CONTROL a folder here."""

    module: str
    parameters: Mapping[str, object] = field(default_factory=dict)
    prepare: str = ""
    """A shell script that brings the host into the situation before the task."""
    where: str = HERE
    """This machine, or one of MACHINES."""
    case: str = ""
    """What the row is about, where a module has several."""
    items: int = 0
    """For how many items the task is done, `{{ item }}` in its texts being their number; 0 for a task without."""


_SMALL: Final = "hello\n"
_UNIT: Final = "[Unit]\nDescription=A test\n[Service]\nExecStart=/usr/bin/sleep infinity\n"
_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKFNxnk4PlPBIQ4Q5xWJN4aOONwsgIcqgDWXGF4+vkSU alice@example.org"
_GIT: Final = """
git init -q -b main DIR/origin && cd DIR/origin && echo one >file && git add file &&
git -c user.name=n -c user.email=e@example.org commit -qm one
"""
_EIGHT: Final = "for i in 0 1 2 3 4 5 6 7; do echo one >DIR/$i; done"
_ROUND: Final = f"printf '{_UNIT}' >/etc/systemd/system/round.service; systemctl daemon-reload"
_DEBS: Final = {"repository": "x", "uris": "file:/srv/x"}
_PIP: Final = ("--no-index", "--find-links", "/srv/wheels")

_TASKS: Final = (
    Entry("assert", {"is_true": "1 == 1"}),
    Entry("authorized_key", {"user": "ME", "path": "DIR/keys", "key": _KEY}),
    Entry("block", {"path": "DIR/file", "block": "one\ntwo\n"}, "echo first >DIR/file"),
    Entry("command", {"cmd": ["true"]}),
    Entry("copy", {"src": "small", "dest": "DIR/file"}, case="a file that is not there"),
    Entry("copy", {"src": "small", "dest": "DIR/file"}, "echo other >DIR/file", case="other content"),
    Entry("copy", {"src": "large", "dest": "DIR/file"}, case="3 MB"),
    Entry("copy", {"src": "tree", "dest": "DIR/tree"}, case="a tree of 20 files"),
    Entry("debug", {"vars": ["1 + 1"]}),
    Entry("directory", {"path": "DIR/new"}, case="one that is not there"),
    Entry("directory", {"path": "DIR", "mode": "0o750", "recurse": "true"}, "mkdir DIR/below", case="recursively"),
    Entry("echo", {"msg": "hello"}),
    Entry("external", {"use": "ours"}),
    Entry("facts"),
    Entry("fail", {"msg": "no"}),
    Entry("fetch", {"src": "DIR/file", "dest": "CONTROL/fetched/"}, "echo one >DIR/file"),
    Entry("file", {"path": "DIR/file", "mode": "0o600"}, "echo one >DIR/file"),
    Entry("git", {"repo": "DIR/origin", "path": "DIR/copy", "branch": "main"}, _GIT),
    Entry("line", {"path": "DIR/file", "line": "two"}, "echo one >DIR/file"),
    Entry("link", {"path": "DIR/link", "target": "file"}),
    Entry("pause", {"seconds": "0.01"}),
    Entry("script", {"src": "ours"}),
    Entry("set", {"vars": {"answer": 42}}),
    Entry("shell", {"cmd": "true"}),
    Entry("stat", {"path": "DIR"}),
    Entry("template", {"src": "page.j2", "dest": "DIR/page"}),
    Entry("wait_for", {"path": "DIR"}),
    Entry("wait_for_others"),
    Entry("group", {"group": "round"}, where="debian"),
    Entry("user", {"user": "round"}, where="debian"),
    Entry("cron", {"job": "nothing", "command": "true", "special_time": "daily"}, where="busybox"),
    Entry("apt", {"package": "jet-app"}, where="apt"),
    Entry("apt_repository", {**_DEBS, "suites": "./", "trusted": "true", "refresh": "false"}, where="apt"),
    Entry("package", {"package": "jet-other"}, where="apt"),
    Entry("dnf", {"package": "jet-app"}, where="rpm"),
    Entry("dnf_repository", {"repository": "x", "baseurl": "file:///srv/rpm", "gpgcheck": "false"}, where="rpm"),
    Entry("yum", {"package": "jet-app", "remove": "true"}, where="rpm"),
    Entry("zypper", {"package": "jet-other"}, where="rpm"),
    Entry("pacman", {"package": "jet-app"}, where="pacman"),
    Entry("pip", {"package": "jet_app", "virtualenv": "/srv/venv", "options": _PIP}, where="pacman"),
    Entry("hostname", {"hostname": "round"}, where="systemd"),
    Entry("locale", {"lang": "C.UTF-8"}, where="systemd"),
    Entry("mount", {"path": "/srv/round", "src": "tmpfs", "fstype": "tmpfs"}, where="systemd"),
    Entry("sd_service", {"service": "round", "started": "true"}, _ROUND, where="systemd"),
    Entry("service", {"service": "round", "started": "false"}, where="systemd"),
    Entry("sysctl", {"key": "net.ipv4.ip_forward", "value": "1"}, where="systemd"),
    Entry("systemd_unit", {"unit": "new.service", "content": _UNIT}, where="systemd"),
    Entry("timezone", {"zone": "Europe/Berlin"}, where="systemd"),
)

_LOOP: Final = "a loop of 8"
_LOOPS: Final = (
    Entry("command", {"cmd": ["true"]}, case=_LOOP, items=8),
    Entry("copy", {"src": "small", "dest": "DIR/{{ item }}"}, case=_LOOP, items=8),
    Entry("directory", {"path": "DIR/{{ item }}"}, case=_LOOP, items=8),
    Entry("fetch", {"src": "DIR/{{ item }}", "dest": "CONTROL/fetched/"}, _EIGHT, case=_LOOP, items=8),
    Entry("file", {"path": "DIR/{{ item }}", "mode": "0o600"}, _EIGHT, case=_LOOP, items=8),
    Entry("line", {"path": "DIR/{{ item }}", "line": "two"}, _EIGHT, case=f"{_LOOP}, on 8 files", items=8),
    Entry("line", {"path": "DIR/0", "line": "{{ item }}"}, _EIGHT, case=f"{_LOOP}, on one file", items=8),
    Entry("link", {"path": "DIR/{{ item }}", "target": "file"}, case=_LOOP, items=8),
    Entry("script", {"src": "ours"}, case=_LOOP, items=8),
    Entry("shell", {"cmd": "true"}, case=_LOOP, items=8),
    Entry("template", {"src": "page.j2", "dest": "DIR/{{ item }}"}, case=_LOOP, items=8),
    Entry("group", {"group": "loop{{ item }}"}, case=_LOOP, items=8, where="debian"),
    Entry("user", {"user": "loop{{ item }}"}, case=_LOOP, items=8, where="debian"),
)
ENTRIES: Final = (*_TASKS, *_LOOPS)

_MANAGER: Final = (
    "looks, asks the package manager what it would do about what is missing, and lets it act; what became of it is "
    "looked up in that same round trip. A host that has all packages is not asked the second question"
)
_ONE_BY_ONE: Final = (
    "takes one for each item of a loop: whether the next one is to run depends on how the one before ended, and each "
    "is told and shown as soon as it has"
)
ABOVE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("apt", "dnf", "pacman", "pip", "yum", "zypper"), _MANAGER),
    **dict.fromkeys(("command", "script", "shell"), _ONE_BY_ONE),
    "line": (
        "edits one file for many items one after the other, since each edit is made of what the one before left: one "
        "round trip for each item, and one to look. So does `block`. To write many lines at once, use `block` or "
        "`template`"
    ),
    "package": "does what the host's own package manager does, and asks which one that is where no facts were gathered",
    "service": "asks how the host manages services where no facts were gathered",
    "systemd_unit": (
        "makes a private directory and has systemd judge a copy of the unit there, before anything is put in place; "
        "with `verify_unit: false` it takes 2"
    ),
}
"""Why a module takes more than one round trip to find nothing to do, or more than two to act."""

NOT_COUNTED: Final[Mapping[str, str]] = {
    "apk": "no host of the test fleet has it",
    "homebrew": "no host of the test fleet has it",
    "instantiate": "writes on the control machine",
    "reboot": "asks until the host is back",
    "wait_for_host": "asks until the host is back",
    "wait_for_http": "asks from the control machine",
}
