# SPDX-License-Identifier: GPL-3.0-or-later
"""What the core itself offers, registered as any plugin would."""

from __future__ import annotations

from jetpack_core.hookspecs import Reference, hookimpl


def _references(package: str, entries: dict[str, tuple[str, str]]) -> list[Reference]:
    """Make references from name: (the rest of its place, summary)."""
    root = f"jetpack_core.{package}"
    return [Reference(name, root + place, summary) for name, (place, summary) in entries.items()]


@hookimpl
def jetpack_register_modules() -> list[Reference]:
    """Name the built-in modules."""
    return _references(
        "modules.",
        {
            "assert": ("control.assert_:Assert", "Fail unless conditions hold"),
            "block": ("files.block:Block", "Keep a block of lines in a text file"),
            "command": ("commands.command:Command", "Run a program without a shell"),
            "copy": ("files.copy:Copy", "Copy a file or folder to the host"),
            "debug": ("control.debug:Debug", "Show variables"),
            "directory": ("files.directory:Directory", "See that a directory exists, or does not"),
            "echo": ("control.echo:Echo", "Show a message"),
            "external": ("commands.external:External", "Run an executable of yours as a module"),
            "facts": ("control.facts:Facts", "Find out about the host"),
            "fail": ("control.fail:Fail", "Fail on purpose"),
            "fetch": ("files.fetch:Fetch", "Fetch a file from the host"),
            "file": ("files.file:File", "See that a file exists, or does not"),
            "line": ("files.line:Line", "Keep a line in a text file"),
            "link": ("files.link:Link", "See that a link exists and where it points"),
            "pause": ("control.pause:Pause", "Let some time pass"),
            "reboot": ("control.reboot:Reboot", "Restart the host and wait until it is back"),
            "script": ("commands.script:Script", "Run a script of the control machine on the host"),
            "set": ("control.set:Set", "Set variables of the host"),
            "shell": ("commands.shell:Shell", "Run a command line with a shell"),
            "stat": ("files.stat:Stat", "Look at a path of the host"),
            "template": ("files.template:Template", "Render a template to a file of the host"),
            "wait_for": ("control.wait_for:WaitFor", "Wait for a port, a path, a command or a web page"),
            "wait_for_host": ("control.wait_for_host:WaitForHost", "Wait until the host can be logged in to"),
            "wait_for_http": ("control.wait_for_http:WaitForHttp", "Wait until a web page answers"),
            "wait_for_others": ("control.wait_for_others:WaitForOthers", "Wait for the other hosts"),
        },
    )


@hookimpl
def jetpack_register_modifiers() -> list[Reference]:
    """Name the built-in modifiers."""
    return _references(
        "modifiers.",
        {
            "condition": ("condition:Condition", "Skip the task unless an expression is true"),
            "delay": ("delay:Delay", "Seconds between attempts"),
            "delegate_to": ("delegate_to:DelegateTo", "Act on another host"),
            "ignore_errors": ("ignore_errors:IgnoreErrors", "Go on after a failure"),
            "items": ("items:Items", "Loop over a list"),
            "notify": ("notify:Notify", "Run handlers when something changed"),
            "retry": ("retry:Retry", "Try a failure again"),
            "skip_if_exists": ("skip_if_exists:SkipIfExists", "Skip when a path is there"),
            "subscribe": ("subscribe:Subscribe", "Name what a handler answers"),
            "sudo": ("sudo:Sudo", "Become another user"),
            "tags": ("tags:Tags", "Select by --tags"),
        },
    )


@hookimpl
def jetpack_register_connections() -> list[Reference]:
    """Name the built-in connections."""
    return _references(
        "connections.",
        {
            "local": ("local:LocalConnection", "Act on the control machine itself"),
            "ssh": ("ssh:SshConnection", "Reach a host over SSH"),
        },
    )


@hookimpl
def jetpack_register_filters() -> list[Reference]:
    """Name the built-in template filters."""
    return _references(
        "variables.filters:",
        {},
    )


@hookimpl
def jetpack_register_tests() -> list[Reference]:
    """Name the built-in template tests."""
    return _references(
        "variables.filters:",
        {},
    )


@hookimpl
def jetpack_register_commands() -> list[Reference]:
    """Name the built-in verbs of the command line."""
    return _references(
        "cli.",
        {
            "apply": ("apply:command", "Make hosts match playbooks"),
            "check": ("check:command", "Find mistakes in content without touching a host"),
            "check-local": ("check_local:command", "Show what `local` would change on this machine"),
            "doc": ("doc:command", "Explain modules, modifiers and whatever else is installed"),
            "init": ("init:command", "Begin a project"),
            "local": ("local:command", "Make this machine match playbooks"),
            "plan": ("plan:command", "Show what `apply` would change, and change nothing"),
            "plugins": ("plugins:command", "List the installed plugins and check that they work"),
            "run": ("run:command", "Run one module or command on groups of hosts"),
            "show-inventory": ("show_inventory:command", "Show hosts, groups and their variables"),
            "vars": ("vars:command", "Explain where each variable of a host comes from"),
        },
    )
