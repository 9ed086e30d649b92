"""The provisioner `{{ cookiecutter.__name }}`: the rules of all provisioners, and what this one is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from jetpack_core.contracts.provisioner import Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.registry import Registry
from jetpack_core.testing.provisioners import ProvisionerConformance

from {{ cookiecutter.__package }}.provisioner import {{ cookiecutter.__class }}


class TestConformance(ProvisionerConformance):
    @pytest.fixture
    def provisioner(self, tmp_path: Path) -> Provisioner:
        return {{ cookiecutter.__class }}(folder=tmp_path, memory=256)

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Provisioner:
        return {{ cookiecutter.__class }}(folder=tmp_path, memory=512)


def test_jetpack_knows_it_by_its_name() -> None:
    assert Registry().provisioner("{{ cookiecutter.__name }}") is {{ cookiecutter.__class }}


def test_a_guest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "web1.json").write_text("not JSON")
    with pytest.raises(JetpackError, match="cannot be read"):
        {{ cookiecutter.__class }}(folder=tmp_path).find("web1")
