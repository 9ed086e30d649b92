"""The verb `jetpack {{ cookiecutter.__name }}`."""

from __future__ import annotations

import click


@click.command("{{ cookiecutter.__name }}")
@click.argument("who", default="world")
@click.option("--loud", is_flag=True, help="Say it in capitals.")
def command(who: str, loud: bool) -> None:
    """Greet WHO, or the world."""
    greeting = f"Hello, {who}!"
    click.echo(greeting.upper() if loud else greeting)
