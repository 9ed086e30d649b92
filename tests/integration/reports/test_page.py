# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page in a real browser: what a person sees, clicks and types."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from jetpack_core.reports.html import html
from jetpack_core.reports.story import read_story
from tests.unit.reports.telling import finished, fleet, result, started, write

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    with sync_playwright() as playwright:
        # Root has no user namespace to be kept in.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=program, args=flags)
        yield started
        started.close()


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a run; any complaint of the browser fails the test."""
    complaints: list[str] = []

    def asked(url: str) -> None:
        if not url.startswith("file://"):
            complaints.append(url)

    def dismiss(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def show(events: object, scheme: str = "light") -> Page:
        file = tmp_path / "report.html"
        file.write_text(html(read_story(write(tmp_path / "events.jsonl", events))))  # type: ignore[arg-type]
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda one: asked(one.url))
        page.on("dialog", dismiss)
        page.goto(file.as_uri())
        return page

    yield show
    for context in browser.contexts:
        context.close()
    assert complaints == []


def test_a_click_on_a_host_shows_what_became_of_it(opened: Open) -> None:
    page = opened(fleet(20, 5))
    page.get_by_role("button", name="web-0004", exact=True).click()
    detail = page.locator("#detail")
    assert detail.get_by_role("heading").inner_text() == "web-0004"
    assert detail.locator(".result").count() == 5
    page.get_by_role("button", name="web-0007, task 5: failed").click()
    assert "it does not start" in detail.inner_text()
    assert "hint: look at its journal" in detail.inner_text()
    assert "no such unit" in detail.inner_text()
    page.keyboard.press("Escape")
    assert not detail.is_visible()


def test_failures_stand_first_and_lead_to_their_context(opened: Open) -> None:
    page = opened(fleet(320, 3))
    failures = page.locator("#failures")
    assert "web-0007, web-0107, web-0207 and 1 more: task 3" in failures.inner_text()
    failures.get_by_role("button").first.click()
    assert "look at its journal" in page.locator("#detail").inner_text()


def test_filters_leave_what_is_looked_for(opened: Open) -> None:
    page = opened(fleet(320, 3))
    page.get_by_role("button", name="failed 4").click()
    assert page.locator("#shown").inner_text() == "4 of 320 hosts, 3 of 3 tasks"
    assert [name.inner_text() for name in page.locator(".row .name").all()] == [
        "web-0007",
        "web-0107",
        "web-0207",
        "web-0307",
    ]
    page.get_by_role("button", name="failed 4").click()
    page.get_by_role("searchbox").fill("web-031")
    assert page.locator("#shown").inner_text() == "10 of 320 hosts, 3 of 3 tasks"
    page.get_by_role("searchbox").fill("task 2")
    assert page.locator("#shown").inner_text() == "320 of 320 hosts, 1 of 3 tasks"
    page.get_by_role("searchbox").fill("nothing at all")
    assert page.locator("#shown").inner_text().startswith("0 of 320 hosts")


def test_differences_and_fields_are_shown(opened: Open) -> None:
    page = opened(fleet(10, 2))
    page.get_by_role("button", name="web-0009, task 1: modified").click()
    detail = page.locator("#detail")
    assert "mode: 0o600 → 0o644" in detail.inner_text()
    assert detail.locator(".del").last.inner_text().strip() == "-old"
    assert detail.locator(".add").last.inner_text().strip() == "+new 1"


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(17, 22, 29)")])
def test_it_follows_the_system_and_can_be_switched(opened: Open, scheme: str, paper: str) -> None:
    page = opened(fleet(3, 2), scheme)
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == paper
    page.locator("#theme").click()
    assert page.evaluate(colour) != paper


def test_a_thousand_hosts_by_a_hundred_tasks_stay_usable(opened: Open) -> None:
    page = opened(fleet(1000, 100))
    assert page.locator("#shown").inner_text() == "1000 of 1000 hosts, 100 of 100 tasks"
    # However many there are, only those in sight are drawn.
    assert page.locator(".row").count() < 100
    page.evaluate("document.getElementById('matrix').scrollTop = 1e9")
    page.get_by_role("button", name="web-0999", exact=True).wait_for()
    page.get_by_role("button", name="web-0999", exact=True).click()
    assert page.locator("#detail .result").count() == 100
    page.get_by_role("button", name="failed 10").click()
    assert page.locator(".row").count() == 10


def test_no_text_of_a_run_becomes_markup(opened: Open) -> None:
    more: dict[str, Any] = {"msg": HOSTILE, "stderr": HOSTILE, "item": HOSTILE, "item_index": 0, "warnings": [HOSTILE]}
    page = opened([started(playbooks=[HOSTILE]), result(HOSTILE, HOSTILE, "failed", **more), finished(exit_code=2)])
    page.locator("#failures button").click()
    page.locator("#heads .head").click()
    assert HOSTILE in page.locator("#detail").inner_text()
    assert HOSTILE in page.locator("#title").inner_text()
    assert page.locator("img").count() == 0


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(opened: Open) -> None:
    page = opened(fleet(3, 2))
    controls = "[...document.querySelectorAll('button, input')]"
    nameless = f"{controls}.filter(one => !(one.textContent.trim() || one.ariaLabel || one.title))"
    assert page.evaluate(f"{nameless}.length") == 0
    page.get_by_role("button", name="web-0001", exact=True).focus()
    page.keyboard.press("Enter")
    assert page.locator("#detail-title").inner_text() == "web-0001"
