# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is to be like, in the form it is compared in and made from.

Docker fixes most of a container when it is made. Those parts are written down in a label and compared with it, because
the engine shows them back in other forms, mixed with the image's. What can change later is compared with what the
engine says now, so that drift made by hand is seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jetpack_core.records import Change
from jetpack_provisioner_docker.values import port_bindings

if TYPE_CHECKING:
    from jetpack_provisioner_docker.provisioner import Container

HOST_LABEL: Final = "io.jetpack.host"
"""Marks what Jetpack made, with the inventory name it was made for."""
SPEC_LABEL: Final = "io.jetpack.spec"
_NANO: Final = 1_000_000_000
_FIXED: Final = (
    "platform",
    "command",
    "entrypoint",
    "user",
    "working_dir",
    "ports",
    "volumes",
    "mounts",
    "tmpfs",
    "shm_size",
    "privileged",
    "cap_add",
    "cap_drop",
    "security_opt",
    "cgroupns",
    "systemd",
    "init",
    "devices",
    "dns",
    "extra_hosts",
    "sysctls",
    "ulimits",
    "labels",
    "healthcheck",
)
_SUMMARY: Final = ("image", "command", "ports", "volumes", "networks", "memory", "cpus")
_SLEEPER: Final = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done")
"""What runs where nothing else does: the first process of a container must ask for signals to get any."""
_SYSTEMD_TMPFS: Final = {"/run": "", "/run/lock": ""}


class Spec:
    """One container as it is to be."""

    def __init__(self, wanted: Container, host: str, name: str) -> None:
        self.wanted = wanted
        self.host = host
        self.name = name
        self.hostname = wanted.hostname or host.partition(".")[0]
        self._plain: Mapping[str, Any] = json.loads(wanted.model_dump_json(include={*_FIXED, *_SUMMARY}))

    def summary(self) -> tuple[Change, ...]:
        """Return what is said of a container that is to be made."""
        values = {name: _limit_text(name, self._plain[name]) for name in _SUMMARY if self._plain[name]}
        if self.wanted.build is not None:
            values["build"] = self.wanted.build.context
        if "networks" in values:
            values["networks"] = [one["name"] for one in values["networks"]]
        return tuple(Change(name, None, value) for name, value in values.items())

    # What is fixed once the container is there.

    @property
    def fixed(self) -> dict[str, Any]:
        """Return the fixed parts, values of the environment as digests: labels are read by many."""
        plain = {name: self._plain[name] for name in _FIXED if self._plain[name] not in (None, [], {}, False)}
        env = {name: _digest(value) for name, value in self.wanted.env.items()}
        return {**plain, "hostname": self.hostname, "env": env}

    def fixed_changes(self, attrs: Mapping[str, Any], image: str | None) -> tuple[Change, ...]:
        """Return the differences that only a new container can have.

        :param attrs: What the engine says of the container.
        :param image: The id of the image it is to run; None where the engine does not have it yet.
        """
        label = attrs["Config"]["Labels"].get(SPEC_LABEL)
        before = json.loads(label) if label else {}
        after = self.fixed
        changes = [
            Change(name, before.get(name), after.get(name))
            for name in sorted((before.keys() | after.keys()) - {"env"})
            if before.get(name) != after.get(name)
        ]
        return (*self._image_changes(attrs, image), *changes, *self._env_changes(attrs, before.get("env", {})))

    def _image_changes(self, attrs: Mapping[str, Any], image: str | None) -> tuple[Change, ...]:
        named, running = attrs["Config"]["Image"], attrs["Image"]
        if image is not None and image != running:
            same = self.wanted.image == named
            return (Change("image", _short(running) if same else named, _short(image) if same else self._image),)
        if image is None and self._image != named:
            return (Change("image", named, self._image),)
        return ()

    @property
    def _image(self) -> str:
        return self.wanted.image or "built anew"

    def _env_changes(self, attrs: Mapping[str, Any], before: Mapping[str, str]) -> list[Change]:
        now = dict(pair.partition("=")[::2] for pair in attrs["Config"]["Env"] or ())
        wanted = self.wanted.env
        names = sorted(
            name
            for name in before.keys() | wanted.keys()
            if before.get(name) != (_digest(wanted[name]) if name in wanted else None)
        )
        return [Change(f"env.{name}", now.get(name) if name in before else None, wanted.get(name)) for name in names]

    # What can change while it runs.

    def live_changes(self, attrs: Mapping[str, Any]) -> tuple[Change, ...]:
        """Return the differences that the engine can make in place."""
        now, after = _limits(attrs), self._limits()
        changes = [
            Change(name, _limit_text(name, now[name]), _limit_text(name, value))
            for name, value in after.items()
            if value != now[name]
        ]
        name = str(attrs["Name"]).removeprefix("/")
        renamed = (Change("name", name, self.name),) if name != self.name else ()
        return (*renamed, *changes, *self._network_changes(attrs))

    def replaced_for(self, attrs: Mapping[str, Any], fixed: Sequence[Change]) -> tuple[str, ...]:
        """Return the parameters for which a new container is needed.

        A limit that is to go away is one of them, as the engine lifts none.
        """
        now = _limits(attrs)
        lifted = (name for name, value in self._limits().items() if name != "restart" and now[name] and not value)
        return tuple(dict.fromkeys((*(one.field.partition(".")[0] for one in fixed), *lifted)))

    def _limits(self) -> dict[str, Any]:
        wanted = self.wanted
        limits: dict[str, Any] = {
            "memory": wanted.memory or 0,
            "cpus": wanted.cpus or 0,
            "pids_limit": wanted.pids_limit or 0,
            "restart": wanted.restart,
        }
        if wanted.memory_swap is not None:
            limits["memory_swap"] = wanted.memory_swap
        return limits

    def _network_changes(self, attrs: Mapping[str, Any]) -> tuple[Change, ...]:
        wanted, now = {one.name for one in self.wanted.networks}, set(attrs["NetworkSettings"]["Networks"])
        if not wanted or wanted == now:
            return ()
        return (Change("networks", sorted(now), sorted(wanted)),)

    # How it is made.

    def creation(self, image: str, *, sleeps: bool) -> dict[str, Any]:
        """Return the arguments that make the container.

        :param image: Its id.
        :param sleeps: The image says nothing of what to run.
        """
        wanted = self.wanted
        command: Any = wanted.command
        if command is None and wanted.systemd:
            command = ["/sbin/init"]
        if command is None and sleeps:
            command = list(_SLEEPER)
        given = {
            "command": command if isinstance(command, str | None) else list(command),
            "entrypoint": _argv(wanted.entrypoint),
            "user": wanted.user,
            "working_dir": wanted.working_dir,
            "environment": dict(wanted.env),
            "ports": port_bindings(wanted.ports),
            "volumes": list(wanted.volumes),
            "mounts": [_mount(one) for one in self._plain["mounts"]],
            "tmpfs": {**(_SYSTEMD_TMPFS if wanted.systemd else {}), **wanted.tmpfs},
            "mem_limit": wanted.memory,
            "memswap_limit": wanted.memory_swap,
            "nano_cpus": int(wanted.cpus * _NANO) if wanted.cpus else None,
            "pids_limit": wanted.pids_limit,
            "shm_size": wanted.shm_size,
            "restart_policy": restart_policy(wanted.restart),
            "privileged": wanted.privileged,
            "cap_add": [*wanted.cap_add, *(["SYS_ADMIN"] if wanted.systemd and not wanted.privileged else [])],
            "cap_drop": list(wanted.cap_drop),
            "security_opt": [*wanted.security_opt, *(["seccomp=unconfined"] if wanted.systemd else [])],
            "cgroupns": wanted.cgroupns or ("private" if wanted.systemd else None),
            "stop_signal": "SIGRTMIN+3" if wanted.systemd else None,
            "init": wanted.init,
            "devices": [_device(one) for one in wanted.devices],
            "dns": list(wanted.dns),
            "extra_hosts": dict(wanted.extra_hosts),
            "sysctls": dict(wanted.sysctls),
            "ulimits": [_ulimit(one) for one in self._plain["ulimits"]],
            "healthcheck": self._healthcheck(),
            "platform": wanted.platform,
        }
        kept = {name: value for name, value in given.items() if value not in (None, [], {}, False)}
        return {**kept, "image": image, "name": self.name, "hostname": self.hostname, "labels": self._labels()}

    def _labels(self) -> dict[str, str]:
        spec = json.dumps(self.fixed, sort_keys=True, separators=(",", ":"))
        return {**self.wanted.labels, HOST_LABEL: self.host, SPEC_LABEL: spec}

    def _healthcheck(self) -> dict[str, Any] | None:
        check = self.wanted.healthcheck
        if check is None:
            return None
        return {
            "test": check.test if isinstance(check.test, str) else ["CMD", *check.test],
            "interval": int(check.interval * _NANO),
            "timeout": int(check.timeout * _NANO),
            "retries": check.retries,
            "start_period": int(check.start_period * _NANO),
        }


def restart_policy(text: str) -> dict[str, Any]:
    """Return a restart policy as the engine takes it."""
    name, _, count = text.partition(":")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _limits(attrs: Mapping[str, Any]) -> dict[str, Any]:
    config = attrs["HostConfig"]
    policy = config["RestartPolicy"]
    count = policy["MaximumRetryCount"]
    return {
        "memory": config["Memory"],
        "memory_swap": config["MemorySwap"],
        "cpus": config["NanoCpus"] / _NANO,
        "pids_limit": max(config["PidsLimit"] or 0, 0),
        "restart": f"{policy['Name'] or 'no'}{f':{count}' if count else ''}",
    }


def _limit_text(name: str, value: Any) -> Any:
    """Return a value as it is shown: sizes in the largest unit that is exact, and nothing for no limit."""
    if name not in {"memory", "memory_swap"} or not value:
        return value or None
    for unit, factor in (("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)):
        if value % factor == 0:
            return f"{value // factor}{unit}"
    return value


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:12]


def _argv(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    return list(value) if isinstance(value, tuple) else value


def _mount(one: Mapping[str, Any]) -> Any:
    from docker.types import Mount

    return Mount(one["target"], one["source"], type=one["type"], read_only=one["read_only"])


def _ulimit(one: Mapping[str, Any]) -> Any:
    from docker.types import Ulimit

    return Ulimit(name=one["name"], soft=one["soft"], hard=one["hard"])


def _device(text: str) -> str:
    parts = text.split(":")
    return text if len(parts) > 1 else f"{text}:{text}:rwm"
