# SPDX-License-Identifier: GPL-3.0-or-later
"""What to say to habits of other tools, and of older playbooks."""

from __future__ import annotations

from typing import Final

TASK_KEYS: Final = {
    "when": "conditions are written `with: {condition: ...}`",
    "only_if": "conditions are written `with: {condition: ...}`",
    "condition": "it belongs under `with:`",
    "loop": "loops are written `with: {items: ...}`",
    "with_items": "loops are written `with: {items: ...}`",
    "items": "it belongs under `with:`",
    "notify": "it belongs under `and:`",
    "listen": "a handler says `with: {subscribe: ...}`",
    "subscribe": "it belongs under `with:`",
    "register": "modules that run something have `save: NAME`",
    "vars": "a task has no variables of its own; put them into the `vars` of the play or of the role's invocation",
    "become": "another user is named by `with: {sudo: ...}`",
    "become_user": "another user is named by `with: {sudo: ...}`",
    "sudo": "it belongs under `with:`",
    "tags": "it belongs under `with:`",
    "delegate_to": "it belongs under `with:`",
    "skip_if_exists": "it belongs under `with:`",
    "creates": "write `with: {skip_if_exists: PATH}`",
    "ignore_errors": "it belongs under `and:`",
    "retry": "it belongs under `and:`",
    "retries": "write `and: {retry: ...}`",
    "until": "write `and: {retry: ...}`",
    "delay": "it belongs under `and:`",
    "environment": "modules that run something have `env:`",
    "args": "write the parameters directly below the module",
    "no_log": "secrets are never shown, so there is nothing to say",
}
"""Where that goes which other tools, or older playbooks, write at the level of a task."""

MODIFIERS: Final = {
    "when": "it is called `condition`",
    "loop": "it is called `items`",
    "with_items": "it is called `items`",
    "register": "modules that run something have `save: NAME`",
    "become": "it is called `sudo`, with the user as its value",
    "become_user": "it is called `sudo`",
    "listen": "it is called `subscribe`",
    "retries": "it is called `retry`",
    "creates": "it is called `skip_if_exists`",
    "failed_when": "it is a parameter of the modules that run something",
    "changed_when": "it is a parameter of the modules that run something",
    "save": "it is a parameter of the modules that run something",
}
"""For keys of `with:` and `and:`."""

PLAY_KEYS: Final = {
    "hosts": "say `groups:`, a list of groups",
    "group": "say `groups:`, a list of groups",
    "become": "say `sudo: root`",
    "become_user": "say `sudo: USER`",
    "become_method": "say `sudo_template:`, with {{ jet_sudo_user }} and {{ jet_command }} in it",
    "remote_user": "say `ssh_user:`",
    "user": "say `ssh_user:`",
    "port": "say `ssh_port:`",
    "serial": "say `batch_size:`",
    "max_fail_percentage": "say `max_failures:`, such as 25%",
    "any_errors_fatal": "say `max_failures: 1`",
    "gather_facts": "facts are gathered by a task: `- !facts`",
    "pre_tasks": "roles run first, then `tasks`; put these into a role or a play before",
    "post_tasks": "put them at the end of `tasks`, or into a play of their own",
    "environment": "modules that run something have `env:`",
    "tags": "tags belong to roles and tasks",
    "import_playbook": "name several playbooks with -p",
    "vars_prompt": "give values with -e",
    "instantiate": "the task !instantiate writes a fleet into an inventory; `provision:` in its variables makes it",
}

MODULES: Final = {
    "service": "services are managed by !sd_service",
    "systemd": "services are managed by !sd_service",
    "systemd_service": "services are managed by !sd_service",
    "firewall": 'rules are a file: !template with `validate_with: [nft, -c, -f, "%s"]`, loaded by a handler',
    "lineinfile": "it is called !line",
    "replace": "lines are changed by !line",
    "blockinfile": "it is called !block",
    "set_fact": "it is called !set",
    "setup": "it is called !facts",
    "gather_facts": "it is called !facts",
    "get_url": "it is called !download: pip install jetpack-plugin-download",
    "unarchive": "it is called !unpack: pip install jetpack-plugin-unpack",
    "synchronize": "folders are copied by !copy",
    "package": "name the package manager: !apt, !dnf, !zypper, !pacman, !apk",
    "include_tasks": "there are no includes; a role lists its files of tasks in role.yml",
    "import_tasks": "there are no includes; a role lists its files of tasks in role.yml",
    "include_role": "roles are listed in the play's `roles`",
    "import_role": "roles are listed in the play's `roles`",
    "include_vars": "files of variables are listed in the play's `vars_files`",
    "meta": "what runs is decided before the run; handlers run at its end",
    "raw": "commands are run by !shell or !command",
}
"""For modules that other tools have under another name."""
