# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack new`: begin a plugin that works as it is."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from jetpack_core.cli.invocation import loaded_registry
from jetpack_core.errors import UsageError
from jetpack_core.registry import Kind

if TYPE_CHECKING:
    from jetpack_core.cli.plugin_template import PluginTemplate
    from jetpack_core.registry import Registry

KINDS: Final = ("module", "modifier", "connection", "provisioner", "filter", "command", "view")
OTHER_WORDS: Final = {"verb": "command", "cli-verb": "command", "event-sink": "view"}
"""What people may call a kind as well."""
LICENCES: Final = ("GPL-3.0-or-later", "Apache-2.0", "MIT")
LONGEST_NAME: Final = 30
"""Characters; lines of the package hold the name several times."""
_NAME: Final = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_PREFIX: Final = re.compile(r"^jetpack[-_](plugin|provisioner)[-_]")

_NEXT: Final = """\
Next:
  cd {folder}
  {python} -m pip install -e '.[dev]'
  {python} -m pytest
The {kind} is in {code}; README.md shows it at work."""


@click.group("new", short_help="Begin a plugin.")
def command() -> None:
    """Begin something new from a template."""


@command.command()
@click.argument("name", required=False)
@click.option("--kind", type=click.Choice((*KINDS, *OTHER_WORDS)), help="What it adds; a module if not said.")
@click.option("--description", metavar="TEXT", help="What it does, in one line.")
@click.option("--author", metavar="NAME", help="Your name; git's user.name if not said.")
@click.option("--licence", "--license", type=click.Choice(LICENCES), help="Its licence; GPL-3.0-or-later if not said.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Where the package's folder is made; here if not said.",
)
def plugin(
    name: str | None,
    kind: str | None,
    description: str | None,
    author: str | None,
    licence: str | None,
    folder: Path,
) -> None:
    """Begin a plugin called NAME, as a package that works as it is.

    It has code, tests, documentation and workflows: installed with pip, its tests pass and its example runs. On a
    terminal, what is not given is asked for.
    """
    from jetpack_core.cli.plugin_template import PluginTemplate, git_user

    template = PluginTemplate()
    asking = sys.stdin is not None and sys.stdin.isatty()
    chosen = _chosen_name(name, template, asking=asking)
    given = {
        "name": chosen,
        "kind": OTHER_WORDS.get(kind or "", kind) or _ask(template, "kind", "module", asking=asking),
    }
    _check_free(loaded_registry(), given["kind"], chosen)
    default = template.answers(given)["description"]
    given["description"] = _one_line(description or _ask(template, "description", default, asking=asking))
    given["author"] = author or _ask(template, "author", git_user() or "its authors", asking=asking)
    given["licence"] = licence or _ask(template, "licence", LICENCES[0], asking=asking)
    answers = template.answers(given)
    made = template.make(answers, folder)
    click.echo(f"made {made}")
    code = f"src/{answers['__package']}/{answers['kind']}.py"
    next_steps = _NEXT.format(folder=made, python=_python(), kind=answers["kind"], code=code)
    click.echo(f"\n{next_steps}", err=True)


def _python() -> str:
    """Return how to call the Python that Jetpack runs in, which is where a plugin has to be installed."""
    return shlex.quote(sys.executable or "python3")


def _ask(template: PluginTemplate, name: str, default: str, *, asking: bool) -> str:
    """Ask for what was not given, where there is somebody to ask."""
    if not asking:
        return default
    choices = template.choices(name)
    kind = click.Choice(choices) if choices else None
    return str(click.prompt(template.question(name), default=default, type=kind, err=True))


def _chosen_name(name: str | None, template: PluginTemplate, *, asking: bool) -> str:
    """Return the plugin's name as words with `_` between them. Raises UsageError for one that cannot be."""
    if name is None:
        if not asking:
            raise UsageError("a new plugin needs a name", hint="such as: jetpack new plugin greeting --kind module")
        name = str(click.prompt(template.question("name"), err=True))
    plain = _PREFIX.sub("", name.strip())
    if not _NAME.fullmatch(plain):
        nearest = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_0123456789")
        hint = "use small letters, digits and _, beginning with a letter" + (f": {nearest}" if nearest else "")
        raise UsageError(f"{name!r} is no name for a plugin", hint=hint)
    if len(plain) > LONGEST_NAME:
        raise UsageError(f"the name {plain!r} is longer than {LONGEST_NAME} characters", hint="choose a shorter one")
    return plain.replace("-", "_")


def _check_free(registry: Registry, kind: str, name: str) -> None:
    """Raise UsageError where the name is taken, by the core, an installed plugin or Jinja2."""
    written = name.replace("_", "-") if kind == "command" else name
    entry = registry.entries(Kind(f"{kind}s")).get(written)
    if entry is not None:
        owner = "built in" if entry.owner == "jetpack-core" else f"offered by {entry.owner}, which is installed"
        raise UsageError(f"there is a {kind} {written!r} already, {owner}", hint=_other_name(written))
    if kind == "filter":
        from jinja2.filters import FILTERS

        if name in FILTERS:
            raise UsageError(f"templates have a filter {name!r} already", hint=_other_name(name))


def _other_name(name: str) -> str:
    joint = "-" if "-" in name else "_"
    return f"choose another name, such as my{joint}{name}"


def _one_line(text: str) -> str:
    """Return a description without its full stop; the README adds one."""
    if not text.strip() or not text.isprintable():
        raise UsageError("the description is one line of text", hint="say what the plugin does, in one sentence")
    return text.strip().removesuffix(".")
