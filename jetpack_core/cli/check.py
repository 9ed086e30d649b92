# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack check`: find mistakes without touching a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jetpack_core.cli import options
from jetpack_core.cli.options import ContentOptions, HostOptions, take
from jetpack_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jetpack_core.analysis.findings import Finding
    from jetpack_core.cli.findings import Checked
    from jetpack_core.cli.sources import Sources
    from jetpack_core.content.model import Playbook
    from jetpack_core.inventory.model import Inventory


@click.command("check")
@options.content_options()
@options.inventory_option()
@click.option("--strict", is_flag=True, help="End with 1 for warnings and maybes as well.")
@click.option("--select", multiple=True, metavar="CODES", help="Tell only these kinds; commas between.")
@click.option("--ignore", multiple=True, metavar="CODES", help="Leave these kinds out; commas between.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF 2.1.0, as code hosts read it.")
def command(
    strict: bool, select: tuple[str, ...], ignore: tuple[str, ...], as_json: bool, as_sarif: bool, **flags: Any
) -> int:
    """Find mistakes in playbooks, roles, templates, inventory and plugins, without touching a host.

    All of them are told at once, each with its place: errors, which fail for sure; warnings; and maybes, where only a
    run can tell, with the reason. Without an inventory, playbooks alone are checked. No secret needs to be readable.

    A comment `# jetpack: ignore[CODE]` on a line or above it keeps a finding back. Ends with 1 where there is an
    error, else with 0.
    """
    from jetpack_core.cli import findings as output

    if as_json and as_sarif:
        raise UsageError("--json and --sarif exclude each other")
    wanted, unwanted = _codes(select), _codes(ignore)
    checked = _check(flags, lambda one: one.code not in unwanted and (not wanted or one.code in wanted))
    if as_json:
        output.print_json(checked)
    elif as_sarif:
        output.print_sarif(checked)
    else:
        output.print_text(checked)
    return output.exit_code(checked.findings, strict=strict)


def _codes(given: Sequence[str]) -> frozenset[str]:
    """Return codes of findings. Raises UsageError for one that does not exist."""
    from jetpack_core.analysis.rules import every_rule
    from jetpack_core.content.problems import suggest

    codes = frozenset(code.strip() for text in given for code in text.split(",") if code.strip())
    known = every_rule()
    for code in sorted(codes - known.keys()):
        raise UsageError(f"there is no kind of finding {code!r}", hint=suggest(code, known))
    return codes


def _check(flags: dict[str, Any], is_wanted: Callable[[Finding], bool]) -> Checked:
    """Load everything and look at it. Raises JetpackError where nothing can be looked at.

    :param is_wanted: chooses among the findings; what keeps content from being loaded is always told.
    """
    from jetpack_core.analysis.findings import of_problem
    from jetpack_core.cli.findings import Checked
    from jetpack_core.cli.sources import Gathered, check_groups, load_each_playbook, open_inventory, open_sources

    sources = open_sources(take(ContentOptions, flags), lenient=True)
    hosts = take(HostOptions, flags)
    playbooks: list[Playbook] = []
    inventories: list[Inventory] = []
    found = Gathered()
    load_each_playbook(sources, playbooks, found)
    if hosts.inventory or sources.project.inventory:
        found.run(lambda: inventories.append(open_inventory(hosts, sources.project, sources.vault)))
    for inventory in inventories:
        found.run(lambda inventory=inventory: check_groups(playbooks, inventory))  # type: ignore[misc]
        found.run(lambda inventory=inventory: _check_guests(inventory, sources))  # type: ignore[misc]
    if found.errors:
        found.raise_if_any()
    findings = [of_problem(problem) for problem in dict.fromkeys(found.problems)]
    known = next(iter(inventories), None)
    # Playbooks whose inventory could not be loaded would be full of variables that nothing defines.
    if known is not None or not (hosts.inventory or sources.project.inventory):
        findings += filter(is_wanted, _analyse(playbooks, known, sources))
    return Checked(tuple(playbooks), known, findings)


def _analyse(playbooks: Sequence[Playbook], inventory: Inventory | None, sources: Sources) -> list[Finding]:
    from jetpack_core.analysis.run import analyse

    missing = [path for path in sources.project.secrets_inventory if not path.exists()]
    unread = f"it may be in the secrets inventory {missing[0]}, which is not there" if missing else ""
    return analyse(playbooks, inventory, sources.registry, sources.extra_vars, sources.vault, unread)


def _check_guests(inventory: Inventory, sources: Sources) -> None:
    """Raise ContentError for `provision:` maps that are wrong; one with a secret in it is left for the run."""
    from jetpack_core.cli.guests import is_guest
    from jetpack_core.secrets.values import holds_sealed

    guests = [host for host in inventory.hosts if is_guest(host, inventory, sources.extra_vars)]
    guests = [host for host in guests if not holds_sealed(inventory.variables(host).get("provision"))]
    if guests:
        from jetpack_core.provisioning.requests import collect
        from jetpack_core.variables.templates import Templates

        templates = Templates(sources.registry, sources.vault)
        collect(guests, inventory, sources.registry, templates, sources.extra_vars)
