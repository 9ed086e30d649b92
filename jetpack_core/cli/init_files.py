# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a new project; they work with `jetpack local` and change nothing outside of /tmp."""

from __future__ import annotations

import json
from typing import Final

from jetpack_core import __version__

SECRETS: Final = "secrets.yml"
"""The file with the encrypted value."""
SECRET: Final = ("api_token", "an example; say `jetpack secrets set secrets.yml api_token` for yours")
"""Its key and value."""
BESIDES: Final = frozenset({".gitignore", ".pre-commit-config.yaml", ".github/workflows/check.yml"})
"""Files that go with a project, and that a folder may have already."""

_PROJECT: Final = """\
# What the flags would otherwise say; paths are relative to this file.
playbook: site.yml
inventory: inventory
roles: roles
"""
_GROUP: Final = """\
hosts:
  - web1.example.com
"""
_ALL: Final = """\
owner: operations
"""
_WEB: Final = """\
# Lists from several places are joined: these hosts have the page `index` of the play as well.
pages: [status]
"""
_PLAY: Final = """\
- name: web servers
  groups: [all]
  roles:
    - role: motd
  defaults:
    pages: [index]
    root: /tmp/jetpack-example
{vars_files}  tasks:
    - !directory
      name: folder for the pages
      path: "{{{{ root }}}}"
    - !copy
      name: the pages
      content: |
        This is {{{{ item }}}}.
      dest: "{{{{ root }}}}/{{{{ item }}}}.txt"
      with:
        items: pages
      and:
        notify: pages changed
{secret_task}  handlers:
    - !echo
      name: tell about it
      msg: the pages changed; a web server would be reloaded now
      with:
        subscribe: pages changed
"""
_VARS_FILES: Final = f"""\
  vars_files: [{SECRETS}]
"""
_TASK_WITH_IT: Final = """\
    - !copy
      name: what the pages log in with
      content: "{{ api_token }}"
      dest: "{{ root }}/token"
"""
_ROLE: Final = """\
defaults:
  owner: nobody in particular
  motd: /tmp/jetpack-example-motd
tasks:
  - main.yml
"""
_TASKS: Final = """\
- !template
  name: message of the day
  src: motd.j2
  dest: "{{ motd }}"
"""
_TEMPLATE: Final = """\
This machine is looked after by {{ owner }}.
"""
_IGNORED: Final = """\
# Private keys never belong here; that of `jetpack secrets keygen` is in ~/.config/jetpack.
identity.txt
*.agekey
# Saved plans (`jetpack plan --out plan.json`), and what `jetpack schema --out .jetpack` makes for editors.
plan.json
.jetpack/
"""
_HOOKS: Final = """\
# `pre-commit install` runs these before each commit; see https://pre-commit.com.
repos:
  - repo: local
    hooks:
      - id: jetpack-check
        name: jetpack check
        entry: jetpack check
        language: system
        pass_filenames: false
      - id: jetpack-secrets
        name: no secrets in clear
        entry: jetpack secrets scan
        language: system
        stages: [pre-commit]
"""
_WORKFLOW: Final = """\
name: check
on: [push, pull_request]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      # Name the plugins that your playbooks need as well.
      - run: pip install "jetpack-core=={version}"
      # Contacts no host and needs no key.
      - run: jetpack check
      - run: jetpack secrets scan
"""
_RULES: Final = """\
# Who can read which secrets; after changing it, run `jetpack secrets rekey`.
recipients:
  {user}: {recipient}
rules:
  - paths: {secrets}
    recipients: [{user}]
    keys: ["*"]
  - paths: "**"
    recipients: [{user}]
"""


def project_files(*, secrets: bool) -> dict[str, str]:
    """Return the files by path, but for those that need the user's key.

    :param secrets: Whether there will be an encrypted value, so that the playbook uses it.
    """
    play = _PLAY.format(vars_files=_VARS_FILES if secrets else "", secret_task=_TASK_WITH_IT if secrets else "")
    return {
        ".jetpack.yml": _PROJECT,
        "inventory/groups/web": _GROUP,
        "inventory/group_vars/all.yml": _ALL,
        "inventory/group_vars/web.yml": _WEB,
        "site.yml": play,
        "roles/motd/role.yml": _ROLE,
        "roles/motd/tasks/main.yml": _TASKS,
        "roles/motd/templates/motd.j2": _TEMPLATE,
        ".gitignore": _IGNORED,
        ".pre-commit-config.yaml": _HOOKS,
        ".github/workflows/check.yml": _WORKFLOW.format(version=__version__),
    }


def rules_text(user: str, recipient: str) -> str:
    """Return the rules by which one user can read everything."""
    return _RULES.format(user=json.dumps(user), recipient=recipient, secrets=SECRETS)
