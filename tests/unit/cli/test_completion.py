# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion by the shells' own protocol, and by a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.engine.site import Site

BIN = Path(sys.executable).parent
PLAYBOOK = "- {name: p, groups: [web], tasks: [!facts {with: {tags: [nightly, backup]}}]}\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.write("inventory/groups/web", "hosts: [web1, web2]\n")
    made.write("inventory/groups/db", "hosts: [db1]\n")
    made.write("site.yml", PLAYBOOK)
    made.write(".jetpack.yml", "inventory: [inventory]\nplaybook: [site.yml]\n")
    return made


def environment(site: Site) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JET_", "XDG_"))}
    return {**kept, "HOME": str(site.folder / "home"), "PATH": f"{BIN}:{os.environ['PATH']}"}


def offered(site: Site, *words: str, shell: str = "zsh") -> list[str]:
    """Return what is offered for the last word, which may be empty."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_JETPACK_COMPLETE": f"{shell}_complete"}
    ran = subprocess.run(
        [BIN / "jetpack"],
        env={**environment(site), **asked},
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()[1::3]


def test_verbs_are_offered_with_their_summaries(site: Site) -> None:
    assert offered(site, "jetpack", "sho") == ["show-inventory"]
    assert {"apply", "plan", "secrets"} <= set(offered(site, "jetpack", ""))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("apply", "--limit-hosts", ""), ["web1", "web2", "db1"]),
        (("apply", "--limit-hosts", "web1:d"), ["web1:db1"]),
        (("apply", "--limit-hosts", "@"), ["@last-failed"]),
        (("apply", "--limit-hosts", "web1:@l"), ["web1:@last-failed"]),
        (("plan", "--limit-groups", "w"), ["web"]),
        (("apply", "--tags", ""), ["backup", "nightly"]),
        (("run", "we"), ["web"]),
        (("run", "web", "fac"), ["facts"]),
        (("doc", "apt_"), ["apt_repository"]),
        (("vars", "db"), ["db1"]),
        (("secrets", "set-"), []),
        (("secrets", "scan"), ["scan"]),
        (("apply", "--acc"), ["--accept-new-host-keys"]),
        (("report", "--format", "j"), ["junit"]),
    ],
)
def test_names_of_the_project_are_offered(site: Site, words: tuple[str, ...], names: list[str]) -> None:
    assert sorted(offered(site, "jetpack", *words)) == sorted(names)


def test_an_inventory_that_is_named_counts(site: Site) -> None:
    site.write("other/groups/lab", "hosts: [lab1]\n")
    assert offered(site, "jetpack", "apply", "-i", "other", "--limit-hosts", "") == ["lab1"]


def test_what_cannot_be_read_offers_nothing_and_says_nothing(site: Site) -> None:
    site.write("inventory/groups/web", "hosts: [\n")
    site.write("site.yml", "nonsense")
    assert offered(site, "jetpack", "apply", "--limit-hosts", "") == []
    assert offered(site, "jetpack", "apply", "--tags", "") == []


def test_a_real_bash_completes(site: Site) -> None:
    installed = site.run("completion", "bash", "--install", XDG_DATA_HOME=str(site.folder / "data"))
    assert installed.code == 0, installed.err
    (script,) = [
        *site.folder.glob("data/bash-completion/completions/jetpack"),
        *site.folder.glob("home/.config/jetpack/*"),
    ]
    program = (
        f'source "{script}"; COMP_WORDS=(jetpack apply --limit-hosts we); COMP_CWORD=3; '
        '_jetpack_completion jetpack; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    argv = ["bash", "--norc", "-c", program]
    ran = subprocess.run(argv, env=environment(site), cwd=site.folder, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["web1", "web2"]


def test_it_is_installed_once(site: Site) -> None:
    start = site.write("home/.zshrc", "alias ll='ls -l'")
    for _ in range(2):
        ran = site.run("completion", "zsh", "--install")
        assert (ran.code, "next shell" in ran.err) == (0, True)
    lines = start.read_text().splitlines()
    assert lines[0] == "alias ll='ls -l'"
    assert len(lines) == 2
    script = Path(lines[1].split('"')[1]).read_text()
    assert script.endswith(site.run("completion", "zsh").out)
    # A start file that does not load zsh's completion would end with an error.
    assert "compinit" in script.splitlines()[0]
    assert site.run("completion", "fish", "--install").code == 0
    assert (site.folder / "home/.config/fish/completions/jetpack.fish").exists()


def test_zsh_may_keep_its_files_elsewhere(site: Site) -> None:
    (site.folder / "zsh").mkdir()
    assert site.run("completion", "zsh", "--install", ZDOTDIR=str(site.folder / "zsh")).code == 0
    assert (site.folder / "zsh" / ".zshrc").exists()
    assert not (site.folder / "home" / ".zshrc").exists()


def test_an_unknown_shell_is_asked_for(site: Site) -> None:
    ran = site.run("completion", SHELL="/bin/ksh")
    assert (ran.code, "name one of bash, zsh, fish" in ran.err) == (1, True)
