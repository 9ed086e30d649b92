# SPDX-License-Identifier: GPL-3.0-or-later
"""Workload W1 for pyinfra: a deploy file that pyinfra itself runs."""

from __future__ import annotations

from pyinfra.operations import apt, files, server  # type: ignore[import-not-found]

VARIABLES = {"app_name": "orders", "app_port": "8080", "app_workers": "4", "app_title": "Orders & returns"}

for word in ("one", "two", "three", "four", "five"):
    server.shell(name=f"echo {word}", commands=[f"echo {word}"])

for name in ("small-1", "small-2", "small-3", "small-4", "small-5", "large"):
    files.put(
        name=f"copy {name}", src=f"files/{name}", dest=f"/srv/bench/{name}", user="root", group="root", mode="644"
    )

for number in range(1, 6):
    files.template(
        name=f"template {number}",
        src=f"templates/app-{number}.conf.j2",
        dest=f"/srv/bench/app-{number}.conf",
        user="root",
        group="deploy",
        mode="640",
        **VARIABLES,
    )

for name, user, group, mode in (
    ("data", "deploy", "deploy", "750"),
    ("logs", "root", "adm", "755"),
    ("cache", "nobody", "nogroup", "700"),
    ("spool", "root", "root", "711"),
):
    files.directory(name=f"directory {name}", path=f"/srv/bench/{name}", user=user, group=group, mode=mode)

for name, user, group, mode in (("seed-one", "root", "adm", "640"), ("seed-two", "deploy", "deploy", "444")):
    files.file(name=f"attributes of {name}", path=f"/srv/bench/{name}", user=user, group=group, mode=mode)

for package in ("ca-certificates", "sudo"):
    apt.packages(name=f"package {package}", packages=[package])
