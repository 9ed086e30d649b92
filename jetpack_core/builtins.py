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
            "apk": ("packages.apk:Apk", "Manage packages of Alpine Linux"),
            "apt": ("packages.apt:Apt", "Manage packages of Debian and its family"),
            "apt_repository": ("packages.apt_repository:AptRepository", "Name a repository of Debian packages"),
            "assert": ("control.assert_:Assert", "Fail unless conditions hold"),
            "authorized_key": ("access.authorized_key:AuthorizedKey", "See that public keys may log in, or may not"),
            "block": ("files.block:Block", "Keep a block of lines in a text file"),
            "command": ("commands.command:Command", "Run a program without a shell"),
            "copy": ("files.copy:Copy", "Copy a file or folder to the host"),
            "cron": ("system.cron:Cron", "Run a command at given times"),
            "debug": ("control.debug:Debug", "Show variables"),
            "directory": ("files.directory:Directory", "See that a directory exists, or does not"),
            "dnf": ("packages.dnf:Dnf", "Manage packages of Fedora, RHEL and their family"),
            "dnf_repository": ("packages.dnf_repository:DnfRepository", "Name a repository of rpms"),
            "echo": ("control.echo:Echo", "Show a message"),
            "external": ("commands.external:External", "Run an executable of yours as a module"),
            "facts": ("control.facts:Facts", "Find out about the host"),
            "fail": ("control.fail:Fail", "Fail on purpose"),
            "fetch": ("files.fetch:Fetch", "Fetch a file from the host"),
            "file": ("files.file:File", "See that a file exists, or does not"),
            "git": ("system.git:Git", "Check out a repository, and keep it up to date"),
            "group": ("access.group:Group", "See that a group exists, or does not"),
            "homebrew": ("packages.homebrew:Homebrew", "Manage packages of Homebrew"),
            "hostname": ("system.hostname:Hostname", "Give the host its name"),
            "instantiate": ("fleet.instantiate:Instantiate", "Write the hosts of a fleet into an inventory"),
            "line": ("files.line:Line", "Keep a line in a text file"),
            "link": ("files.link:Link", "See that a link exists and where it points"),
            "locale": ("system.locale:Locale", "See that locales are there, and say which one logins begin with"),
            "mount": ("system.mount:Mount", "Mount a file system now and at each start, or see that it is not"),
            "package": ("packages.package:Package", "Manage packages, whatever the package manager"),
            "pacman": ("packages.pacman:Pacman", "Manage packages of Arch Linux and its family"),
            "pause": ("control.pause:Pause", "Let some time pass"),
            "pip": ("packages.pip:Pip", "Manage Python packages"),
            "reboot": ("control.reboot:Reboot", "Restart the host and wait until it is back"),
            "script": ("commands.script:Script", "Run a script of the control machine on the host"),
            "sd_service": ("system.sd_service:SdService", "Start, stop, enable and restart a unit of systemd"),
            "service": ("system.service:Service", "Start, stop and enable a service, whatever the init system"),
            "set": ("control.set:Set", "Set variables of the host"),
            "shell": ("commands.shell:Shell", "Run a command line with a shell"),
            "stat": ("files.stat:Stat", "Look at a path of the host"),
            "sysctl": ("system.sysctl:Sysctl", "Set a parameter of the Linux kernel"),
            "systemd_unit": ("system.systemd_unit:SystemdUnit", "Write a unit of systemd, and let systemd read it"),
            "template": ("files.template:Template", "Render a template to a file of the host"),
            "timezone": ("system.timezone:Timezone", "Set the time zone"),
            "user": ("access.user:User", "See that a user exists and is as wanted, or does not exist"),
            "wait_for": ("control.wait_for:WaitFor", "Wait for a port, a path, a command or a web page"),
            "wait_for_host": ("control.wait_for_host:WaitForHost", "Wait until the host can be logged in to"),
            "wait_for_http": ("control.wait_for_http:WaitForHttp", "Wait until a web page answers"),
            "wait_for_others": ("control.wait_for_others:WaitForOthers", "Wait for the other hosts"),
            "yum": ("packages.dnf:Dnf", "The other name of dnf"),
            "zypper": ("packages.zypper:Zypper", "Manage packages of SUSE and its family"),
        },
    )


@hookimpl
def jetpack_register_modifiers() -> list[Reference]:
    """Name the built-in modifiers."""
    return _references(
        "modifiers.",
        {
            "cond": ("condition:Condition", "The first name of `condition` in Jetporch"),
            "condition": ("condition:Condition", "Skip the task unless an expression is true"),
            "confirm": ("confirm:Confirm", "Ask the operator before a change"),
            "delay": ("delay:Delay", "Seconds between attempts"),
            "delegate_to": ("delegate_to:DelegateTo", "Act on another host"),
            "ignore_errors": ("ignore_errors:IgnoreErrors", "Go on after a failure"),
            "items": ("items:Items", "Loop over a list"),
            "notify": ("notify:Notify", "Run handlers when something changed"),
            "retry": ("retry:Retry", "Try a failure again"),
            "run_once": ("run_once:RunOnce", "Act on one host for all"),
            "skip_if_exists": ("skip_if_exists:SkipIfExists", "Skip when a path is there"),
            "subscribe": ("subscribe:Subscribe", "Name what a handler answers"),
            "sudo": ("sudo:Sudo", "Become another user"),
            "tags": ("tags:Tags", "Select by --tags"),
            "window": ("window:Window", "Act only at certain times"),
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
        "variables.filters.",
        {
            "b64decode": ("formats:b64decode", "Decode base64"),
            "b64encode": ("formats:b64encode", "Encode as base64"),
            "basename": ("text:basename", "Take the last part of a path"),
            "bool": ("collections:to_bool", "Read yes, no, on, off and the like as true or false"),
            "combine": ("collections:combine", "Merge maps deeply"),
            "dict2items": ("collections:dict2items", "Turn a map into a list of keys and values"),
            "difference": ("collections:difference", "Take what one list has and another has not"),
            "dirname": ("text:dirname", "Take a path without its last part"),
            "flatten": ("collections:flatten", "Make one list of lists in lists"),
            "from_json": ("formats:from_json", "Read JSON"),
            "from_yaml": ("formats:from_yaml", "Read YAML"),
            "hash": ("formats:digest", "Compute a digest, SHA-256 if not said otherwise"),
            "intersect": ("collections:intersect", "Take what two lists have in common"),
            "items2dict": ("collections:items2dict", "Turn a list of keys and values into a map"),
            "quote": ("text:quote", "Quote for a shell"),
            "regex_findall": ("text:regex_findall", "Find all matches of a regular expression"),
            "regex_replace": ("text:regex_replace", "Replace by a regular expression"),
            "regex_search": ("text:regex_search", "Find the first match of a regular expression"),
            "split": ("text:split", "Split text into a list"),
            "ternary": ("collections:ternary", "Choose one of two values"),
            "to_json": ("formats:to_json", "Write as JSON"),
            "to_yaml": ("formats:to_yaml", "Write as YAML"),
            "union": ("collections:union", "Take what either of two lists has"),
            "version": ("versions:version", "Compare versions"),
            "zip": ("collections:zip_lists", "Join lists element by element"),
        },
    )


@hookimpl
def jetpack_register_tests() -> list[Reference]:
    """Name the built-in template tests."""
    return _references(
        "variables.filters.",
        {
            "all": ("collections:all_true", "All elements are true"),
            "any": ("collections:any_true", "Some element is true"),
            "contains": ("collections:contains", "A list, map or text holds a value"),
            "ends_with": ("text:ends_with", "Text ends with other text"),
            "json_equal": ("collections:json_equal", "Two values are equal and of the same type"),
            "match": ("text:match", "A regular expression matches from the start"),
            "search": ("text:search", "A regular expression matches anywhere"),
            "starts_with": ("text:starts_with", "Text starts with other text"),
            "subset": ("collections:subset", "Another list holds all elements"),
            "superset": ("collections:superset", "The list holds all elements of another"),
            "version": ("versions:version", "A version compares to another as said"),
        },
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
            "completion": ("completion:command", "Let the shell complete verbs, hosts, groups and more"),
            "convert": ("convert:command", "Turn the content of other tools into Jetpack's"),
            "destroy": ("destroy:command", "Remove hosts that Jetpack made"),
            "doc": ("doc:command", "Explain modules, modifiers and whatever else is installed"),
            "doctor": ("doctor.command:command", "Find out what is wrong around a project, and what to do"),
            "init": ("init:command", "Begin a project"),
            "local": ("local:command", "Make this machine match playbooks"),
            "new": ("new:command", "Begin a plugin"),
            "plan": ("plan:command", "Show what `apply` would change, and change nothing"),
            "plugins": ("plugins:command", "List the installed plugins and check that they work"),
            "provision": ("provision:command", "Make the hosts that the inventory describes"),
            "report": ("report:command", "Make a report of a run"),
            "run": ("run:command", "Run one module or command on groups of hosts"),
            "schema": ("schema:command", "Print JSON Schemas that help editors"),
            "secrets": ("secrets.group:command", "Keep secrets in files, encrypted for those who may read them"),
            "show-inventory": ("show_inventory:command", "Show hosts, groups and their variables"),
            "vars": ("vars:command", "Explain where each variable of a host comes from"),
        },
    )
