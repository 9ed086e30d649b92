# SPDX-License-Identifier: GPL-3.0-or-later
"""Every bad playbook of the corpus is refused with exactly the message beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.errors import ContentError
from jetpack_core.registry import Registry

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.expected")))
def test_bad_playbook_is_refused_with_its_message(
    name: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CORPUS)
    playbook = Path(name, "site.yml") if Path(name).is_dir() else Path(f"{name}.yml")
    with pytest.raises(ContentError) as caught:
        load_playbook(playbook, registry=registry, extra_vars={"stage": "test"})
    assert f"{caught.value}\n" == Path(f"{name}.expected").read_text()


def test_every_bad_playbook_has_a_message() -> None:
    playbooks = {path.stem for path in CORPUS.glob("*.yml")} | {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert playbooks == {path.stem for path in CORPUS.glob("*.expected")}
