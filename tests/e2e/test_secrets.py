# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is looked for in every byte that a run writes anywhere, and in every process list it is in."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jetpack_core.secrets import age
from jetpack_core.secrets.binding import place_of, seal
from tests.e2e.conftest import MakeProject, Project
from tests.integration.fleet.hosts import SshHost

pytestmark = [pytest.mark.docker, pytest.mark.ssh]

NewHost = Callable[[str], SshHost]

SECRET = "Gr1sgram/Zw3ifel+Ende"
TOKEN = "tok-9f8e7d6c5b4a3928"
IN_FILE = "KEY0123456789abcdefABCDEF"
FORMS = [
    form
    for secret in (SECRET, TOKEN, IN_FILE)
    for form in (
        secret,
        base64.b64encode(secret.encode()).decode()[:-4],
        base64.b64encode(b"x" + secret.encode()).decode()[2:-4],
        secret.encode().hex(),
        secret.replace("/", "%2F").replace("+", "%2B"),
    )
]

PLAYBOOK = """
- name: p
  groups: [web]
  tasks:
    - !copy {content: "pw={{ password }}", dest: /tmp/by-copy}
    - !template {src: app.j2, dest: /tmp/by-template}
    - !copy {src: tls.key.age, dest: /tmp/by-file}
    - !line {path: /tmp/by-copy, line: "token={{ token }}"}
    - !shell
      cmd: |
        exec 3<&0; sleep 1; cat <&3 >/dev/null
        echo "says $P and $(printf %s "$P" | base64)"; printf %s "$P" >&2; exit 7
      env: {P: "{{ password }}"}
      stdin: "{{ token }}"
      and: {ignore_errors: true, retry: 1}
    - !shell {cmd: "sleep 1; head -c 6; sleep 0.2; cat", stdin: "{{ password }}", save: out}
    - !echo {msg: "{{ out.stdout }}"}
    - !set {vars: {renamed: "{{ token | upper | lower }}"}}
    - !command {cmd: ["echo", "{{ renamed }}"], and: {ignore_errors: true}}
    - !debug {}
    - !fail {msg: "it was {{ password }} and {{ token | to_json }}"}
"""


NO_KEY = "no key at hand can decrypt it (tried: ~/.ssh/id_ed25519)"


class Secrets:
    """A project with secrets for one key."""

    def __init__(self, project: Project) -> None:
        self.project = project
        private, public = age.generate_key()
        self.recipient = age.parse_recipient(public, None)
        usual = project.home / ".config/jetpack/identity.txt"
        usual.parent.mkdir(parents=True)
        usual.write_text(private)
        usual.chmod(0o600)
        folder = project.folder
        (folder / ".jetpack-secrets.yml").touch()
        file = folder / "inventory/group_vars/web"
        armor = age.encrypt(seal(SECRET, place_of(file, ["password"])), [self.recipient], armored=True).decode()
        file.write_text("password: !age |\n" + "".join(f"  {line}\n" for line in armor.splitlines()))
        self.encrypt("inventory/group_vars/web.yml.age", f"token: {TOKEN}\n")
        self.encrypt("files/tls.key.age", f"{IN_FILE}\n")
        (folder / "templates/app.j2").write_text("pw={{ password }}\ntoken={{ token }}\n")
        (folder / "site.yml").write_text(PLAYBOOK)

    def encrypt(self, name: str, text: str) -> None:
        """Write an encrypted file."""
        path = self.project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(age.encrypt(text.encode(), [self.recipient], armored=True))


@contextmanager
def sampled(target: Path, *command: str) -> Iterator[None]:
    """Keep on writing a process list into a file, with the commands of all processes."""
    loop = "while :; do for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null; sleep 0.05; done"
    with target.open("wb") as stream:
        process = subprocess.Popen([*command, "sh", "-c", loop], stdout=stream, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not target.stat().st_size:
                assert time.monotonic() < deadline, "no process list was taken"
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()


def forms_in(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


def written_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield what is in every file of the control machine's project and home."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("utf-8", "surrogateescape")


def files_with_secrets(host: SshHost) -> dict[str, str]:
    """Return which files of a host hold any form of a secret, with their modes."""
    patterns = "".join(f"{form}\n" for form in FORMS)
    host.write("/dev/shm/patterns", patterns.encode())
    find = "find $top -xdev -type f ! -path /dev/shm/patterns -exec grep -lF -f /dev/shm/patterns {} +"
    tops = "for top in /[a-z]* /dev/shm; do case $top in /proc|/sys|/dev) continue;; esac"
    found = host.shell(f"{tops}; {find} 2>/dev/null; done; rm /dev/shm/patterns")
    return {path: host.shell(f"stat -c %a {path}").strip() for path in found.split()}


@pytest.mark.parametrize("image", ["debian", "nopython"])
def test_nothing_leaks_from_a_verbose_run_with_failures(
    new_host: NewHost, project: MakeProject, tmp_path: Path, image: str
) -> None:
    host = new_host(image)
    made = project([host])
    Secrets(made)
    there, here = tmp_path / "there", tmp_path / "here"
    with sampled(there, "docker", "exec", host.container), sampled(here):
        ran = made.run("apply", "-vvv", "--diff")
    assert ran.code == 2, ran.out + ran.err
    again = made.run("apply", "--json", "-vv")
    assert again.code == 2
    assert made.run("plan", "--diff", "-vvv").code in {0, 2}
    # The samples mean something only where what was to be seen was seen.
    assert "sleep 1" in there.read_text()
    assert "jetpack_core.cli" in here.read_text()
    assert "<secret: inventory/group_vars/web:1>" in ran.out
    for shown in (ran.out, ran.err, again.out, again.err):
        assert forms_in(shown) == []
    assert {path: forms_in(text) for path, text in written_below(tmp_path) if forms_in(text)} == {}
    assert len(list(made.home.glob(".local/state/jetpack/runs/*/events.jsonl"))) == 3
    assert files_with_secrets(host) == {"/tmp/by-copy": "600", "/tmp/by-template": "600", "/tmp/by-file": "600"}
    assert host.read("/tmp/by-copy").decode().startswith(f"pw={SECRET}")
    assert host.read("/tmp/by-file").decode() == f"{IN_FILE}\n"


def test_the_show_from_a_key_to_two_hosts(new_host: NewHost, project: MakeProject) -> None:
    hosts = [new_host("debian"), new_host("debian")]
    made = project(hosts)
    Secrets(made)
    playbook = "- name: p\n  groups: [web]\n  tasks:\n    - !template {src: app.j2, dest: /tmp/app}\n"
    (made.folder / "site.yml").write_text(playbook)
    planned = made.run("plan", "--diff")
    assert "(hidden: a secret is in it)" in planned.out
    assert forms_in(planned.out) == []
    assert made.run("apply").code == 0
    for host in hosts:
        assert host.read("/tmp/app").decode() == f"pw={SECRET}\ntoken={TOKEN}\n"
    shutil.rmtree(made.home / ".config")
    unknown = made.run("plan")
    assert unknown.code == 0
    assert NO_KEY in unknown.out
    refused = made.run("apply")
    assert refused.code == 2
    assert NO_KEY in refused.out
