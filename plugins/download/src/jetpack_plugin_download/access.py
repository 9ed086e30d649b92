# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server is reached: credentials, certificates, patience; also for other modules that fetch something."""

from __future__ import annotations

import netrc
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from jetpack_core.contracts.fields import Secret, Source
from jetpack_core.errors import TaskError
from jetpack_plugin_download.fields import HeaderName, HeaderValue, Pins, Size
from jetpack_plugin_download.request import Request, basic


class Access(BaseModel):
    """How a server is reached."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Headers to send; like all credentials, they are not sent on to another host by a redirect."""
    username: str | None = None
    """The user to log in as, with `password`."""
    password: Secret | None = None
    """The password for `username`."""
    token: Secret | None = None
    """A token to log in with, sent as `Authorization: Bearer`."""
    netrc: bool = False
    """Log in with what `~/.netrc` of the control machine (or the file in `$NETRC`) has for the address's host."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds of silence after which an attempt is given up."""
    max_time: float | None = Field(default=None, gt=0)
    """Seconds that one attempt may take in all; it is gone on with by the next one where the server allows."""
    min_speed: Size | None = None
    """Bytes a second, over the time of `timeout`, below which an attempt is given up, such as 10k."""
    retries: int = Field(default=3, ge=0)
    """How often all addresses are tried again; pauses double from one to the next."""
    retry_delay: float = Field(default=1.0, ge=0)
    """Seconds before the second attempt."""
    longest_wait: float = Field(default=120.0, ge=0)
    """Seconds that a server may ask to wait, by `Retry-After`, without the attempt being given up."""
    ca_file: Source | None = None
    """The certificates to trust instead of the system's; a PEM file in `files` of the role or playbook."""
    validate_certs: bool = True
    """Check the server's certificate."""
    client_cert: Source | None = None
    """The certificate to show to the server, with its key unless `client_key` has that; a PEM file in `files`."""
    client_key: Source | None = None
    """The key of `client_cert`, without a passphrase; a PEM file in `files`."""
    min_tls: Literal["1.2", "1.3"] | None = None
    """The oldest version of TLS to accept, where that is not the system's choice."""
    pin: Pins = Field(default_factory=list)
    """The key that the server must have, as sha256//BASE64 (curl calls it pinnedpubkey), or a list of them."""
    proxy: str | Secret | None = None
    """The proxy to go through, as an address; without it, what the environment says (`https_proxy`, `no_proxy`)."""

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            message = "'username' and 'password' go together"
            raise ValueError(message)
        if self.token is not None and self.username is not None:
            message = "give either 'token' or 'username' and 'password'"
            raise ValueError(message)
        if self.netrc and (self.token is not None or self.username is not None):
            message = "'netrc' stands for 'token', or for 'username' and 'password'"
            raise ValueError(message)
        if self.client_key is not None and self.client_cert is None:
            message = "'client_key' is the key of 'client_cert'; give both"
            raise ValueError(message)
        return self

    def request(self, urls: list[str]) -> Request:
        """Return what the client is asked, but for what it is to do. Raises TaskError for files that cannot be read."""
        authorization = None
        if self.token is not None:
            authorization = f"Bearer {self.token.get_secret_value()}"
        elif self.username is not None and self.password is not None:
            authorization = basic(self.username, self.password.get_secret_value())
        return {
            "urls": urls,
            "headers": {name: _revealed(value) for name, value in self.headers.items()},
            "authorization": authorization,
            "timeout": self.timeout,
            "retries": self.retries,
            "delay": self.retry_delay,
            "longest_wait": self.longest_wait,
            "verify": self.validate_certs,
            "logins": _logins(urls) if self.netrc else {},
            "ca": None if self.ca_file is None else _pem("ca_file", self.ca_file),
            "client": self._client(),
            "min_tls": self.min_tls,
            "pins": self.pin,
            "max_time": self.max_time,
            "min_speed": self.min_speed,
            "proxy": None if self.proxy is None else _revealed(self.proxy),
        }

    def _client(self) -> str | None:
        """Return certificate and key as one text."""
        if self.client_cert is None:
            return None
        key = "" if self.client_key is None else _pem("client_key", self.client_key)
        return f"{_pem('client_cert', self.client_cert).rstrip()}\n{key}"


def _logins(urls: Iterable[str]) -> dict[str, str]:
    """Return the header that logs in at each host that netrc(5) knows."""
    path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
    try:
        known = netrc.netrc(path)
    except OSError as error:
        raise TaskError(f"netrc: {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except netrc.NetrcParseError as error:
        raise TaskError(f"netrc: {path}:{error.lineno}: {error.msg}") from error
    hosts = {urlsplit(url).hostname or "" for url in urls}
    found = {name: known.authenticators(name) for name in hosts}
    return {name: basic(one[0], one[2] or "") for name, one in found.items() if one is not None}


def _revealed(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _pem(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise TaskError(f"{name}: {path} cannot be read as PEM: {error}") from error
