# SPDX-License-Identifier: GPL-3.0-or-later
"""One installed package that adds everything a plugin can add, at work in one run of the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run, install

ENTRY = """
from jetpack_core.hookspecs import Reference, hookimpl


@hookimpl
def jetpack_register_modules():
    return [Reference("motto", "all_of_it_code:Motto", "Keep a motto.")]


@hookimpl
def jetpack_register_modifiers():
    names = ("only_on", "times", "as_", "unless_content", "stubborn", "tells", "breaks")
    return [Reference(name, f"all_of_it_code:{name.title().replace('_', '')}", name) for name in names]


@hookimpl
def jetpack_register_connections():
    return [Reference("counted", "all_of_it_code:Counted", "Counts its frames.")]


@hookimpl
def jetpack_register_filters():
    return [Reference("shout", "all_of_it_code:shout", "Shout."), Reference("choke", "all_of_it_code:choke", "Raise.")]


@hookimpl
def jetpack_register_tests():
    return [Reference("loud", "all_of_it_code:loud", "Is it loud?")]


@hookimpl
def jetpack_register_template_engines():
    return [Reference(".braces", "all_of_it_code:Braces", "Single braces.")]


@hookimpl
def jetpack_register_commands():
    return [Reference("greet", "all_of_it_code:greet", "Say hello.")]


@hookimpl
def jetpack_register_views():
    return [Reference("tally", "all_of_it_code:Tally", "Counts."), Reference("bad", "all_of_it_code:Bad", "Raises.")]
"""

CODE = '''
import os
from collections import Counter
from dataclasses import replace
from typing import ClassVar

import click

from jetpack_core.connections.local import LocalConnection
from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.modifier import Modifier
from jetpack_core.contracts.module import Module
from jetpack_core.contracts.template_engine import TemplateEngine
from jetpack_core.contracts.view import View
from jetpack_core.records import Change, Outcome, Plan, PlanKind, Status


class Motto(Module):
    """Keep a motto in a file."""

    path: HostPath
    text: str

    async def plan(self, host):
        now = await host.stat(self.path, content=1000, checksum=True)
        if now.content == self.text.encode():
            return Plan(PlanKind.NONE)
        return Plan(PlanKind.MODIFY if now.exists else PlanKind.CREATE, (Change("text", None, self.text),), data=now)

    async def apply(self, host, plan):
        await host.write(self.path, self.text.encode(), expect=plan.data)
        return Outcome()


class OnlyOn(Modifier):
    """Take part only where the tag is wanted: phase select."""

    section: ClassVar[str] = "with"
    value: str

    def select(self, selection):
        return self.value in selection.wanted_tags


class Times(Modifier):
    """Loop a number of times: phase expand."""

    section: ClassVar[str] = "with"
    value: int

    def expand(self, scope):
        return list(range(self.value))


class As(Modifier):
    """Act on another host: phase route."""

    section: ClassVar[str] = "with"
    value: str

    def route(self, scope, route):
        return replace(route, host=scope.render(self.value))


class UnlessContent(Modifier):
    """Skip where a file is not empty: phase guard."""

    section: ClassVar[str] = "with"
    value: str

    def guards_items(self):
        return True

    async def guard(self, host):
        return "there is content" if (await host.stat(host.render(self.value))).size else None


class Stubborn(Modifier):
    """Try again at once: phase attempt."""

    section: ClassVar[str] = "and"
    value: int

    def attempt(self, policy):
        return replace(policy, retries=self.value, delay=0)


class Tells(Modifier):
    """Notify whatever happened: phase after."""

    section: ClassVar[str] = "and"
    value: str

    def after(self, scope, consequence):
        return replace(consequence, notify=(*consequence.notify, self.value))


class Breaks(Modifier):
    """Raise in a phase."""

    section: ClassVar[str] = "with"
    value: str

    def expand(self, scope):
        if self.value == "expand":
            raise KeyError("expand broke")

    def route(self, scope, route):
        if self.value == "route":
            raise KeyError("route broke")
        return route

    async def guard(self, host):
        if self.value == "guard":
            raise KeyError("guard broke")

    def after(self, scope, consequence):
        if self.value == "after":
            raise KeyError("after broke")
        return consequence


class Counted(LocalConnection):
    """This machine, with its frames counted."""

    summary = "counts"

    async def execute(self, frame):
        with open(os.environ["FRAMES"], "a") as file:
            file.write(f"{self.endpoint.host}\\n")
        return await super().execute(frame)


def shout(value):
    return str(value).upper() + "!"


def choke(value):
    raise RuntimeError("choked")


def loud(value):
    return str(value).endswith("!")


class Braces(TemplateEngine):
    """Replaces {name}."""

    def render(self, text, variables, *, name):
        return text.format_map(variables)


@click.command("greet")
def greet():
    """Say hello."""
    click.echo("hello from a plugin")


class Tally(View):
    """Counts events into a file."""

    def __init__(self):
        self.counts = Counter()

    def handle(self, event):
        self.counts[event.event] += 1

    def close(self):
        with open(os.environ["TALLY"], "w") as file:
            file.write(repr(dict(self.counts)))


class Bad(View):
    """Raises at the first event."""

    def handle(self, event):
        raise RuntimeError("no paper")
'''

PLAYBOOK = """
- name: everything
  groups: [web]
  tasks:
    - !motto {path: DIR/motto, text: "{{ 'on' | shout }}"}
    - !echo {msg: "{{ 'x!' is loud }} {{ 'x' is loud }}"}
    - !echo {name: select, msg: x, with: {only_on: never}}
    - !echo {name: expand, msg: "{{ item }}", with: {times: 3}}
    - !motto {name: route, path: "DIR/by-{{ inventory_hostname }}", text: x, with: {as_: b}}
    - !motto {name: guard, path: DIR/motto, text: y, with: {unless_content: DIR/motto}}
    - !shell {name: attempt, cmd: "echo x >> DIR/count; test $(wc -l < DIR/count) = 3", and: {stubborn: 2}}
    - !echo {name: after, msg: x, and: {tells: h}}
    - !template {src: t.braces, dest: DIR/out}
    - !echo {name: choke, msg: "{{ 1 | choke }}", and: {ignore_errors: true}}
    - !echo {name: expand broke, msg: x, with: {breaks: expand}, and: {ignore_errors: true}}
    - !echo {name: route broke, msg: x, with: {breaks: route}, and: {ignore_errors: true}}
    - !echo {name: guard broke, msg: x, with: {breaks: guard}, and: {ignore_errors: true}}
    - !echo {name: after broke, msg: x, with: {breaks: after, condition: inventory_hostname == "b"}}
    - !echo {name: last, msg: x}
  handlers:
    - !echo {name: handler, msg: x, with: {subscribe: h}}
"""


@pytest.fixture
def everything(tmp_path: Path, jetpack: Run) -> tuple[Path, list[dict[str, object]], str]:
    """Install the plugin, run the playbook, and return the folder, the events and what was said beside them."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins, "all-of-it", ENTRY)
    (plugins / "all_of_it_code.py").write_text(CODE)
    for name, text in {
        "site.yml": PLAYBOOK.replace("DIR", str(tmp_path)),
        "templates/t.braces": "host {inventory_hostname}\n",
        "inventory/groups/web": "hosts: [a, b]\n",
        "inventory/group_vars/all": "jet_connection: counted\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    frames, tally = str(tmp_path / "frames"), str(tmp_path / "tally")
    ran = jetpack(
        *("apply", "-p", "site.yml", "-i", "inventory", "--limit-hosts", "a", "--json"),
        path=plugins,
        FRAMES=frames,
        TALLY=tally,
    )
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return tmp_path, events, ran.stderr


def test_everything_a_plugin_adds_works_in_one_run(
    everything: tuple[Path, list[dict[str, object]], str],
) -> None:
    folder, events, _ = everything
    results = [event for event in events if event["event"] == "host_result"]
    found = [(one["task"], one["status"], one.get("msg", "")) for one in results]
    assert found[:2] == [("motto", "created", ""), ("echo", "passive", "True False")]
    assert [one[2] for one in found if one[0] == "expand"] == ["0", "1", "2"]
    assert [one["delegate"] for one in results if one["task"] == "route"] == ["b"]
    assert ("guard", "skipped", "there is content") in found
    assert [one["attempt"] for one in results if one["task"] == "attempt"] == [3]
    assert found[-2:] == [("last", "passive", "x"), ("handler", "passive", "x")]
    assert not [one for one in found if one[0] == "select"]
    assert (folder / "motto").read_text() == "ON!"
    assert (folder / "by-a").read_text() == "x"
    assert (folder / "out").read_text() == "host a\n"
    assert set((folder / "frames").read_text().split()) == {"a", "b"}


def test_what_raises_fails_its_task_only_and_says_what_it_was(
    everything: tuple[Path, list[dict[str, object]], str],
) -> None:
    _, events, _ = everything
    messages = {str(one["task"]): str(one["msg"]) for one in events if one.get("status") == "ignored"}
    assert set(messages) == {"choke", "expand broke", "route broke", "guard broke"}
    assert "choked" in messages["choke"]
    assert all("the modifier Breaks broke: KeyError" in messages[f"{phase} broke"] for phase in ("expand", "guard"))
    assert all(f"{phase} broke" in messages[f"{phase} broke"] for phase in ("expand", "route", "guard"))


def test_a_view_that_raises_is_one_warning_and_the_others_see_all(
    everything: tuple[Path, list[dict[str, object]], str],
) -> None:
    folder, events, _ = everything
    warnings = [str(one["msg"]) for one in events if one["event"] == "warning"]
    assert [text for text in warnings if "Bad" in text and "no paper" in text] == warnings
    assert "'run_finished': 1" in (folder / "tally").read_text()


def test_a_verb_of_a_plugin(everything: tuple[Path, list[dict[str, object]], str], jetpack: Run) -> None:
    folder, _, _ = everything
    assert jetpack("greet", path=folder / "plugins").stdout == "hello from a plugin\n"
    assert "greet" in jetpack("--help", path=folder / "plugins").stdout
    listed = jetpack("plugins", "list", path=folder / "plugins").stdout
    assert "all-of-it" in listed
    assert "Keep a motto" in jetpack("doc", "motto", path=folder / "plugins").stdout
