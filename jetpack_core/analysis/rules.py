# SPDX-License-Identifier: GPL-3.0-or-later
"""What each short name of a finding means, with an example and what to do; docs/reference/errors.md is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jetpack_core.analysis.findings import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding."""

    code: str
    severity: Severity
    """The usual one; where only a run can tell, it is `maybe` instead."""
    title: str
    meaning: str
    example: str
    remedy: str


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

CONTENT: Final = (
    Rule(
        "yaml-syntax",
        _ERROR,
        "This is not YAML",
        "The file cannot be read as YAML, or JSON where its name ends in `.json`: a bracket is open, the indentation"
        " is wrong, an alias has no anchor, or a second document begins.",
        "- name: web\n  groups: [web\n",
        "Look at the line and the one above it. A value that begins with `{{`, `*`, `&`, `!`, `%` or `@`, or that holds"
        " `: `, needs quotes.",
    ),
    Rule(
        "duplicate-key",
        _ERROR,
        "A key is there twice",
        "Only one of the two could count, and which one is rarely what was meant.",
        "- !copy\n  src: a\n  dest: /a\n  src: b\n",
        "Remove one of them.",
    ),
    Rule(
        "unreadable-file",
        _ERROR,
        "A file cannot be read as text",
        "It is a directory, too large, not UTF-8, or the user may not read it.",
        "vars_files: [logo.png]\n",
        "Save it as UTF-8 without a byte order mark, or correct its name or permissions.",
    ),
    Rule(
        "unreadable-secret",
        _ERROR,
        "A secret cannot be used as it stands",
        "What follows `!age` is no armored age file, or what is in an encrypted file is wrong.",
        "password: !age hello\n",
        "Encrypt the value: `jetpack secrets encrypt FILE --key KEY`.",
    ),
    Rule(
        "missing-file",
        _ERROR,
        "A file that is named does not exist",
        "A source of `copy`, a template, a file of variables or of a role's tasks is not in the folders that are"
        " searched; they are listed in the message.",
        "- !template\n  src: ngnix.conf.j2\n  dest: /etc/nginx/nginx.conf\n",
        "Correct the name; the hint has the nearest one.",
    ),
    Rule(
        "missing-role",
        _ERROR,
        "A role does not exist",
        "No folder of that name with a `role.yml` in it is where roles are searched: `--roles`, `$JET_ROLES_PATH`,"
        " `roles:` of .jetpack.yml, and `roles` beside the playbook.",
        "roles:\n  - role: ngnix\n",
        "Correct the name, or say where the role is.",
    ),
    Rule(
        "unknown-key",
        _ERROR,
        "A key means nothing here",
        "Keys that are not known are refused rather than ignored, as they are mostly slips of the pen.",
        "- name: web\n  hosts: [web]\n",
        "Take the key the hint names.",
    ),
    Rule(
        "missing-key",
        _ERROR,
        "A key is needed",
        "A play without `name` or `groups`, or a role's invocation without `role`.",
        "- name: web\n  tasks: []\n",
        "Add it.",
    ),
    Rule(
        "unknown-module",
        _ERROR,
        "No such module",
        "The task does not begin with the tag of a module, or with one that nothing installed offers.",
        "- !lineinfile\n  path: /etc/hosts\n",
        "Correct the name, or install the plugin that has the module. `jetpack doc` lists what is there.",
    ),
    Rule(
        "unknown-parameter",
        _ERROR,
        "The module has no such parameter",
        "Parameters that a module does not know are refused.",
        "- !copy\n  src: a\n  dst: /a\n",
        "Take the one the hint names; `jetpack doc MODULE` lists all.",
    ),
    Rule(
        "missing-parameter",
        _ERROR,
        "A parameter is needed",
        "The module cannot do without it.",
        "- !copy\n  src: a\n",
        "Add it; `jetpack doc MODULE` says what it means.",
    ),
    Rule(
        "unknown-modifier",
        _ERROR,
        "No such modifier, or not under this key",
        "`with:` and `and:` hold modifiers, each in the one it belongs to.",
        "- !reboot\n  and: {when: changed}\n",
        "Take the one the hint names; `jetpack doc` lists all.",
    ),
    Rule(
        "wrong-value",
        _ERROR,
        "A value is of the wrong kind",
        "A parameter, setting or variable does not take this value. Where templates make the value, it is judged with"
        " the variables of each host, and the hint says where they are set.",
        "- !wait_for\n  port: '{{ port }}'   # and group_vars has port: https\n",
        "Write what the message asks for.",
    ),
    Rule(
        "unknown-group",
        _ERROR,
        "No such group",
        "A play or a group names a group that the inventory does not have.",
        "- name: web\n  groups: [wbe]\n",
        "Correct the name; `jetpack show-inventory` lists all.",
    ),
    Rule(
        "template-syntax",
        _ERROR,
        "A template or expression does not compile",
        "A bracket is missing, a filter or test does not exist, or a statement has no end.",
        '- !echo\n  msg: "{{ name | uper }}"\n',
        "Correct it at the place shown.",
    ),
    Rule(
        "template-value",
        _ERROR,
        "A template fails with the values it gets",
        "The template compiles, but with the variables of the named hosts it cannot be rendered: a filter gets what it"
        " cannot take, a condition is neither true nor false, a loop gets no list.",
        "- !echo\n  msg: '{{ port + 1 }}'   # and port is text\n",
        "Correct the variable or the expression.",
    ),
    Rule(
        "inventory-script",
        _ERROR,
        "An inventory script failed",
        "It ended with an error, took too long or printed something else than JSON.",
        "inventory.sh: exit code 1\n",
        "Run the script by hand and read what it prints on standard error.",
    ),
    Rule(
        "invalid-content",
        _ERROR,
        "Something else in a file is wrong",
        "The message says what.",
        "- name: web\n  groups: []\n",
        "Do what the hint says.",
    ),
)
"""What keeps content from being loaded; every verb tells these, and nothing runs. They cannot be ignored."""

FOUND: Final = (
    Rule(
        "undefined-variable",
        _ERROR,
        "A variable is not defined",
        "Nothing defines it for the named hosts: no group, host, play, role, file or `-e`, and no earlier task. It is"
        " an error where the task fails for sure once it runs there; a `maybe` where a condition, a task that may be"
        " skipped, or a file that cannot be decrypted here decides.",
        "- !echo\n  msg: '{{ prot }}'\n",
        "Correct the name or define the variable. Where it may be missing, write `name | default(VALUE)`, or ask"
        " `name is defined`.",
    ),
    Rule(
        "unknown-host",
        _ERROR,
        "No such host to delegate to",
        "`delegate_to` names a host that is not in the inventory.",
        "with: {delegate_to: balancr}\n",
        "Correct the name; `jetpack show-inventory` lists all.",
    ),
    Rule(
        "unused-handler",
        _WARNING,
        "A handler never runs",
        "No task of a play that has the handler notifies what it subscribes to.",
        "- !service {name: nginx, restarted: true, with: {subscribe: restart ngnix}}\n",
        "Make the names equal, or remove the handler.",
    ),
    Rule(
        "unheard-notification",
        _WARNING,
        "A notification reaches no handler",
        "The task notifies a name to which no handler of the play, nor of its roles, subscribes.",
        "and: {notify: restart ngnix}\n",
        "Make the names equal, or add the handler.",
    ),
    Rule(
        "secret-in-argv",
        _ERROR,
        "A secret would show in the process list",
        "Everybody on the host sees the arguments of programs, so the task is refused when it runs.",
        "- !command\n  cmd: [login, --password, '{{ password }}']\n",
        "Hand it over by `env:` or `stdin:`.",
    ),
    Rule(
        "secret-in-output",
        _WARNING,
        "A secret is shown",
        "`echo`, `debug`, `fail` or `assert` show it. Jetpack covers secrets of 4 characters and more, but what is"
        " derived from one may slip through.",
        "- !echo\n  msg: 'it is {{ password }}'\n",
        "Show something else.",
    ),
    Rule(
        "secret-in-path",
        _WARNING,
        "A secret is in the name of a file",
        "Names of files are in backups, logs and listings.",
        "- !file\n  path: /srv/{{ token }}\n",
        "Name the file otherwise, and put the secret into it.",
    ),
    Rule(
        "secret-readable-by-all",
        _WARNING,
        "Everybody may read a file with a secret",
        "A secret goes into the file, and `mode` lets others read it.",
        "- !template\n  src: app.conf.j2\n  dest: /etc/app.conf\n  mode: 0o644\n",
        "Leave `mode` out, which makes it 0o600, or write 0o640 and a group.",
    ),
    Rule(
        "shadowed-variable",
        _WARNING,
        "A variable hides another one",
        "The play's vars beat the inventory, or two groups of which neither is in the other both set it. That a host"
        " beats its groups, and a group those it is in, is no finding.",
        "vars: {port: 80}   # and group_vars/web has port: 8080\n",
        "Say it in one place: the play's `defaults` let the inventory win. `jetpack vars HOST NAME` shows what wins.",
    ),
    Rule(
        "hidden-result",
        _WARNING,
        "A saved result is never seen",
        "The name is also one of the play's vars, of its vars_files or of the role's vars, which beat saved results.",
        "save: port   # and the play has vars: {port: 80}\n",
        "Save it under another name.",
    ),
    Rule(
        "reserved-name",
        _WARNING,
        "A variable has a name that Jetpack uses",
        "It hides, or is hidden by, what Jetpack itself puts there, such as `groups` or `item`.",
        "groups: [a, b]   # in host_vars\n",
        "Use another name.",
    ),
)
"""What `jetpack check` finds beyond that."""


def every_rule() -> dict[str, Rule]:
    """Return all rules by code."""
    return {rule.code: rule for rule in (*CONTENT, *FOUND)}
