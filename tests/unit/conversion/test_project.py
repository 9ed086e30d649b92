# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole project of Ansible's is converted, passes the checks, runs, and matches afterwards."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.cli.conftest import Run, invoke, jetpack

__all__ = ["invoke", "jetpack"]

PROJECT = {
    "ansible.cfg": "[defaults]\nforks = 20\n",
    "hosts": """\
        ; production
        [web]
        localhost ansible_connection=local site_title="The site"
        web[01:03].example.org ansible_host=192.0.2.1 ansible_user=deploy

        [db]
        db-[a:b].example.org

        [all:children]
        web
        db

        [web:vars]
        http_port=8080
        """,
    "group_vars/all.yml": """\
        ---
        # where everything goes
        root: ROOT
        debug_pages: no
        pages:
          - index    # the first
        """,
    "group_vars/web.yml": "pages:\n  - about\n  - contact\nlimits: {soft: 10}\nansible_become: yes\n",
    "site.yml": """\
        ---
        - import_playbook: web.yml
        """,
    "web.yml": """\
        # Web servers.
        - name: web servers
          hosts: web
          vars:
            conf: "{{ base }}/etc"
            base: "{{ root }}/srv"
          pre_tasks:
            - name: it is a host we know
              assert:
                that:
                  - ansible_system == 'Linux'
                  - ansible_os_family in ['Debian', 'RedHat', 'Alpine', 'Suse', 'Archlinux']
                  - inventory_hostname in groups['web']
          roles:
            - { role: pages, page_owner: operations, tags: pages }
          tasks:
            - name: conf dir
              file: path={{ conf }} state=directory mode=0750
            - name: settings
              template: src=app.conf.j2 dest={{ conf }}/app.conf
              notify: [reload app]
            - name: initialise once
              command: touch {{ conf }}/ready
              args:
                creates: "{{ conf }}/ready"
            - name: a line
              lineinfile:
                path: "{{ conf }}/app.conf.local"
                line: port={{ http_port }}
                create: yes
            - name: a block
              blockinfile:
                path: "{{ conf }}/app.conf.local"
                block: |
                  # kept
                  a = 1
            - stat: path={{ conf }}/ready
              register: ready
            - name: only when ready
              copy:
                content: "ready: {{ ready.stat.exists }}\\n"
                dest: "{{ conf }}/state"
              when:
                - ready.stat.exists
                - debug_pages or true
          handlers:
            - name: reload
              listen: reload app
              shell: date >> {{ conf }}/reloads
        """,
    "templates/app.conf.j2": """\
        # {{ ansible_managed }}
        {% for page in pages %}
          page {{ page }}
        {% endfor %}
        {% if not debug_pages %}
        port = {{ http_port }}
        {% endif %}
        """,
    "roles/pages/tasks/main.yml": """\
        - include_tasks: folder.yml
        - name: pages
          copy:
            content: "{{ item }} by {{ page_owner }}: {{ heading }}\\n"
            dest: "{{ root }}/pages/{{ item }}.txt"
            mode: "0644"
          with_items: "{{ pages }}"
        """,
    "roles/pages/tasks/folder.yml": "- name: folder\n  file: {path: '{{ root }}/pages', state: directory}\n",
    "roles/pages/defaults/main.yml": "page_owner: nobody\nheading: 'Page of {{ page_owner }}'\n",
    "roles/pages/meta/main.yml": "galaxy_info: {author: me}\ndependencies: []\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).replace("ROOT", str(tmp_path / "root")))
    return folder


def test_a_project_is_checked_run_and_matches_afterwards(project: Path, tmp_path: Path, jetpack: Run) -> None:
    (tmp_path / "root").mkdir()
    done = jetpack("convert", "ansible", "theirs", "-o", "ours")
    assert done.returncode == 2, done.stderr
    assert "theirs/group_vars/web.yml:5: variable 'ansible_become'" in done.stderr
    assert "1 not converted" in done.stderr
    ours = tmp_path / "ours"
    checked = jetpack("check", cwd=ours)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    applied = jetpack("apply", "-p", "web.yml", "--limit-hosts", "localhost", cwd=ours)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    root = tmp_path / "root"
    # The lists of the groups are not joined: in Ansible, that of the nearer group replaces the other.
    assert sorted(path.name for path in (root / "pages").iterdir()) == ["about.txt", "contact.txt"]
    assert (root / "pages/about.txt").read_text() == "about by operations: Page of operations\n"
    assert (root / "srv/etc/app.conf").read_text() == (
        "# This file is managed by Jetpack\n  page about\n  page contact\nport = 8080\n"
    )
    assert (root / "srv/etc/state").read_text() == "ready: True\n"
    assert (root / "srv/etc").stat().st_mode & 0o777 == 0o750
    assert "# BEGIN ANSIBLE MANAGED BLOCK\n# kept\na = 1\n" in (root / "srv/etc/app.conf.local").read_text()
    assert (root / "srv/etc/reloads").is_file()
    planned = jetpack("plan", "-p", "web.yml", "--limit-hosts", "localhost", cwd=ours)
    assert planned.returncode == 0
    assert "would modify" not in planned.stdout
    assert "would create" not in planned.stdout
    assert "nothing would change" in planned.stdout


def test_the_inventory_keeps_hosts_groups_variables_and_comments(project: Path, tmp_path: Path, invoke: Run) -> None:
    invoke("convert", "ansible", str(project), "-o", "ours")
    inventory = tmp_path / "ours/inventory"
    assert (inventory / "groups/db").read_text() == "hosts:\n  - db-a.example.org\n  - db-b.example.org\n"
    assert "web03.example.org" in (inventory / "groups/web").read_text()
    assert (inventory / "host_vars/web02.example.org.yml").read_text() == (
        'jet_ssh_hostname: "192.0.2.1"\njet_ssh_user: deploy\n'
    )
    text = (inventory / "group_vars/all.yml").read_text()
    assert "# where everything goes\n" in text
    assert "debug_pages: false\n" in text
    assert "pages: !replace\n  - index    # the first\n" in text


def test_nothing_is_overwritten_and_the_original_stays(project: Path, tmp_path: Path, invoke: Run) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/mine").write_text("x")
    refused = invoke("convert", "ansible", str(project), "-o", "ours")
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    inside = invoke("convert", "ansible", str(project), "-o", str(project / "new"))
    assert "is inside of" in inside.stderr
    without = invoke("convert", "ansible", str(project))
    assert "-o NEW" in without.stderr
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


UGLY = {
    "tabs": ("- hosts: all\n\ttasks: []\n", "tab"),
    "duplicate keys": ("- hosts: all\n  tasks: []\n  tasks: []\n", "tasks"),
    "binary": ("\0\1\2", "NUL"),
    "two documents": ("- hosts: all\n---\n- hosts: all\n", "second document"),
    "broken": ("- hosts: [\n", ""),
}


@pytest.mark.parametrize("name", UGLY)
def test_a_file_that_cannot_be_read_is_listed_and_the_others_are_converted(
    name: str, project: Path, tmp_path: Path, invoke: Run
) -> None:
    text, word = UGLY[name]
    (project / "ugly.yml").write_text(text)
    done = invoke("convert", "ansible", str(project), "-o", "ours")
    assert done.returncode == 2
    assert "ugly.yml:" in done.stderr
    assert word in done.stderr
    assert (tmp_path / "ours/web.yml").is_file()
    alone = invoke("convert", "ansible", str(project / "ugly.yml"))
    assert alone.returncode == 2
    assert "ugly.yml:" in alone.stderr


def test_what_is_no_content_is_refused(tmp_path: Path, invoke: Run) -> None:
    (tmp_path / "poem.yml").write_text("Shall I compare thee\n")
    done = invoke("convert", "ansible", "poem.yml")
    assert done.returncode == 1
    assert "poem.yml is no playbook" in done.stderr
    (tmp_path / "nothing").mkdir()
    assert "nothing of Ansible's" in invoke("convert", "ansible", "nothing", "-o", "ours").stderr


def test_one_playbook_is_printed(project: Path, invoke: Run) -> None:
    done = invoke("convert", "ansible", str(project / "web.yml"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Web servers.\n- name: web servers, at first\n  groups: [web]\n")


def test_vault_values_are_listed_and_kept(project: Path, tmp_path: Path, invoke: Run) -> None:
    vault = "$ANSIBLE_VAULT;1.1;AES256\n3132\n"
    (project / "group_vars/db.yml").write_text("password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\nport: 5432\n")
    (project / "host_vars").mkdir()
    (project / "host_vars/db-a.example.org.yml").write_text(vault)
    done = invoke("convert", "ansible", str(project), "-o", "ours")
    assert "variable 'password': it is encrypted with ansible-vault" in done.stderr
    assert "secrets import-vault" in done.stderr
    assert "!vault |" in (tmp_path / "ours/inventory/group_vars/db.yml").read_text()
    assert (tmp_path / "ours/inventory/host_vars/db-a.example.org.yml").read_text() == vault


def test_a_variable_that_is_a_template_is_not_left_to_be_taken_for_text(
    project: Path, tmp_path: Path, invoke: Run
) -> None:
    (project / "group_vars/db.yml").write_text("url: http://{{ name }}/\nother: 1\n")
    done = invoke("convert", "ansible", str(project), "-o", "ours")
    assert "db.yml:1: variable 'url': values of variables are not rendered" in done.stderr
    text = (tmp_path / "ours/inventory/group_vars/db.yml").read_text()
    assert text == "# NOT CONVERTED: url: http://{{ name }}/\nother: 1\n"


def test_variables_in_a_folder_beat_those_of_the_inventory_file(project: Path, tmp_path: Path, invoke: Run) -> None:
    (project / "group_vars/web.yml").unlink()
    (project / "group_vars/web").mkdir()
    (project / "group_vars/web/main.yml").write_text("http_port: 81\n")
    (project / "host_vars/localhost").mkdir(parents=True)
    (project / "host_vars/localhost/main.yml").write_text("site_title: Another\n")
    invoke("convert", "ansible", str(project), "-o", "ours")
    ours = tmp_path / "ours"
    for name, value in (("http_port", "81"), ("site_title", '"Another"')):
        shown = invoke("vars", "localhost", name, cwd=ours).stdout
        assert shown.startswith(f"{name}: {value}\n"), shown


def test_backslashes_in_files_of_templates_stay_as_they_are(project: Path, tmp_path: Path, invoke: Run) -> None:
    text = "{{ 'ab' | regex_replace('(b)', '<\\\\1>') }}\n"
    (project / "templates").mkdir(exist_ok=True)
    (project / "templates/a.j2").write_text(text)
    invoke("convert", "ansible", str(project), "-o", "ours")
    assert (tmp_path / "ours/templates/a.j2").read_text() == text
