# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the pictures of the report that stand in the documentation: `python -m tests.integration.reports.pictures`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from jetpack_core.reports.html import html
from jetpack_core.reports.story import read_story
from tests.unit.reports.telling import finished, result, started, write

PICTURES = Path("docs/images")
TASKS = (
    ("gather facts", "facts"),
    ("nginx is installed", "apt"),
    ("the site's folder", "directory"),
    ("the site's pages", "copy"),
    ("the site's configuration", "template"),
    ("the default site is off", "link"),
    ("logs are rotated", "template"),
    ("the firewall lets the web in", "template"),
    ("nginx runs", "sd_service"),
    ("the site answers", "wait_for_http"),
)


def events() -> Iterator[dict[str, Any]]:
    """Yield a run of a playbook on forty web servers, of which two are new and one is broken."""
    hosts = [f"web{number:02}.example.org" for number in range(1, 41)]
    yield started()
    yield {"event": "play_started", "play": "web servers", "hosts": hosts, "tasks": len(TASKS)}
    for number, (name, module) in enumerate(TASKS, 1):
        for place, host in enumerate(hosts):
            new, broken = place in {17, 33}, place == 25
            if broken and number == len(TASKS):
                continue
            status = "passive" if number in {1, 10} else "matched"
            more: dict[str, Any] = {
                "duration": 0.02 + 0.013 * ((place * number) % 7) + (3.1 if new and number == 2 else 0)
            }
            if number not in {1, 10} and (new or number == 5):
                status = "created" if new else "modified"
                more["changes"] = [
                    {"field": "content", "before": None if new else "sha256:1b2c", "after": "sha256:9f3e"}
                ]
            if number == 5:
                old = None if new else "worker_connections 512;\n"
                more["diff"] = [
                    {"path": "/etc/nginx/sites-enabled/shop", "before": old, "after": "worker_connections 1024;\n"}
                ]
            if broken and number == len(TASKS) - 1:
                status = "failed"
                more.update(
                    msg="the unit nginx.service does not start",
                    hint="look at its log with: journalctl -u nginx",
                    command=["systemctl", "start", "nginx.service"],
                    rc=1,
                    stderr="nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n",
                )
            yield {**result(host, name, status, number, **more), "module": module, "play": "web servers"}
    yield finished(exit_code=2)


def main() -> int:
    """Take the pictures, light and dark."""
    program = shutil.which("chromium")
    if program is None:
        sys.stderr.write("there is no chromium\n")
        return 1
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "report.html")
        page_file.write_text(html(read_story(write(Path(folder, "events.jsonl"), events()))))
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1100, "height": 820}, color_scheme=scheme)
            page.goto(page_file.as_uri())
            if scheme == "dark":
                page.locator("#failures button").click()
            page.screenshot(path=PICTURES / f"report-{scheme}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
