# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on hold: how lists are read, and how pacman's is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document
from jetpack_core.modules.packages.apt import Apt
from jetpack_core.modules.packages.dnf import Dnf
from jetpack_core.modules.packages.pacman_conf import ignored, with_ignored, without_ignored
from jetpack_core.modules.packages.zypper import Zypper
from jetpack_core.records import CommandResult

_LINES = st.lists(
    st.sampled_from(
        ["[options]", "[core]", "IgnorePkg = a b", " IgnorePkg=  c\t", "#IgnorePkg = a", "IgnorePkg =", "", "caf\xe9"]
    ),
    max_size=8,
)
_NAMES = st.lists(st.sampled_from(["x", "y-z", "lib++"]), min_size=1, unique=True)


@given(_LINES, _NAMES, st.sampled_from(["", "\n"]))
def test_what_is_put_on_hold_and_off_again_leaves_every_other_byte(
    lines: list[str], names: list[str], end: str
) -> None:
    before = Document.parse(("\n".join(lines) + end).encode("latin-1"))
    held = with_ignored(before, names)
    assert ignored(Document.parse(held.to_bytes())) == ignored(before) | set(names)
    free = without_ignored(held, names)
    assert ignored(free) == ignored(before)
    assert without_ignored(before, names) == before
    others = [line for line in before.texts if "IgnorePkg" not in line]
    left = [line for line in held.texts if "IgnorePkg" not in line]
    assert left in (others, [*others, "[options]"])


def test_the_words_of_one_line_are_written_once() -> None:
    before = Document.parse(b"[options]\n#IgnorePkg =\n[core]\n")
    assert with_ignored(before, ["a", "b"]).to_bytes() == b"[options]\nIgnorePkg = a b\n#IgnorePkg =\n[core]\n"
    last = Document.parse(b"[core]\n[options]")
    assert with_ignored(last, ["a"]).to_bytes() == b"[core]\n[options]\nIgnorePkg = a\n"
    assert with_ignored(Document(), ["a"]).to_bytes() == b"[options]\nIgnorePkg = a\n"


def _told(text: str) -> list[object]:
    return [CommandResult((), 0, text)]


def test_entries_of_versionlock_are_names_with_versions() -> None:
    told = "#dnf\n\n# Added lock\njet-lib-0:1.0-1.*\n!jet-app-0:2.0-1.*\ngcc-c++-12.2-3.x86_64\nkernel*\n"
    assert Dnf(package=["x"]).locks(_told(told)) == ("jet-lib", "gcc-c++", "kernel*")


@pytest.mark.parametrize("hold", [True, False])
def test_lists_that_are_not_known_are_not_taken_for_empty(hold: bool) -> None:
    with pytest.raises(TaskError, match="dnf 4 alone, and the host has dnf 5"):
        Dnf(package=["x"], hold=hold).locks(_told("#dnf5\n#missing\n"))
    assert Dnf(package=["x"]).locks(_told("#dnf5\n#missing\n")) == ()


def test_a_lock_on_something_else_than_a_name_is_no_hold() -> None:
    named = "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: jet-lib\n"
    one_version = f"{named}version: == 1.0\n"
    patch = "\ntype: patch\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: fix\n"
    assert Zypper(package=["x"]).locks(_told(f"{named}\n{one_version}\n{patch}\n")) == ("jet-lib",)


def test_hold_is_about_packages_that_are_to_be_there() -> None:
    for parameters in ({"upgrade": "all"}, {"package": ["nginx"], "remove": True}):
        for module in (Apt, Dnf, Zypper):
            with pytest.raises(ValidationError, match="name them in `package`"):
                module.model_validate({**parameters, "hold": True})
