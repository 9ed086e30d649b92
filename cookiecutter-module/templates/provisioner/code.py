"""The provisioner `{{ cookiecutter.__name }}`."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

from jetpack_core.contracts.provisioner import Guest, GuestAction, GuestPlan, Provisioner
from jetpack_core.errors import JetpackError
from jetpack_core.records import Change


class {{ cookiecutter.__class }}(Provisioner):
    """Keep guests that are only written down, each in a file of a folder; a platform's API takes its place.

    Example::

        provision:
          type: {{ cookiecutter.__name }}
          folder: /tmp/guests
          memory: 512
    """

    folder: Path
    """The folder of this machine that holds the guests."""
    memory: int = 256
    """Memory in MiB."""
    image: str = "debian"
    """What it begins as; another one means another guest."""

    def find(self, host: str) -> Guest | None:
        """Return the guest of a host, or None where there is none."""
        try:
            data = json.loads(self._file(host).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise JetpackError(f"{self._file(host)} cannot be read: {error}") from error
        return Guest(data["id"], host, data["running"], owned=data["owner"] == "jetpack", data=data)

    def plan(self, host: str, guest: Guest | None) -> GuestPlan:
        """Compare a guest with the parameters."""
        if guest is None:
            said = (Change("memory", None, self.memory), Change("image", None, self.image))
            return GuestPlan(GuestAction.CREATE, said)
        if guest.data["image"] != self.image:
            change = Change("image", guest.data["image"], self.image)
            return GuestPlan(GuestAction.REPLACE, (change,))
        if guest.data["memory"] != self.memory:
            return GuestPlan(GuestAction.UPDATE, (Change("memory", guest.data["memory"], self.memory),))
        return GuestPlan(GuestAction.NONE)

    def create(self, host: str) -> Guest:
        """Make the guest and start it."""
        identifier = uuid.uuid4().hex
        data = {"id": identifier, "memory": self.memory, "image": self.image, "owner": "jetpack"}
        return self._write(Guest(identifier, host, running=True, owned=True, data=data))

    def update(self, guest: Guest, plan: GuestPlan) -> Guest:
        """Change the memory."""
        return self._write(replace(guest, data={**guest.data, "memory": self.memory}))

    def start(self, guest: Guest) -> None:
        """Start a stopped guest."""
        self._write(replace(guest, running=True))

    def stop(self, guest: Guest) -> None:
        """Stop a guest."""
        self._write(replace(guest, running=False))

    def destroy(self, guest: Guest) -> None:
        """Remove a stopped guest, if it is ours."""
        if not guest.owned:
            raise JetpackError(f"{guest.name} was not made by Jetpack", hint="remove it by hand if you mean it")
        self._file(guest.name).unlink(missing_ok=True)

    def addresses(self, guest: Guest) -> tuple[str, ...]:
        """Return the guest's addresses."""
        return ("127.0.0.1",) if guest.running else ()

    def _file(self, host: str) -> Path:
        return self.folder / f"{host.replace('/', '_')}.json"

    def _write(self, guest: Guest) -> Guest:
        written = replace(guest, data={**guest.data, "running": guest.running})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Others may be reading it.
            new = self._file(guest.name).with_suffix(".new")
            new.write_text(json.dumps(written.data), encoding="utf-8")
            new.replace(self._file(guest.name))
        except OSError as error:
            raise JetpackError(f"{self._file(guest.name)} cannot be written: {error.strerror}") from error
        return written
