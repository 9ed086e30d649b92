# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets merge`: the merge driver for git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jetpack_core.cli import options
from jetpack_core.cli.failures import FINE, WRONG_INPUT
from jetpack_core.cli.invocation import warn
from jetpack_core.cli.secrets.common import PATH, make_keeper
from jetpack_core.errors import JetpackError

if TYPE_CHECKING:
    from jetpack_core.secret_files.keeper import Keeper
    from jetpack_core.secret_files.merging import Merged


@click.command("merge")
@click.argument("base", type=PATH)
@click.argument("ours", type=PATH)
@click.argument("theirs", type=PATH)
@click.option("--path", type=PATH, help="Where the file belongs; OURS if not said.")
@options.identity_option()
def command(base: Path, ours: Path, theirs: Path, path: Path | None, identity: tuple[Path, ...]) -> int:
    """Merge the changes from BASE to THEIRS into OURS by what the secrets say; exit with 1 if they conflict.

    `jetpack secrets git-setup` makes git call this. Values are taken over as they are encrypted, and conflicts are
    marked around ciphertexts, so that no clear text is written. Where no key opens a value, lines are merged as
    they are.
    """
    from jetpack_core.secret_files import atomic
    from jetpack_core.secret_files.keeper import read_file

    file = path or ours
    contents = {"base": read_file(base), "ours": read_file(ours), "theirs": read_file(theirs)}
    merged = _merged(make_keeper(file.absolute(), identity=identity), contents, file)
    if merged is None:
        return WRONG_INPUT
    atomic.write(ours, merged.content)
    return WRONG_INPUT if merged.conflicts else FINE


def _merged(keeper: Keeper, contents: dict[str, bytes], file: Path) -> Merged | None:
    from jetpack_core.secret_files.merging import merge_texts, merge_values
    from jetpack_core.secret_files.private import private_folder
    from jetpack_core.secrets import age

    with private_folder(os.environ) as folder:
        if any(map(age.is_age, contents.values())):
            return _merged_whole(keeper, contents, file, folder)
        try:
            return merge_values(keeper, contents, file, folder)
        except JetpackError as error:
            warn(f"{file} is merged line by line: {error.message}")
        return merge_texts(contents, folder)


def _merged_whole(keeper: Keeper, contents: dict[str, bytes], file: Path, folder: Path) -> Merged | None:
    """Merge files that are encrypted as a whole; None where the user has to."""
    from jetpack_core.secret_files.merging import Merged, merge_texts
    from jetpack_core.secrets import age

    try:
        clear = {name: keeper.identities.decrypt(one) if one else b"" for name, one in contents.items()}
        if clear["ours"] == clear["theirs"]:
            return Merged(contents["theirs" if contents["base"] == contents["ours"] else "ours"], conflicts=False)
        for side, other in (("ours", "theirs"), ("theirs", "ours")):
            if clear[side] == clear["base"]:
                return Merged(contents[other], conflicts=False)
        merged = merge_texts(clear, folder)
        if not merged.conflicts:
            return Merged(keeper.seal_file(merged.content, file, armored=age.is_armored(contents["ours"])), False)
    except JetpackError as error:
        warn(f"{file} cannot be merged: {error.message}")
        return None
    warn(f"{file} conflicts and is as it was; see the other version with: git show MERGE_HEAD:{file}")
    return None
