# SPDX-License-Identifier: GPL-3.0-or-later
"""How to reach a host over SSH: its endpoint, completed from `~/.ssh/config`."""

from __future__ import annotations

import getpass
import re
import shlex
from dataclasses import dataclass, field, replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jetpack_core.connections.lean import with_invoke
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paramiko import SSHConfig

DEFAULT_TIMEOUT: Final = 15.0
MOST_INCLUDES: Final = 16
"""Levels of files that include files, as OpenSSH has it."""
USER_CONFIG: Final = "~/.ssh/config"
SYSTEM_CONFIG: Final = "/etc/ssh/ssh_config"
USER_KNOWN_HOSTS: Final = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
GLOBAL_KNOWN_HOSTS: Final = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
_RUNS_COMMANDS: Final = re.compile(r"\s*match\s.*\bexec\b", re.IGNORECASE)
_LINE: Final = re.compile(r"\s*(\w+)(?:\s*=\s*|\s+)(.+?)\s*$")
DEFAULT_KEYS: Final = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Names of private keys, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class SshSettings:
    """Everything that is needed to reach and log in to one host."""

    host: str
    """The name that is shown."""
    address: str
    port: int
    user: str
    timeout: float
    credentials: Credentials = field(repr=False)
    identity_files: tuple[Path, ...]
    identities_only: bool
    agent_socket: str | None
    """The agent's socket, "" for none, None for the one of the environment."""
    proxy_command: str | None
    jumps: tuple[str, ...]
    """The hops on the way, first one first, each as `[user@]host[:port]`."""
    key_name: str
    """The name under which known_hosts knows the host."""
    user_known_hosts: tuple[Path, ...]
    global_known_hosts: tuple[Path, ...]
    pinned_keys: tuple[str, ...]
    accept_new: bool
    meet: Callable[[str], None] | None = field(default=None, compare=False)
    """Trusts the first key of a host that was made in this run."""

    @property
    def where(self) -> str:
        """Return the address, with its port unless that is SSH's own; who reads it knows the host's name."""
        return self.address if self.port == 22 else f"{self.address} port {self.port}"  # noqa: PLR2004


def read_config(files: tuple[Path, ...] | None = None) -> SSHConfig:
    """Read the user's and the system's ssh_config, with what they include. Raises HostUnreachableError."""
    from paramiko import ConfigParseError, SSHConfig

    if files is None:
        files = (Path(USER_CONFIG).expanduser(), Path(SYSTEM_CONFIG))
    lines = []
    for file in files:
        lines += [*_lines(file, file.parent, 0), "Host *"]
    if any(_RUNS_COMMANDS.match(line) for line in lines):
        with_invoke()
    config = SSHConfig()
    try:
        config.parse(iter(lines))
    except (ConfigParseError, ValueError) as error:
        raise HostUnreachableError(f"{files[0]} cannot be understood: {error}", hint="see man ssh_config") from error
    return config


def _lines(file: Path, folder: Path, depth: int) -> Iterator[str]:
    """Yield the lines of a file, and of the files it includes in the places where it does.

    Unlike in ssh, an Include within a Host block is not limited to that block.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        # Then it says nothing, as for ssh.
        return
    except OSError as error:
        raise HostUnreachableError(f"{file} cannot be read: {error.strerror or error}") from error
    block = "Host *"
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None or line.lstrip().startswith("#"):
            continue
        word, value = found[1].lower(), found[2]
        if word == "include":
            if depth < MOST_INCLUDES:
                for pattern in shlex.split(value):
                    for name in sorted(glob(str(folder / Path(pattern).expanduser()))):  # noqa: PTH207 - may be absolute
                        yield from _lines(Path(name), folder, depth + 1)
            # What follows belongs to the block around the Include again, not to the last one within.
            yield block
            continue
        if word in {"host", "match"}:
            block = line
        yield line


def may_wait(config: SSHConfig) -> bool:
    """Tell whether looking a host up may run a command or ask a name server."""
    text = repr(config._config).lower()  # type: ignore[attr-defined]  # noqa: SLF001 - nothing else tells
    return any(word in text for word in ("'exec'", "canonicalizehostname", "%l", "%c"))


def settings(endpoint: Endpoint, config: SSHConfig | None = None) -> SshSettings:
    """Return the settings for an endpoint; what it says wins over the configuration. Raises HostUnreachableError."""
    config = config or read_config()
    alias = endpoint.address or endpoint.host
    try:
        found = config.lookup(alias)
        port = endpoint.port or int(found.get("port", 22))
    except (ImportError, KeyError, ValueError, OSError) as error:
        raise HostUnreachableError(f"~/.ssh/config cannot be used: {error}") from error
    keys = _listed(found.get("identityfile"))
    own = endpoint.credentials.private_key_file
    proxy = _words(found, "proxyjump", "none")
    return SshSettings(
        host=endpoint.host,
        address=found.get("hostname", alias),
        port=port,
        user=endpoint.user or found.get("user") or getpass.getuser(),
        timeout=_timeout(endpoint, found.get("connecttimeout")),
        credentials=endpoint.credentials,
        identity_files=tuple(_paths(keys)) if keys else _default_keys(),
        identities_only=own is not None or found.get("identitiesonly", "no").lower() == "yes",
        agent_socket=_agent(found.get("identityagent")),
        proxy_command=found.get("proxycommand"),
        jumps=() if proxy == ["none"] else tuple(hop for word in proxy for hop in word.split(",") if hop),
        key_name=found.get("hostkeyalias", "") or _key_name(found.get("hostname", alias), port),
        user_known_hosts=tuple(_paths(_words(found, "userknownhostsfile", USER_KNOWN_HOSTS))),
        global_known_hosts=tuple(_paths(_words(found, "globalknownhostsfile", GLOBAL_KNOWN_HOSTS))),
        pinned_keys=endpoint.host_keys,
        meet=endpoint.meet,
        accept_new=endpoint.accept_new_host_keys or found.get("stricthostkeychecking", "").lower() == "accept-new",
    )


def jump_endpoint(hop: str, target: SshSettings) -> Endpoint:
    """Return the endpoint of one hop on the way to a host."""
    user, _, place = hop.removeprefix("ssh://").rpartition("@")
    found = re.fullmatch(r"\[(?P<six>[^]]+)\](?::(?P<p1>\d+))?|(?P<name>[^:]+)(?::(?P<p2>\d+))?", place)
    if found is None:
        raise HostUnreachableError(f"ProxyJump {hop!r} is not [user@]host[:port]")
    port = found["p1"] or found["p2"]
    # The passphrase and the key may well be the same; the password of the target is not for others to see.
    credentials = replace(target.credentials, password=None, forward_agent=False)
    return Endpoint(
        host=found["six"] or found["name"],
        port=int(port) if port else None,
        user=user or None,
        credentials=credentials,
        accept_new_host_keys=target.accept_new,
        connect_timeout=target.timeout,
    )


def _timeout(endpoint: Endpoint, configured: str | None) -> float:
    if configured and configured.isdigit() and endpoint.connect_timeout == DEFAULT_TIMEOUT:
        return float(configured)
    return endpoint.connect_timeout


def _words(found: dict[str, str], key: str, default: str) -> list[str]:
    value = found.get(key) or default
    return shlex.split(value)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _paths(names: list[str]) -> Iterator[Path]:
    return (Path(name).expanduser() for name in names if name.lower() != "none")


def _default_keys() -> tuple[Path, ...]:
    return tuple(Path("~/.ssh").expanduser() / name for name in DEFAULT_KEYS)


def _agent(value: str | None) -> str | None:
    if value is None or value == "SSH_AUTH_SOCK":
        return None
    return "" if value.lower() == "none" else str(Path(value).expanduser())


def _key_name(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"  # noqa: PLR2004 - SSH's own
