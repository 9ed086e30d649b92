# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote engines: over TLS with certificates on both sides, and over ssh; each strictly verified."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from docker import DockerClient
from jetpack_provisioner_docker.connection import DockerConnection
from jetpack_provisioner_docker.engine import connect
from jetpack_provisioner_docker.provisioner import Container

from jetpack_core.contracts.connection import Endpoint
from jetpack_core.contracts.operations import Run
from jetpack_core.contracts.provisioner import GuestAction, Surroundings
from jetpack_core.errors import JetpackError
from jetpack_core.testing.connections import Driver
from tests.integration.fleet.hosts import SshHost
from tests.integration.fleet.session import Fleet
from tests.integration.provisioners.tls_engine import Authority, TlsEngine

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SLEEP = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 60 & wait $!; done")
PAYLOAD = bytes(range(256)) * 4096


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority that signs for the engine and for us."""
    return Authority(tmp_path, "authority")


@pytest.fixture
def tls(tmp_path: Path, authority: Authority) -> Iterator[dict[str, object]]:
    """Return parameters that reach the engine over TLS."""
    client = authority.sign("client")
    with TlsEngine(authority.sign("localhost", "127.0.0.1"), authority.file) as engine:
        files = {"ca": str(authority.file), "cert": str(client.cert), "key": str(client.key)}
        yield {"engine": f"tcp://127.0.0.1:{engine.port}", "tls": files}


@pytest.fixture
def ssh_machine(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHost]:
    """A machine that may talk to the engine, which ssh knows by its configuration only."""
    client = shutil.which("docker")
    assert client is not None
    mounts = ("-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{client}:/usr/local/bin/docker:ro")
    machine = fleet.start("debian", extra_run_args=mounts)
    config = tmp_path / "config"
    lines = (
        f"IdentityFile {fleet.keys.plain}",
        "IdentitiesOnly yes",
        "IdentityAgent none",
        f"UserKnownHostsFile {tmp_path / 'known_hosts'}",
        "GlobalKnownHostsFile /dev/null",
    )
    config.write_text("\n".join(lines) + "\n")
    # OpenSSH takes the home from the accounts, so HOME alone would read the real user's configuration.
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", None)
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="jk-", dir="/tmp", ignore_cleanup_errors=True) as sockets:
        monkeypatch.setenv("TMPDIR", sockets)
        yield machine


@pytest.fixture(autouse=True)
def _bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what would beat the authority that was named."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "of-the-company").file))


@pytest.fixture
def ssh(ssh_machine: SshHost, tmp_path: Path) -> dict[str, object]:
    """Return parameters that reach the engine over ssh."""
    (tmp_path / "known_hosts").write_text(ssh_machine.known_hosts_lines())
    return {"engine": f"ssh://root@{ssh_machine.address}:{ssh_machine.port}"}


@pytest.fixture(params=["tls", "ssh"])
def remote(request: pytest.FixtureRequest) -> dict[str, object]:
    """Each way to a remote engine."""
    found: dict[str, object] = request.getfixturevalue(request.param)
    return found


def test_a_guest_lives_on_a_remote_engine(
    engine: DockerClient, remote: dict[str, object], unused: Callable[[], str], busybox_image: str
) -> None:
    name, network = unused(), unused()
    wanted = Container.model_validate(
        {"image": busybox_image, "command": SLEEP, "memory": "64m", "networks": [network], **remote}
    )
    guest = wanted.create(name)
    assert engine.containers.get(name).id == guest.id
    assert wanted.plan(name, wanted.find(name)).action is GuestAction.NONE
    more = Container.model_validate({**wanted.model_dump(exclude_unset=True), "memory": 128 << 20})
    more.update(guest, more.plan(name, guest))
    assert more.plan(name, more.find(name)).action is GuestAction.NONE

    driver = Driver(DockerConnection(Endpoint(host=name, variables=wanted.connection_variables(guest)))).connect()
    try:
        assert driver.sh("echo out; echo err >&2; exit 3").rc == 3
        said = driver.do(Run(("cat",), stdin=PAYLOAD)).stdout
        assert said.encode("utf-8", "surrogateescape") == PAYLOAD
    finally:
        driver.close()

    wanted.stop(guest)
    wanted.destroy(guest)
    assert engine.containers.list(all=True, filters={"name": name}) == []
    assert engine.networks.list(names=[network]) == []


def test_where_the_engine_is_can_stand_in_the_variables_of_the_cluster(
    remote: dict[str, object], unused: Callable[[], str], busybox_image: str
) -> None:
    cluster = {"jet_docker_engine": remote["engine"], "jet_docker_tls": remote.get("tls")}
    wanted = Container(image=busybox_image, command=SLEEP)
    wanted.attach(Surroundings(cluster={name: value for name, value in cluster.items() if value is not None}))
    guest = wanted.create(unused())
    assert wanted.connection_variables(guest)["jet_docker_engine"] == remote["engine"]
    wanted.stop(guest)
    wanted.destroy(guest)


def test_an_engine_that_another_authority_vouches_for_is_refused(tls: dict[str, object], tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    wanted = Container.model_validate({"image": "x", **tls, "tls": {"ca": str(other.file)}})
    with pytest.raises(JetpackError, match="certificate verify failed"):
        wanted.find("web1")
    with pytest.raises(JetpackError, match="certificate verify failed"):
        Container.model_validate({"image": "x", "engine": tls["engine"], "tls": {}}).find("web1")


def test_an_engine_of_another_name_is_refused(authority: Authority) -> None:
    client = authority.sign("client")
    with TlsEngine(authority.sign("elsewhere.example"), authority.file) as engine:
        files = {"ca": str(authority.file), "cert": str(client.cert), "key": str(client.key)}
        wanted = Container.model_validate({"image": "x", "engine": f"tcp://127.0.0.1:{engine.port}", "tls": files})
        with pytest.raises(JetpackError, match=r"(?i)mismatch"):
            wanted.find("web1")


def test_an_engine_that_does_not_know_us_says_so(tls: dict[str, object], authority: Authority) -> None:
    wanted = Container.model_validate({"image": "x", **tls, "tls": {"ca": str(authority.file)}})
    with pytest.raises(JetpackError, match=r"127\.0\.0\.1|does not answer"):
        wanted.find("web1")


def test_a_missing_certificate_is_named(tls: dict[str, object]) -> None:
    with pytest.raises(JetpackError, match=r"`tls.ca`: there is no file /nowhere/ca.pem"):
        Container.model_validate({"image": "x", **tls, "tls": {"ca": "/nowhere/ca.pem"}}).find("web1")
    with pytest.raises(ValueError, match="belong together"):
        Container.model_validate({"image": "x", **tls, "tls": {"cert": "c.pem"}})


def test_a_machine_with_an_unknown_or_another_host_key_is_refused(
    ssh_machine: SshHost, tmp_path: Path, nopython_host: SshHost
) -> None:
    address = f"ssh://root@{ssh_machine.address}:{ssh_machine.port}"
    with pytest.raises(JetpackError, match="Host key verification failed") as failure:
        connect(address, None)
    assert "known_hosts" in failure.value.hint
    other = nopython_host.known_hosts_lines().replace(nopython_host.address, ssh_machine.address)
    (tmp_path / "known_hosts").write_text(other)
    with pytest.raises(JetpackError, match="Host key verification failed"):
        connect(address, None)


def test_a_machine_that_does_not_let_us_in_says_so(ssh: dict[str, object], ssh_machine: SshHost) -> None:
    with pytest.raises(JetpackError, match="Permission denied"):
        connect(f"ssh://nobody@{ssh_machine.address}:{ssh_machine.port}", None)


@pytest.mark.parametrize("address", ["ssh://", "ssh://-oProxyCommand=x", "ssh://h:99999", "ssh://h/path"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(JetpackError, match="no engine over SSH"):
        connect(address, None)


def test_nothing_stays_behind_once_a_client_is_gone(ssh: dict[str, object], tmp_path: Path) -> None:
    client = connect(str(ssh["engine"]), None)
    (folder,) = [path for path in Path(os.environ["TMPDIR"]).iterdir() if path.name.startswith("jetpack-docker-")]
    with closing(client):
        assert client.ping()
    del client
    gc.collect()
    assert not folder.exists()
