# SPDX-License-Identifier: GPL-3.0-or-later
"""What decrypts the secrets of a run, with the keys that the flags and the environment name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli.invocation import invocation, warn
from jetpack_core.secrets.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jetpack_core.secrets.identities import Identities


def open_vault(files: Sequence[Path], *, lenient: bool) -> Vault:
    """Return what decrypts secrets; no key is looked for before the first secret is.

    From now on, what this call of the command line prints is free of the secrets that were decrypted.

    :param files: what `--identity` names.
    :param lenient: what cannot be decrypted for want of a key is unknown, instead of an error.
    """
    state = invocation(click.get_current_context())
    state.take_keys()
    return Vault(lambda: user_identities(files, state.redactor.register), state.redactor, lenient=lenient, warn=warn)


def user_identities(
    files: Sequence[Path], learned: Callable[[str, str], None], *, near: Path | None = None
) -> Identities:
    """Return the user's private keys, none of them read yet.

    :param files: what `--identity` names.
    :param learned: told of private keys and passphrases.
    :param near: a file or folder of the project whose rules say which age plugins may run; the current one if None.
    """
    from jetpack_core.cli.passwords import ask_password
    from jetpack_core.secret_files.rules import find_rules
    from jetpack_core.secrets.identities import Identities

    return Identities(
        files,
        environment=invocation(click.get_current_context()).take_keys(),
        home=Path.home(),
        ask=lambda prompt: ask_password(prompt, "an encrypted key"),
        warn=warn,
        learned=learned,
        allowed_plugins=find_rules(near or Path.cwd()).plugins,
    )
