# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's process: settings come as one line on standard input, and its end ends the process.

So a cluster never outlives the test that started it, whatever becomes of that test.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import tempfile
import threading
from pathlib import Path

from provisioners.proxmox.tests.cluster.access import Access
from provisioners.proxmox.tests.cluster.api import Api
from provisioners.proxmox.tests.cluster.calls import Call, read_calls
from provisioners.proxmox.tests.cluster.certificates import make_certificates
from provisioners.proxmox.tests.cluster.containers import ContainerMachines
from provisioners.proxmox.tests.cluster.control import Controls
from provisioners.proxmox.tests.cluster.faults import Faults
from provisioners.proxmox.tests.cluster.machines import Machines, SimulatedMachines
from provisioners.proxmox.tests.cluster.published import find_schema, read_schema
from provisioners.proxmox.tests.cluster.request import Cluster
from provisioners.proxmox.tests.cluster.settings import Settings
from provisioners.proxmox.tests.cluster.tasks import Tasks
from provisioners.proxmox.tests.cluster.web import ClusterServer
from provisioners.proxmox.tests.cluster.world import World


def main() -> None:
    """Serve one cluster until standard input ends."""
    settings = Settings.from_mapping(json.loads(sys.stdin.readline()))
    machines = _machines(settings)
    with tempfile.TemporaryDirectory(prefix="jetpack-pve-") as directory, contextlib.closing(machines):
        certificates = make_certificates(Path(directory))
        faults, secret = Faults(), secrets.token_urlsafe(16)
        cluster = _cluster(settings, machines, faults)
        controls = Controls(cluster, faults)
        server = ClusterServer(Api(cluster, _published(settings)), faults, controls, secret, certificates.chain)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ready = {
            "port": server.server_address[1],
            "ca_file": str(certificates.ca_file),
            "fingerprint": certificates.fingerprint,
            "secret": secret,
            "subnet": machines.subnet,
        }
        print(json.dumps(ready), flush=True)
        sys.stdin.read()
        server.shutdown()


def _machines(settings: Settings) -> Machines:
    return ContainerMachines(settings.image) if settings.guests == "docker" else SimulatedMachines()


def _published(settings: Settings) -> dict[str, Call]:
    schema = find_schema() if settings.published else None
    return {} if schema is None else read_schema(schema)


def _cluster(settings: Settings, machines: Machines, faults: Faults) -> Cluster:
    return Cluster(
        settings=settings,
        world=World(settings),
        access=Access(settings),
        tasks=Tasks(settings, faults),
        machines=machines,
        calls=read_calls(),
    )


if __name__ == "__main__":
    main()
