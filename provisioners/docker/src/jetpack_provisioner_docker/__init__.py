# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker containers for Jetpack: the provisioner and the connection `docker`."""

from __future__ import annotations

from collections.abc import Sequence

from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_provisioners() -> Sequence[Reference]:
    """Name the provisioner."""
    return (Reference("docker", "jetpack_provisioner_docker.provisioner:Container", "Make a container of Docker"),)


@hookimpl
def jetpack_register_connections() -> Sequence[Reference]:
    """Name the connection."""
    return (Reference("docker", "jetpack_provisioner_docker.connection:DockerConnection", "Act in a container"),)
