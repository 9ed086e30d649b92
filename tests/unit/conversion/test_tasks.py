# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of Ansible's become tasks of Jetpack's, or comments that lose nothing."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from jetpack_core.conversion.ledger import Kind
from jetpack_core.conversion.project import convert_file
from tests.unit.conversion.conftest import Convert

PAIRS = {
    "apt": (
        "- apt: name=nginx,curl state=latest update_cache=yes cache_valid_time=3600\n  become: yes",
        (
            "- !apt\n  package: [nginx, curl]\n  refresh: true\n  cache_valid: 3600s\n  update: true\n"
            "  with:\n    sudo: root\n"
        ),
    ),
    "service": (
        "- ansible.builtin.service: {name: cron, state: restarted, enabled: yes}",
        "- !service\n  service: cron\n  restart: true\n  enabled: true\n",
    ),
    "daemon_reload": (
        "- systemd: {name: app, daemon_reload: true, state: stopped}",
        "- !sd_service\n  service: app\n  started: false\n  daemon_reload: true\n",
    ),
    "user": (
        "- user: {name: ann, groups: 'a,b', append: yes, comment: Ann B, state: present}",
        "- !user\n  user: ann\n  groups:\n    - a\n    - b\n  append: true\n  gecos: Ann B\n",
    ),
    "command": (
        "- command: make install chdir=/src creates=/usr/bin/app\n  environment: {CC: gcc}",
        (
            "- !command\n  cmd: make install\n  cwd: /src\n  env:\n    CC: gcc\n"
            "  with:\n    skip_if_exists: /usr/bin/app\n"
        ),
    ),
    "retries": (
        "- shell: curl x\n  register: r\n  until: r.rc == 0\n  retries: 4\n  delay: 2",
        "- !shell\n  cmd: curl x\n  save: r\n  failed_when: not (r.rc == 0)\n  and:\n    retry: 4\n    delay: 2\n",
    ),
    "git": (
        "- git: {repo: 'https://x.org/a.git', dest: /srv/a, version: v1.2, recursive: no}",
        "- !git\n  repo: https://x.org/a.git\n  path: /srv/a\n  tag: v1.2\n",
    ),
    "get_url": (
        "- get_url: {url: 'https://x.org/a.tgz', dest: /opt/, mode: '0644', checksum: 'sha256:ab'}",
        "- !download\n  url: https://x.org/a.tgz\n  dest: /opt/a.tgz\n  checksum: sha256:ab\n  mode: 0o644\n",
    ),
    "unarchive": (
        "- unarchive: {src: a.tgz, dest: /opt, extra_opts: [--strip-components=1]}",
        "- !unpack\n  src: a.tgz\n  dest: /opt\n  from: control\n  strip_components: 1\n",
    ),
    "loop with a name of its own": (
        '- debug: msg="{{ one }} {{ n }}"\n  loop: "{{ all }}"\n  loop_control: {loop_var: one, index_var: n}',
        '- !echo\n  msg: "{{ item }} {{ item_index }}"\n  with:\n    items: all\n',
    ),
    "lists in with_items": (
        '- debug: msg={{ item }}\n  with_items: ["{{ a }}", b]',
        '- !echo\n  msg: "{{ item }}"\n  with:\n    items: "[(a), \'b\'] | flatten(1)"\n',
    ),
    "lists in with_together": (
        '- debug: msg={{ item }}\n  with_together: [[a, b], "{{ c }}"]',
        "- !echo\n  msg: \"{{ item }}\"\n  with:\n    items: \"['a', 'b'] | zip((c))\"\n",
    ),
    "a group that goes": ("- group: {name: g, gid: 5, state: absent}", "- !group\n  group: g\n  remove: true\n"),
    "backslashes within braces": (
        (
            "- debug: {msg: \"{{ a | regex_replace('(b)', '\\\\1') }}\"}\n"
            "- debug: msg=x\n  loop: \"{{ a | map('regex_replace', '^', '\\\\1') }}\""
        ),
        (
            "- !echo\n  msg: '{{ a | regex_replace(''(b)'', ''\\\\1'') }}'\n"
            "- !echo\n  msg: x\n  with:\n    items: a | map('regex_replace', '^', '\\\\1')\n"
        ),
    ),
    "backslashes without braces": (
        "- debug: msg=x\n  when: a == '\\\\1'",
        "- !echo\n  msg: x\n  with:\n    condition: a == '\\\\1'\n",
    ),
    "variables of a task": (
        "- debug:\n    msg: '{{ where }}/x'\n  vars:\n    where: '/srv/{{ name }}'",
        "- !echo\n  msg: \"{{ ('/srv/' ~ name) }}/x\"\n",
    ),
    "results of stat": (
        "- stat: path=/x\n  register: s\n- debug: msg=y\n  when: not s.stat.exists and s['stat']['isdir']",
        '- !stat\n  path: /x\n  save: s\n- !echo\n  msg: "y"\n  with:\n    condition: not s.exists and s.is_dir\n',
    ),
    "results that failed": (
        "- command: a\n  register: r\n  ignore_errors: yes\n- debug: msg=x\n  when: r is failed or r is not succeeded",
        (
            "- !command\n  cmd: a\n  save: r\n  and:\n    ignore_errors: true\n"
            "- !echo\n  msg: x\n  with:\n    condition: r.rc != 0 or r.rc != 0\n"
        ),
    ),
    "facts": (
        (
            "- debug: msg=x\n  when: ansible_facts['os_family'] == 'RedHat' and ansible_distribution_version is "
            "version('8', 'ge')"
        ),
        "- !echo\n  msg: x\n  with:\n    condition: jet_os_flavor == 'EL' and jet_os_version is version('8', '>=')\n",
    ),
    "bare condition": (
        "- debug: msg=x\n  when: [enabled, not other]",
        "- !echo\n  msg: x\n  with:\n    condition: (enabled | bool) and not (other | bool)\n",
    ),
    "comments": (
        "# above\n- debug:\n    # within\n    msg: x  # behind\n",
        "# above\n# within\n# behind\n- !echo\n  msg: x\n",
    ),
    "venv": (
        "- pip: name=flask virtualenv=/opt/v",
        (
            "- !command\n  cmd: [python3, -m, venv, /opt/v]\n  with:\n    skip_if_exists: /opt/v/bin/python\n"
            "- !pip\n  package: flask\n  virtualenv: /opt/v\n"
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_task_becomes(name: str, tasks: Convert) -> None:
    given, wanted = PAIRS[name]
    text, made = tasks(given)
    assert text == wanted
    assert made.ledger.entries(Kind.LEFT) == []


def test_facts_are_gathered_whatever_tags_are_chosen(tmp_path: Path) -> None:
    path = tmp_path / "site.yml"
    path.write_text("- hosts: all\n  tasks:\n    - debug: msg=x\n      tags: [b, a]\n")
    text = str(convert_file(path).files["site.yml"])
    assert "    - !facts\n      with:\n        tags: [a, b]\n" in text


def test_patterns_of_hosts_are_left_whole(tmp_path: Path) -> None:
    path = tmp_path / "site.yml"
    path.write_text("- hosts: web:!db\n  tasks:\n    - debug: msg=x\n")
    made = convert_file(path)
    assert "- hosts" in str(made.files["site.yml"])
    assert not any(line.startswith("-") for line in str(made.files["site.yml"]).splitlines())
    assert len(made.ledger.entries(Kind.LEFT)) == 1


LEFT = {
    "module": ("- mysql_db: {name: x}", "the module mysql_db has no counterpart"),
    "parameter": ("- copy: {src: a, dest: /b, nonsense: 1}", "the parameter nonsense of copy"),
    "lookup": ("- debug: msg=\"{{ lookup('pipe', 'ls') }}\"", "lookup()"),
    "file elsewhere": ("- debug: msg=\"{{ lookup('file', '/etc/hostname') }}\"", "is not in the project"),
    "filter": ("- debug: msg=\"{{ a | password_hash('sha512') }}\"", "no filter 'password_hash'"),
    "arguments of a filter": ("- debug: msg={{ a | to_nice_yaml(indent=2) }}", "'to_nice_yaml' with arguments"),
    "fact": ("- debug: msg={{ ansible_bios_date }}", "no fact for ansible_bios_date"),
    "rescue": ("- block:\n    - debug: msg=x\n  rescue:\n    - debug: msg=y", "a block with `rescue`"),
    "never": ("- debug: msg=x\n  tags: [never]", "the tag `never`"),
    "result of copy": (
        "- copy: {src: a, dest: /b}\n  register: r\n- debug: msg=x\n  when: r is changed",
        "saves no result",
    ),
    "vault": ("- debug:\n    msg: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      3132", "ansible-vault"),
    "no task": ("- just text\n- debug: msg=x", "a task is a mapping"),
    "template that is none": ("- debug: msg='{{ a b c'", "not a template"),
    "included nothing": ("- include_tasks: nowhere.yml", "nowhere.yml is not there"),
    "retries from a variable": ("- command: a\n  register: r\n  until: r.rc == 0\n  retries: '{{ n }}'", "{{ n }}"),
    "delay from a variable": ("- command: a\n  register: r\n  until: r.rc == 0\n  delay: '{{ n }}'", "{{ n }}"),
    "with_together of nothing": ("- debug: msg=x\n  with_together: []", "the loop with_together"),
    "mode that is none": ("- file: {path: /x, state: directory, mode: 7777}", "the mode 7777 is a decimal number"),
    "omit": ('- file: {path: /x, state: directory, owner: "{{ o | default(omit) }}"}', "omit"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_has_no_counterpart_stays_as_a_comment_and_is_listed(name: str, tasks: Convert) -> None:
    given, why = LEFT[name]
    text, made = tasks(given)
    (entry,) = made.ledger.entries(Kind.LEFT)
    assert why in entry.why
    assert entry.instead
    kept = "\n".join(line.removeprefix("# ").removeprefix("#") for line in text.splitlines() if line.startswith("#"))
    broken = dedent(given).split("\n- ")
    assert any(one.removeprefix("- ").rstrip() in kept for one in broken)


def test_the_place_of_what_is_left_is_told(tasks: Convert) -> None:
    _, made = tasks("- debug: msg=x\n\n- name: bad one\n  nothing_known: {}\n")
    (entry,) = made.ledger.entries(Kind.LEFT)
    assert entry.position.line == 3
    assert entry.what == "task 'bad one'"


LOOK = {
    "decimal mode": ("- copy: {content: x, dest: /x, mode: 644}", "mode: 0o1204\n", "which is 0o1204"),
    "decimal mode that is meant": ("- copy: {content: x, dest: /x, mode: 420}", "mode: 0o644\n", "which is 0o644"),
    "verbosity": ("- debug: {msg: x, verbosity: 2}", "msg: x\n", "`verbosity` was left out"),
    "delay before a look": ("- wait_for: {port: 80, delay: 10}", "port: 80\n", "`delay` was left out"),
    "command in a variable": ("- command: '{{ line }}'", 'cmd: "{{ line }}"\n', "taken for one word"),
    "pause in a loop": ("- debug: msg=x\n  loop: [1]\n  loop_control: {pause: 2}", "msg: x\n", "the `pause` of a loop"),
}


@pytest.mark.parametrize("name", LOOK)
def test_what_does_not_mean_the_same_is_told(name: str, tasks: Convert) -> None:
    given, wanted, why = LOOK[name]
    text, made = tasks(given)
    assert wanted in text
    (entry,) = made.ledger.entries(Kind.LOOK)
    assert why in entry.why
    assert entry.instead


@pytest.mark.parametrize("mode", ["0644", "'644'", "0o644", "'0644'"])
def test_modes_with_a_zero_or_in_quotes_are_octal(mode: str, tasks: Convert) -> None:
    text, made = tasks(f"- copy: {{content: x, dest: /x, mode: {mode}}}")
    assert "mode: 0o644\n" in text
    assert made.ledger.entries(Kind.LOOK) == []


def test_variables_of_a_play_that_a_task_sets_are_told(tmp_path: Path) -> None:
    path = tmp_path / "site.yml"
    path.write_text("- hosts: all\n  vars: {x: 1, y: 2, z: 3}\n  tasks:\n    - set_fact: x=2\n    - set_fact: {y: 3}\n")
    entries = convert_file(path).ledger.entries(Kind.LOOK)
    assert [entry.why for entry in entries] == [
        "what is set later does not beat 'x' in the `vars` of a play",
        "what is set later does not beat 'y' in the `vars` of a play",
    ]


def test_lists_and_maps_that_a_role_is_given_replace_its_own(tmp_path: Path) -> None:
    path = tmp_path / "site.yml"
    path.write_text("- hosts: all\n  roles:\n    - role: r\n      vars: {one: 1, more: [a], map: {k: v}}\n")
    wanted = "vars:\n        one: 1\n        more: !replace\n          - a\n        map: !replace\n          k: v\n"
    assert wanted in str(convert_file(path).files["site.yml"])


@pytest.mark.parametrize(
    "around", ["vars: {own: 1}", 'loop: "{{ all }}"\n  loop_control: {loop_var: own}'], ids=["vars", "loop"]
)
def test_a_template_does_not_lose_what_only_its_task_has(around: str, tmp_path: Path, tasks: Convert) -> None:
    (tmp_path / "a.j2").write_text("{{ other }}\n")
    given = f"- template: {{src: a.j2, dest: /x}}\n  {around}\n"
    text, made = tasks(given)
    assert text.startswith("- !template\n")
    (tmp_path / "a.j2").write_text("{{ own }}\n")
    text, made = tasks(given)
    (entry,) = made.ledger.entries(Kind.LEFT)
    assert "looks at own, which only the task has" in entry.why
    assert not text.startswith("- !template\n")
