# SPDX-License-Identifier: GPL-3.0-or-later
"""What the keys of a container do, seen from inside it; and images that are pulled, loaded, and replaced."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from docker import DockerClient
from jetpack_provisioner_docker.provisioner import Container

from jetpack_core.contracts.provisioner import GuestAction
from jetpack_core.errors import JetpackError
from tests.integration.provisioners.registry import ImageRegistry

pytestmark = [pytest.mark.docker, pytest.mark.slow]

Unused = Callable[[], str]
SLEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done"]
NET_ADMIN = 1 << 12
"""The bits of capabilities (capabilities(7), linux/capability.h)."""
CHOWN = 1


@pytest.fixture
def small_image(engine: DockerClient, unused: Unused, busybox_image: str) -> str:
    """An image of two megabytes: one program, and its names."""
    source = engine.containers.create(busybox_image, ["true"], name=unused())
    stream, _ = source.get_archive("/bin/busybox")
    made, packed = io.BytesIO(), io.BytesIO(b"".join(stream))
    with tarfile.open(fileobj=packed) as archive, tarfile.open(fileobj=made, mode="w") as new:
        for member in archive:
            member.name = f"bin/{member.name}"
            new.addfile(member, archive.extractfile(member))
        for name in ("sh", "cat", "sleep", "true"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            new.addfile(link)
    name = unused()
    engine.api.import_image_from_data(made.getvalue(), repository=name, tag="1")
    return f"{name}:1"


def variant(engine: DockerClient, unused: Unused, image: str, greeting: str) -> str:
    """Return an image that differs from another one in a file."""
    container = engine.containers.create(image, ["/bin/true"], name=unused())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        about = tarfile.TarInfo("greeting")
        about.size = len(greeting)
        archive.addfile(about, io.BytesIO(greeting.encode()))
    container.put_archive("/", packed.getvalue())
    name = unused()
    container.commit(name, "1")
    return f"{name}:1"


@pytest.fixture
def make(busybox_image: str) -> Callable[..., Container]:
    def made(**more: object) -> Container:
        return Container.model_validate({"image": busybox_image, "command": SLEEP, "stop_timeout": 1, **more})

    return made


Make = Callable[..., Container]


def inside(engine: DockerClient, identifier: str, script: str) -> str:
    """Return what a script prints in a container."""
    said = engine.containers.get(identifier).exec_run(["/bin/sh", "-c", script]).output
    assert isinstance(said, bytes)
    return said.decode().strip()


def test_processes_have_what_was_said(engine: DockerClient, make: Make, unused: Unused, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("from outside\n")
    name = unused()
    wanted = make(
        name=f"{name}-other",
        init=True,
        user="65534",
        working_dir="/tmp",
        entrypoint=["/bin/sh", "-c"],
        command=["while :; do sleep 60; done"],
        mounts=[{"type": "bind", "source": str(tmp_path / "shared"), "target": "/shared", "read_only": True}],
        devices=["/dev/null:/dev/mine"],
        dns=["192.0.2.53"],
        sysctls={"net.ipv4.ip_unprivileged_port_start": "1000"},
        security_opt=["no-new-privileges"],
        cap_drop=["CHOWN"],
        pids_limit=77,
        cpus=0.5,
        restart="on-failure:4",
    )
    guest = wanted.create(name)
    container = engine.containers.get(f"{name}-other")
    assert container.id == guest.id
    assert inside(engine, guest.id, "cat /proc/1/comm") in {"docker-init", "tini"}
    assert inside(engine, guest.id, "id -u; pwd") == "65534\n/tmp"
    assert (
        inside(engine, guest.id, "cat /shared/file; touch /shared/new 2>/dev/null || echo refused")
        == "from outside\nrefused"
    )
    assert inside(engine, guest.id, "test -c /dev/mine && echo device") == "device"
    assert "nameserver 192.0.2.53" in inside(engine, guest.id, "cat /etc/resolv.conf")
    assert inside(engine, guest.id, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == "1000"
    assert "NoNewPrivs:\t1" in inside(engine, guest.id, "cat /proc/self/status")
    host_config = container.attrs["HostConfig"]
    assert host_config["CapDrop"] in (["CHOWN"], ["CAP_CHOWN"])
    assert (host_config["PidsLimit"], host_config["NanoCpus"]) == (77, 500_000_000)
    assert host_config["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 4}
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE


def test_what_a_container_may_do(engine: DockerClient, make: Make, unused: Unused) -> None:
    def capabilities(**more: object) -> int:
        guest = make(**more).create(unused())
        line = inside(engine, guest.id, "cat /proc/1/status | grep CapEff")
        return int(line.split()[1], 16)

    assert not capabilities() & NET_ADMIN
    assert capabilities(cap_add=["NET_ADMIN"]) & NET_ADMIN
    assert not capabilities(cap_drop=["ALL"]) & CHOWN
    # Where tests run in a virtual machine of few rights, the engine cannot start one; it takes the wish all the same.
    guest = make(privileged=True, start_on_create=False).create(unused())
    assert engine.containers.get(guest.id).attrs["HostConfig"]["Privileged"] is True


def test_a_container_that_is_not_to_start_does_not(engine: DockerClient, make: Make, unused: Unused) -> None:
    name = unused()
    wanted = make(start_on_create=False)
    guest = wanted.create(name)
    assert not guest.running
    assert engine.containers.get(name).status == "created"
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE


def test_a_name_that_begins_the_identifier_of_another_container_is_free(
    engine: DockerClient, make: Make, unused: Unused
) -> None:
    other = engine.containers.get(make().create(unused()).id)
    assert make().find(str(other.id)[:12]) is None


def test_another_name_is_given_in_place(engine: DockerClient, make: Make, unused: Unused) -> None:
    host = unused()
    guest = make().create(host)
    wanted = make(name=f"{host}-renamed")
    plan = wanted.plan(host, wanted.find(host))
    assert plan.action is GuestAction.UPDATE
    assert [(one.field, one.before, one.after) for one in plan.changes] == [("name", host, f"{host}-renamed")]
    assert wanted.update(guest, plan).id == guest.id
    assert engine.containers.get(f"{host}-renamed").id == guest.id
    assert wanted.plan(host, wanted.find(host)).action is GuestAction.NONE


def test_the_last_of_the_networks_that_were_made_goes_when_it_is_not_wanted(
    engine: DockerClient, make: Make, unused: Unused
) -> None:
    host, first, second = unused(), unused(), unused()
    guest = make(networks=[first, second]).create(host)
    wanted = make(networks=[first])
    wanted.update(guest, wanted.plan(host, guest))
    assert engine.networks.list(names=[second]) == []
    assert wanted.plan(host, wanted.find(host)).action is GuestAction.NONE


@pytest.fixture
def registry() -> Iterator[ImageRegistry]:
    with ImageRegistry() as registry:
        yield registry


def test_an_image_is_pulled_and_a_tag_that_moved_means_a_replacement(
    engine: DockerClient, make: Make, unused: Unused, registry: ImageRegistry, small_image: str
) -> None:
    host, repository = unused(), unused()
    image = f"{registry.address}/{repository}:stable"
    first, second = (variant(engine, unused, small_image, text) for text in ("first", "second"))
    try:
        registry.push(engine, first, f"{repository}:stable")
        once, always = make(image=image), make(image=image, pull="always")
        guest = once.create(host)
        assert inside(engine, guest.id, "cat /greeting") == "first"
        assert always.plan(host, guest).action is GuestAction.NONE
        registry.push(engine, second, f"{repository}:stable")
        assert once.plan(host, guest).action is GuestAction.NONE
        plan = always.plan(host, guest)
        assert plan.action is GuestAction.REPLACE
        assert [one.field for one in plan.changes] == ["image"]
        after = always.replace(host, guest, plan)
        assert inside(engine, after.id, "cat /greeting") == "second"
        assert always.plan(host, always.find(host)).action is GuestAction.NONE
        with pytest.raises(JetpackError, match=r"pulling the image .*nothing:1"):
            make(image=f"{registry.address}/nothing:1").create(unused())
    finally:
        engine.containers.get(host).remove(force=True)
        engine.images.remove(image, force=True)


def test_an_image_is_loaded_from_a_file_that_the_engine_saved(
    engine: DockerClient, make: Make, unused: Unused, small_image: str, tmp_path: Path
) -> None:
    image = variant(engine, unused, small_image, "saved")
    archive = tmp_path / "image.tar"
    with archive.open("wb") as file:
        saved: Any = engine.images.get(image).save(named=True)
        file.writelines(cast("Iterable[bytes]", saved))
    engine.images.remove(image, force=True)
    guest = make(image=image, tar=str(archive)).create(unused())
    assert inside(engine, guest.id, "cat /greeting") == "saved"
    with pytest.raises(JetpackError, match="cannot be read"):
        make(image=f"{unused()}:1", tar=str(tmp_path / "none.tar")).create(unused())
