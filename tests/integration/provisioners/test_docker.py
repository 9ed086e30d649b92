# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioner `docker` on the real engine."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from docker import DockerClient
from jetpack_provisioner_docker.provisioner import Container

from jetpack_core.contracts.provisioner import GuestAction, Surroundings
from jetpack_core.errors import JetpackError
from jetpack_core.provisioning.locks import named_lock

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MIB = 1 << 20
Unused = Callable[[], str]
SLEEP = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done")


@pytest.fixture
def make(busybox_image: str, tmp_path: Path) -> Callable[..., Container]:
    """Return parameters with a command that ends when it is told to, in surroundings with locks."""

    def made(**more: object) -> Container:
        wanted = Container.model_validate({"image": busybox_image, "command": SLEEP, "restart": "no", **more})
        wanted.attach(Surroundings(lock=lambda name: named_lock(tmp_path / "locks", name, lambda: None)))
        return wanted

    return made


Make = Callable[..., Container]


def test_everything_said_is_what_the_engine_has(engine: DockerClient, make: Make, unused: Unused) -> None:
    name, network, volume = unused(), unused(), unused()
    wanted = make(
        hostname="inside",
        env={"MODE": "test"},
        ports=["127.0.0.1::8080"],
        volumes=[f"{volume}:/data"],
        tmpfs={"/scratch": "size=1m"},
        networks=[{"name": network, "aliases": ["db"]}],
        cap_add=["NET_ADMIN"],
        extra_hosts={"other": "192.0.2.1"},
        labels={"team": "web"},
        ulimits=[{"name": "nofile", "soft": 100, "hard": 200}],
        shm_size="1m",
    )
    guest = wanted.create(name)
    container = engine.containers.get(guest.id)
    said = container.exec_run(
        ["/bin/sh", "-c", "hostname; echo $MODE; ulimit -Hn; grep other /etc/hosts; df /scratch /data /dev/shm | wc -l"]
    ).output
    assert isinstance(said, bytes)
    assert said.decode().split() == ["inside", "test", "200", "192.0.2.1", "other", "4"]
    assert container.labels["team"] == "web"
    assert container.attrs["HostConfig"]["CapAdd"] in (["NET_ADMIN"], ["CAP_NET_ADMIN"])
    assert container.attrs["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Soft": 100, "Hard": 200}]
    assert "db" in container.attrs["NetworkSettings"]["Networks"][network]["Aliases"]
    assert container.attrs["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE
    wanted.stop(guest)
    wanted.destroy(guest)
    assert engine.networks.list(names=[network]) == []
    assert [one.name for one in engine.volumes.list(filters={"name": volume})] == [volume]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("env", {"A": "2"}),
        ("ports", ["127.0.0.1::81"]),
        ("labels", {"a": "b"}),
        ("command", ["sleep", "61"]),
        ("cap_add", ["NET_ADMIN"]),
        ("hostname", "other"),
    ],
)
def test_what_docker_fixes_at_creation_means_a_replacement(
    engine: DockerClient, make: Make, unused: Unused, field: str, value: object
) -> None:
    name = unused()
    before = make(env={"A": "1"}).create(name)
    changed = make(**{"env": {"A": "1"}, field: value})
    plan = changed.plan(name, before)
    assert plan.action is GuestAction.REPLACE
    assert any(one.field.startswith(field) for one in plan.changes)
    after = changed.replace(name, before, plan)
    assert after.id != before.id
    assert changed.plan(name, changed.find(name)).action is GuestAction.NONE
    assert [one.name for one in engine.containers.list(all=True, filters={"name": name})] == [name]


def test_a_replacement_that_fails_brings_the_old_container_back(
    engine: DockerClient, make: Make, unused: Unused
) -> None:
    name = unused()
    before = make().create(name)
    broken = make(command=["/no/such/program"])
    with pytest.raises(JetpackError, match="/no/such/program"):
        broken.replace(name, before, broken.plan(name, before))
    container = engine.containers.get(name)
    assert (container.id, container.status) == (before.id, "running")


def test_volumes_with_a_name_outlive_a_replacement(engine: DockerClient, make: Make, unused: Unused) -> None:
    name, volume = unused(), unused()
    before = make(volumes=[f"{volume}:/data"]).create(name)
    engine.containers.get(before.id).exec_run(["/bin/sh", "-c", "echo kept > /data/file"])
    changed = make(volumes=[f"{volume}:/data"], env={"A": "b"})
    after = changed.replace(name, before, changed.plan(name, before))
    assert engine.containers.get(after.id).exec_run(["cat", "/data/file"]).output == b"kept\n"
    gone = make(volumes=[f"{volume}:/data"], env={"A": "b"}, remove_volumes=True)
    gone.stop(after)
    gone.destroy(after)
    assert engine.volumes.list(filters={"name": volume}) == []


def test_drift_made_by_hand_is_seen_and_mended(engine: DockerClient, make: Make, unused: Unused) -> None:
    name, network = unused(), unused()
    wanted = make(memory="64m", networks=[network])
    guest = wanted.create(name)
    container = engine.containers.get(guest.id)
    container.update(mem_limit="128m", memswap_limit="256m")
    engine.networks.get(network).disconnect(container)
    found = wanted.find(name)
    assert found is not None
    plan = wanted.plan(name, found)
    assert plan.action is GuestAction.UPDATE
    assert {(one.field, one.before, one.after) for one in plan.changes if one.field == "memory"} == {
        ("memory", "128m", "64m")
    }
    wanted.update(found, plan)
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE


def test_a_container_of_the_same_name_that_is_not_ours_is_found_as_such(
    engine: DockerClient, make: Make, unused: Unused, busybox_image: str
) -> None:
    name = unused()
    engine.containers.create(busybox_image, ["sleep", "60"], name=name)
    guest = make().find(name)
    assert guest is not None
    assert not guest.owned
    with pytest.raises(JetpackError, match="not made by Jetpack"):
        make().destroy(guest)
    assert engine.containers.get(name).id == guest.id


def test_what_fails_half_way_leaves_nothing(engine: DockerClient, make: Make, unused: Unused) -> None:
    name, network = unused(), unused()
    with pytest.raises(JetpackError):
        make(networks=[network], command=["/no/such/program"]).create(name)
    assert engine.containers.list(all=True, filters={"name": name}) == []
    assert engine.networks.list(names=[network]) == []
    # While it is waited for: nobody can tell how long a command takes to end.
    check = {"test": ["false"], "interval": "10m"}
    for restart in ("no", "unless-stopped"):
        ends = make(command=["/bin/sh", "-c", "echo my last words; exit 3"], healthcheck=check, restart=restart)
        with pytest.raises(JetpackError, match="ended at once with 3") as failure:
            ends.create(name)
        assert "my last words" in failure.value.hint
    assert engine.containers.list(all=True, filters={"name": name}) == []


def test_a_container_is_awaited_until_it_is_well(engine: DockerClient, make: Make, unused: Unused) -> None:
    check = {"test": ["test", "-e", "/tmp/well"], "interval": "200ms", "retries": 100}
    well = make(command=["/bin/sh", "-c", "sleep 1; touch /tmp/well; sleep 60"], healthcheck=check, stop_timeout=1)
    guest = well.create(unused())
    assert engine.containers.get(guest.id).health == "healthy"
    ill = make(healthcheck={"test": "echo no good; false", "interval": "100ms", "retries": 2}, health_timeout=60)
    with pytest.raises(JetpackError, match="not well") as failure:
        ill.create(unused())
    assert "no good" in failure.value.hint


def test_guests_that_share_a_new_network_make_one(engine: DockerClient, make: Make, unused: Unused) -> None:
    network, names = unused(), [unused() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        guests = list(pool.map(lambda name: make(networks=[network]).create(name), names))
    assert len(engine.networks.list(names=[network])) == 1
    for guest in guests:
        wanted = make(networks=[network])
        wanted.stop(guest)
        wanted.destroy(replace(guest, running=False))
    assert engine.networks.list(names=[network]) == []


def test_an_image_that_is_nowhere_is_named(make: Make, unused: Unused) -> None:
    with pytest.raises(JetpackError, match="the engine has no image jetpack-kit-none:1"):
        make(image="jetpack-kit-none:1", pull="never").create(unused())


def test_an_image_is_built_and_built_anew_when_its_files_differ(
    engine: DockerClient, make: Make, unused: Unused, busybox_image: str, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {busybox_image}\nCOPY greeting /greeting\n")
    (context / "greeting").write_text("first\n")
    wanted = make(image=None, build={"context": str(context)})
    name = unused()
    guest = wanted.create(name)
    assert engine.containers.get(guest.id).exec_run(["cat", "/greeting"]).output == b"first\n"
    assert wanted.plan(name, guest).action is GuestAction.NONE
    (context / "greeting").write_text("second\n")
    plan = wanted.plan(name, guest)
    assert plan.action is GuestAction.REPLACE
    after = wanted.replace(name, guest, plan)
    assert engine.containers.get(after.id).exec_run(["cat", "/greeting"]).output == b"second\n"
    used = {one["ImageID"] for one in engine.api.containers(all=True)} - {after.data["Image"]}
    engine.containers.get(after.id).remove(force=True)
    for image in engine.images.list("jetpack-build"):
        if image.id not in used:
            engine.images.remove(str(image.id), force=True)


def test_an_image_comes_from_a_root_file_system(
    engine: DockerClient, make: Make, unused: Unused, busybox_image: str, tmp_path: Path
) -> None:
    source = engine.containers.create(busybox_image, ["true"], name=unused())
    archive = tmp_path / "rootfs.tar"
    with archive.open("wb") as file:
        file.writelines(cast("Iterable[bytes]", source.export()))
    with tarfile.open(archive, "a") as opened:
        mark = tarfile.TarInfo("from-tar")
        mark.size = 4
        opened.addfile(mark, io.BytesIO(b"here"))
    guest = make(image=f"{unused()}:1", tar=str(archive), command=None).create(unused())
    assert engine.containers.get(guest.id).exec_run(["cat", "/from-tar"]).output == b"here"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image": None}, "either `image` or `build`"),
        ({"memory": "lots"}, "must be a size"),
        ({"ports": ["80:80:80:80"]}, "must be a port"),
        ({"ports": ["70000"]}, "must be a port"),
        ({"volumes": ["./here:/data"]}, "/path/on/the/engine"),
        ({"name": "a b"}, "may have letters"),
        ({"memroy": 1}, "memroy"),
    ],
)
def test_wrong_values_are_told(make: Make, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**wrong)


FIRST = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from jetpack_provisioner_docker.provisioner import Container

def look(number):
    time.sleep(number * float(sys.argv[2]))
    return Container(image="x").find(sys.argv[1])

with ThreadPoolExecutor(12) as pool:
    print(set(pool.map(look, range(12))))
"""


@pytest.mark.parametrize("apart", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_many_guests_at_once_may_be_the_first_to_need_the_sdk(unused: Unused, apart: float) -> None:
    argv = [sys.executable, "-c", FIRST, unused(), str(apart)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "{None}\n", done.stderr
