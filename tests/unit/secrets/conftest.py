# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of every kind, made by the programs that people use."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from jetpack_core.secrets.identities import Identities

PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Key:
    """A private key's file, and the text of its public key."""

    file: Path
    public: str


MakeKey = Callable[[str], Key]


@pytest.fixture
def make_key(tmp_path: Path) -> MakeKey:
    """Return a function that makes a key: `x25519`, `ed25519`, `rsa`, or one of the last with `+passphrase`."""

    def make(kind: str) -> Key:
        file = tmp_path / f"{kind}.key"
        if kind == "x25519":
            subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
            found = subprocess.run(["age-keygen", "-y", file], check=True, capture_output=True, text=True)
            return Key(file, found.stdout.strip())
        kind, _, locked = kind.partition("+")
        options = ["-t", kind, *(["-b", "2048"] if kind == "rsa" else [])]
        subprocess.run(["ssh-keygen", "-q", *options, "-N", PASSPHRASE if locked else "", "-f", file], check=True)
        return Key(file, file.with_name(f"{file.name}.pub").read_text().strip())

    return make


@dataclass
class Asked:
    """Identities, and what was asked and told on the way to them."""

    identities: Identities
    prompts: list[str]
    warnings: list[str]


Find = Callable[..., Asked]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Return a function that looks for identities in a home of its own."""

    def look(*files: Path, environment: Mapping[str, str] | None = None, answer: str = PASSPHRASE) -> Asked:
        prompts: list[str] = []
        warnings: list[str] = []

        def ask(prompt: str) -> str:
            prompts.append(prompt)
            return answer

        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        made = Identities(files, environment=environment or {}, home=home, ask=ask, warn=warnings.append)
        return Asked(made, prompts, warnings)

    return look
