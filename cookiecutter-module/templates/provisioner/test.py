"""The provisioner `{{ cookiecutter.__name }}`: the rules of all provisioners, and what this one is for."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from jetpack_core.contracts.provisioner import Guest, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.registry import Registry
from jetpack_core.testing.faults import FaultKind, Faults
from jetpack_core.testing.provisioners import ProvisionerConformance

from {{ cookiecutter.__package }}.provisioner import {{ cookiecutter.__class }}


class TestConformance(ProvisionerConformance):
    @pytest.fixture
    def provisioner(self, tmp_path: Path) -> Provisioner:
        return {{ cookiecutter.__class }}(folder=tmp_path, memory=256)

    @pytest.fixture
    def changed(self, tmp_path: Path) -> Provisioner:
        return {{ cookiecutter.__class }}(folder=tmp_path, memory=512)

    @pytest.fixture
    def rebuilt(self, tmp_path: Path) -> Provisioner:
        return {{ cookiecutter.__class }}(folder=tmp_path, memory=256, image="alpine")

    @pytest.fixture
    def faults(self, monkeypatch: pytest.MonkeyPatch) -> Faults:
        faults, write = Faults(), Path.write_text

        def failing(path: Path, text: str, encoding: str | None = None) -> int:
            fault = faults.strike() if path.suffix == ".new" else None
            if fault in {FaultKind.REFUSED, FaultKind.OUTAGE}:
                raise OSError(errno.EIO, "refused by the test")
            written = write(path, text, encoding=encoding)
            if fault is not None:
                raise OSError(errno.EIO, "the answer was lost")
            return written

        monkeypatch.setattr(Path, "write_text", failing)
        return faults

    def everything(self, provisioner: Provisioner) -> Mapping[str, object]:
        return {file.stem: file.read_text() for file in folder_of(provisioner).glob(f"{self.guest_name}*.json")}

    def drift(self, provisioner: Provisioner, guest: Guest) -> set[str]:
        write(provisioner, guest.name, {**guest.data, "memory": 1})
        return {"memory"}

    @contextlib.contextmanager
    def stranger(self, provisioner: Provisioner, host: str) -> Iterator[None]:
        write(provisioner, host, {"id": "1", "running": True, "memory": 1, "image": "", "owner": "somebody"})
        yield
        (folder_of(provisioner) / f"{host}.json").unlink()


def folder_of(provisioner: Provisioner) -> Path:
    assert isinstance(provisioner, {{ cookiecutter.__class }})
    return provisioner.folder


def write(provisioner: Provisioner, name: str, data: Mapping[str, object]) -> None:
    (folder_of(provisioner) / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")


def test_jetpack_knows_it_by_its_name() -> None:
    assert Registry().provisioner("{{ cookiecutter.__name }}") is {{ cookiecutter.__class }}


def test_a_guest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "web1.json").write_text("not JSON")
    with pytest.raises(JetpackError, match="cannot be read"):
        {{ cookiecutter.__class }}(folder=tmp_path).find("web1")
