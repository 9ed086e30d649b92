# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack secrets edit`, `set`, `encrypt` and `decrypt` of single values."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jetpack_core.secret_files.document import Document
from tests.unit.cli.secrets.conftest import JETPACK, Project, Type, age_key

START = """\
# of the shop
db:
  user: me      # not secret
  password: hunter2   # changed last year

  hosts: [a, b]
users:
  - name: ada
    token: first
  - name: bob
    token: second
motd: |
  hello
"""
PATIENCE = 30


def until(what: Callable[[], bool]) -> bool:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


@pytest.fixture
def shop(project: Project) -> Path:
    file = project.write("vars.yml", START)
    project.secrets("encrypt", "vars.yml", "--key", "db.password", "--key", "users.0.token", "--key", "users.1.token")
    return file


def editor(tmp_path: Path, code: str) -> str:
    """Return an editor that does something with the file `path`."""
    script = tmp_path / "editor.py"
    script.write_text(f"import os, sys\nfrom pathlib import Path\npath = Path(sys.argv[-1])\n{code}\n")
    return f"{shlex.quote(sys.executable)} {script}"


def replacing(tmp_path: Path, old: str, new: str) -> str:
    return editor(tmp_path, f"path.write_text(path.read_text().replace({old!r}, {new!r}))")


def armors(file: Path) -> dict[str, str]:
    return {str(value.keys): value.text for value in Document(file.read_bytes(), "x").sealed}


def in_clear(file: Path) -> bool:
    return any(word in file.read_text() for word in ("hunter2", "first", "second"))


def test_encrypting_values_keeps_everything_else(project: Project, shop: Path) -> None:
    assert not in_clear(shop)
    assert "  user: me      # not secret\n" in shop.read_text()
    assert project.secrets("view", "vars.yml").stdout == START


def test_an_edit_gives_only_the_changed_value_a_new_ciphertext(project: Project, shop: Path, tmp_path: Path) -> None:
    before = shop.read_text()
    done = project.secrets("edit", "vars.yml", EDITOR=replacing(tmp_path, "!age second", "!age third"))
    assert "1 value encrypted anew" in done.stderr
    after = shop.read_text()
    changed = Document(before.encode(), "x").values["users", 1, "token"]
    assert after.startswith(before[: changed.start])
    assert after.endswith(before[changed.region_end :])
    assert project.secrets("view", "vars.yml").stdout == START.replace("second", "third")


def test_what_the_editor_sees_is_tagged_and_private(project: Project, shop: Path, tmp_path: Path) -> None:
    look = "import json; found = [path.stat().st_mode, path.parent.stat().st_mode, str(path), path.read_text()]"
    code = f"{look}; Path({str(tmp_path / 'seen')!r}).write_text(json.dumps(found))"
    done = project.secrets("edit", "vars.yml", EDITOR=editor(tmp_path, code))
    assert "was not changed" in done.stderr
    import json

    mode, folder_mode, name, text = json.loads((tmp_path / "seen").read_text())
    assert (stat.S_IMODE(mode), stat.S_IMODE(folder_mode)) == (0o600, 0o700)
    assert name.startswith("/dev/shm/")
    assert "  password: !age hunter2   # changed last year\n" in text
    assert not Path(name).parent.exists()


def test_a_new_tag_encrypts_and_a_tag_taken_away_decrypts(project: Project, shop: Path, tmp_path: Path) -> None:
    code = "path.write_text(path.read_text().replace('user: me', 'user: !age me').replace('!age first', 'first'))"
    kept = armors(shop)["('db', 'password')"]
    project.secrets("edit", "vars.yml", EDITOR=editor(tmp_path, code))
    assert set(armors(shop)) == {"('db', 'user')", "('db', 'password')", "('users', 1, 'token')"}
    assert armors(shop)["('db', 'password')"] == kept
    assert project.secrets("view", "vars.yml").stdout == START


def test_a_new_file_can_be_written_in_the_editor(project: Project, tmp_path: Path) -> None:
    project.secrets("edit", "new/x.yml", EDITOR=editor(tmp_path, "path.write_text('a: !age b\\n')"))
    assert project.secrets("view", "new/x.yml", "a").stdout == "b"
    project.secrets("edit", "new/x.pem.age", EDITOR=editor(tmp_path, "path.write_text('pem')"))
    assert project.secrets("view", "new/x.pem.age").stdout == "pem"


def test_a_whole_file_is_edited(project: Project, tmp_path: Path) -> None:
    project.write("all.yml", "a: 1\nb: geheim\n")
    project.secrets("encrypt", "all.yml")
    project.secrets("edit", "all.yml.age", EDITOR=replacing(tmp_path, "geheim", "anders"))
    assert project.secrets("view", "all.yml.age", "b").stdout == "anders"
    project.secrets("set", "vars.yml", "x", stdin="y")
    broken = project.try_secrets("edit", "all.yml.age", EDITOR=replacing(tmp_path, "a: 1", "a: [1"))
    assert broken.returncode == 1
    assert project.secrets("view", "all.yml.age", "b").stdout == "anders"


def test_broken_yaml_without_a_terminal_changes_nothing(project: Project, shop: Path, tmp_path: Path) -> None:
    before = shop.read_bytes()
    done = project.try_secrets("edit", "vars.yml", EDITOR=replacing(tmp_path, "!age hunter2", "!age 'typed anew"))
    assert done.returncode == 1
    assert "vars.yml:" in done.stderr
    assert "typed anew" not in done.stderr
    assert shop.read_bytes() == before
    assert left_folders() == []


def test_broken_yaml_at_a_terminal_can_be_edited_again(
    project: Project, shop: Path, tmp_path: Path, at_terminal: Type
) -> None:
    code = (
        "text = path.read_text()\n"
        "path.write_text(text.replace('[ # oops', '').replace('hunter2', 'better') if '[ # oops' in text"
        " else text.replace('db:', 'db:[ # oops'))"
    )
    words = [*JETPACK, "secrets", "edit", "vars.yml"]
    exit_code, shown = at_terminal(words, ["y"], cwd=project.folder, EDITOR=editor(tmp_path, code))
    assert exit_code == 0, shown
    assert "Edit again?" in shown
    assert "hunter2" not in shown
    assert project.secrets("view", "vars.yml", "db.password").stdout == "better"


def test_giving_up_at_the_terminal_changes_nothing(
    project: Project, shop: Path, tmp_path: Path, at_terminal: Type
) -> None:
    before = shop.read_bytes()
    words = [*JETPACK, "secrets", "edit", "vars.yml"]
    exit_code, shown = at_terminal(words, ["n"], cwd=project.folder, EDITOR=replacing(tmp_path, "db:", "db: ["))
    assert (exit_code, "nothing was written" in shown) == (1, True)
    assert shop.read_bytes() == before


def test_an_editor_that_fails_changes_nothing(project: Project, shop: Path, tmp_path: Path) -> None:
    before = shop.read_bytes()
    done = project.try_secrets("edit", "vars.yml", EDITOR=editor(tmp_path, "path.write_text('x: 1'); sys.exit(3)"))
    assert (done.returncode, "ended with 3" in done.stderr) == (1, True)
    done = project.try_secrets("edit", "vars.yml", VISUAL="no-such-editor")
    assert (done.returncode, "no-such-editor cannot be run" in done.stderr) == (1, True)
    assert shop.read_bytes() == before
    assert left_folders() == []


def left_folders() -> list[Path]:
    """Return private folders of edits that belong to this test's process."""
    from jetpack_core.secret_files.private import PREFIX

    return [one for one in Path("/dev/shm").glob(f"{PREFIX}{os.getpid()}-*") if one.exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_killed_edit_leaves_nothing_in_clear(
    project: Project, shop: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = shop.read_bytes()
    seen = tmp_path / "seen"
    # A rename, so that whoever waits for the name also finds the content.
    wait = editor(
        tmp_path,
        f"part = Path({str(seen) + '.part'!r}); part.write_text(str(path)); part.rename({str(seen)!r});"
        "import time; time.sleep(600)",
    )
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "EDITOR": wait}
    words = [*JETPACK, "secrets", "edit", "vars.yml"]
    with subprocess.Popen(words, cwd=project.folder, env=environment, stderr=subprocess.PIPE) as running:
        assert until(seen.exists)
        private = Path(seen.read_text())
        assert "hunter2" in private.read_text()
        running.send_signal(number)
        assert running.wait(PATIENCE) == 128 + number
    assert until(lambda: not private.parent.exists())
    assert shop.read_bytes() == before


def test_a_change_of_somebody_else_meanwhile_is_not_overwritten(project: Project, shop: Path, tmp_path: Path) -> None:
    other = f"Path({str(shop)!r}).write_text('other: 1\\n')"
    code = f"path.write_text(path.read_text().replace('hunter2', 'mine')); {other}"
    done = project.try_secrets("edit", "vars.yml", EDITOR=editor(tmp_path, code))
    assert (done.returncode, "was changed by somebody else meanwhile" in done.stderr) == (1, True)
    assert shop.read_text() == "other: 1\n"
    shop.write_text(project.read("vars.yml.mine"))
    assert project.secrets("view", "vars.yml", "db.password").stdout == "mine"


def test_json_has_no_single_values(project: Project) -> None:
    project.write("vars.json", '{"a": "b"}\n')
    for words in (("set", "vars.json", "a"), ("encrypt", "vars.json", "--key", "a")):
        done = project.try_secrets(*words, stdin="x")
        assert (done.returncode, "vars.json is JSON" in done.stderr) == (1, True)
    assert project.read("vars.json") == '{"a": "b"}\n'


def test_values_for_others_stay_as_they_are(project: Project, shop: Path, tmp_path: Path) -> None:
    other = age_key(tmp_path / "other.txt")
    project.secrets("set", "vars.yml", "theirs", "--recipient", other.recipient, stdin="not mine")
    theirs = armors(shop)["('theirs',)"]
    done = project.secrets("edit", "vars.yml", EDITOR=replacing(tmp_path, "hunter2", "hunter3"))
    assert "1 value of vars.yml that no key at hand opens" in done.stderr
    assert armors(shop)["('theirs',)"] == theirs
    assert project.secrets("view", "vars.yml", "db.password").stdout == "hunter3"
    assert project.secrets("view", "vars.yml", "theirs", "--identity", other.file).stdout == "not mine"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("one\n", "one"),
        ("one", "one"),
        ("one\r\n", "one"),
        ("a\nb\n", "a\nb\n"),
        ("", ""),
        (" x ", " x "),
        ("\n\n", "\n\n"),
    ],
)
def test_the_line_end_of_one_line_does_not_count(project: Project, typed: str, kept: str) -> None:
    project.secrets("set", "vars.yml", "a", stdin=typed)
    assert project.secrets("view", "vars.yml", "a").stdout == kept


def test_setting_needs_no_private_key(project: Project, shop: Path) -> None:
    before = armors(shop)
    content = project.key.file.read_text()
    project.key.file.unlink()
    project.secrets("set", "vars.yml", "users.0.token", stdin="new")
    project.key.file.touch(mode=0o600)
    project.key.file.write_text(content)
    after = armors(shop)
    assert {key for key in after if after[key] != before[key]} == {"('users', 0, 'token')"}
    assert project.secrets("view", "vars.yml").stdout == START.replace("first", "new")


def test_a_file_is_set_with_every_character(project: Project) -> None:
    project.write("key.pem", "-----BEGIN\n  x\n-----END\n")
    project.secrets("set", "vars.yml", "tls.key", "--from", "key.pem")
    assert project.secrets("view", "vars.yml", "tls.key").stdout == "-----BEGIN\n  x\n-----END\n"


def test_modes_are_kept_and_new_files_are_private(project: Project, shop: Path) -> None:
    shop.chmod(0o640)
    project.secrets("set", "vars.yml", "a", stdin="b")
    assert stat.S_IMODE(shop.stat().st_mode) == 0o640
    project.secrets("set", "new.yml", "a", stdin="b")
    assert stat.S_IMODE((project.folder / "new.yml").stat().st_mode) == 0o600
    project.secrets("decrypt", "vars.yml")
    assert stat.S_IMODE(shop.stat().st_mode) == 0o600


def test_a_link_stays_a_link(project: Project, shop: Path) -> None:
    shop.rename(project.folder / "real.yml")
    project.secrets("rekey", "--accept-moved")
    shop.symlink_to("real.yml")
    project.secrets("set", "vars.yml", "a", stdin="b")
    assert shop.is_symlink()
    assert project.secrets("view", "real.yml", "a").stdout == "b"


def test_one_value_can_be_put_in_clear(project: Project, shop: Path) -> None:
    project.secrets("decrypt", "vars.yml", "--key", "users.0.token")
    assert "    token: first\n" in shop.read_text()
    assert len(armors(shop)) == 2
    assert project.secrets("decrypt", "vars.yml", "-o", "-").stdout == START
    assert len(armors(shop)) == 2


def test_keys_of_a_rule_are_encrypted_without_being_named(project: Project) -> None:
    project.rules(
        f"recipients: {{me: {project.key.recipient}}}\n"
        "rules:\n- {paths: 'vars/*.yml', recipients: me, keys: ['*password*', '*.token']}\n"
    )
    file = project.write("vars/x.yml", START)
    project.secrets("encrypt", "vars/x.yml")
    assert set(armors(file)) == {"('db', 'password')"}
    assert project.secrets("view", "vars/x.yml").stdout == START


def test_a_number_is_text_once_encrypted_and_that_is_told(project: Project) -> None:
    project.write("vars.yml", "port: 5432\n")
    done = project.secrets("encrypt", "vars.yml", "--key", "port")
    assert "warning: vars.yml:1:7: port was no text, and is text from now on" in done.stderr
    assert project.secrets("view", "vars.yml").stdout == 'port: "5432"\n'


def test_nothing_is_overwritten(project: Project) -> None:
    project.write("a", "one")
    project.secrets("encrypt", "a")
    project.write("a", "two")
    done = project.try_secrets("encrypt", "a")
    assert (done.returncode, "a.age is there already" in done.stderr) == (1, True)
    done = project.try_secrets("decrypt", "a.age")
    assert (done.returncode, "a is there already" in done.stderr) == (1, True)
    assert project.read("a") == "two"
    done = project.try_secrets("keygen")
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert "AGE-SECRET-KEY" not in done.stdout + done.stderr


def test_standard_input_becomes_an_encrypted_file(project: Project) -> None:
    project.secrets("encrypt", "--stdin", "all.yml.age", stdin="a: b\n")
    assert project.secrets("view", "all.yml.age").stdout == "a: b\n"
    project.secrets("encrypt", "--stdin", "vars.yml", "--key", "*", stdin="a: b # c\nd: null\n")
    assert project.secrets("view", "vars.yml").stdout == "a: b # c\nd: null\n"
    assert len(armors(project.folder / "vars.yml")) == 1


def test_a_value_to_paste_can_be_bound_to_its_place(project: Project) -> None:
    armor = project.secrets("encrypt", "--value", "vars.yml", "--key", "a", stdin="x").stdout
    project.write("vars.yml", f"a: {armor}")
    assert project.secrets("view", "vars.yml", "a").stdout == "x"
    project.write("vars.yml", f"b: {armor}")
    assert "encrypted for another place: vars.yml: a" in project.try_secrets("view", "vars.yml").stderr
