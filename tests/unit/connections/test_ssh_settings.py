# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoint, completed from ssh_config."""

from __future__ import annotations

import getpass
import subprocess
import sys
from pathlib import Path

import pytest

from jetpack_core.connections.ssh_settings import SshSettings, jump_endpoint, may_wait, read_config, settings
from jetpack_core.contracts.connection import Credentials, Endpoint
from jetpack_core.errors import HostUnreachableError

CONFIG = """
Include more/*.conf
Host web*
  HostName %h.internal.example
  User deploy
  Port 2200
  IdentityFile ~/.ssh/web_key
  IdentitiesOnly yes
  ProxyJump first,ops@second:2222
  UserKnownHostsFile {folder}/a {folder}/b
  StrictHostKeyChecking accept-new
  ConnectTimeout 7
Host direct
  ProxyJump none
Match host matched
  HostKeyAlias shared-name
Host *
  User nobody
  ProxyCommand none
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "1.conf").write_text("Host included\n  Port 2201\n")
    return tmp_path


def resolve(folder: Path, endpoint: Endpoint) -> SshSettings:
    return settings(endpoint, read_config((folder / "config",)))


def test_everything_comes_from_the_file(folder: Path) -> None:
    found = resolve(folder, Endpoint("web1"))
    assert (found.address, found.port, found.user) == ("web1.internal.example", 2200, "deploy")
    assert found.identity_files == (Path("~/.ssh/web_key").expanduser(),)
    assert found.identities_only
    assert found.jumps == ("first", "ops@second:2222")
    assert found.user_known_hosts == (folder / "a", folder / "b")
    assert found.accept_new
    assert found.timeout == 7
    assert found.key_name == "[web1.internal.example]:2200"
    assert found.proxy_command is None
    assert found.where == "web1.internal.example port 2200"


def test_the_endpoint_wins(folder: Path) -> None:
    credentials = Credentials(private_key_file=Path("/key"))
    endpoint = Endpoint("x", address="web9", port=22, user="root", credentials=credentials, connect_timeout=3)
    found = resolve(folder, endpoint)
    assert (found.address, found.port, found.user, found.timeout) == ("web9.internal.example", 22, "root", 3)
    assert found.key_name == "web9.internal.example"


def test_include_match_and_none(folder: Path) -> None:
    assert resolve(folder, Endpoint("included")).port == 2201
    assert resolve(folder, Endpoint("included")).user == "nobody"
    assert resolve(folder, Endpoint("web2")).port == 2200
    assert resolve(folder, Endpoint("direct")).jumps == ()
    assert resolve(folder, Endpoint("matched")).key_name == "shared-name"


def test_a_file_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to("config")
    with pytest.raises(HostUnreachableError, match=r"config cannot be read: Too many levels of symbolic links"):
        read_config((tmp_path / "config",))


def test_no_file_at_all(tmp_path: Path) -> None:
    found = settings(Endpoint("plain"), read_config((tmp_path / "none",)))
    assert (found.address, found.port, found.user, found.key_name) == ("plain", 22, getpass.getuser(), "plain")
    assert [path.name for path in found.identity_files] == ["id_ed25519", "id_ecdsa", "id_rsa"]
    assert not found.accept_new
    assert found.timeout == 15


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(f"Include {tmp_path}/config\nHost x\n  Port 99\n")
    assert settings(Endpoint("x"), read_config((tmp_path / "config",))).port == 99


def test_jumps(folder: Path) -> None:
    target = resolve(folder, Endpoint("web1", credentials=Credentials(password="secret")))
    hop = jump_endpoint("ops@second:2222", target)
    assert (hop.host, hop.port, hop.user, hop.credentials.password) == ("second", 2222, "ops", None)
    six = jump_endpoint("[::1]:2222", target)
    assert (six.host, six.port, six.user) == ("::1", 2222, None)
    with pytest.raises(HostUnreachableError, match="ProxyJump"):
        jump_endpoint("a:b:c", target)


def test_match_exec_is_obeyed(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text('Match host h exec "true"\n  User yes\nMatch host h exec "false"\n  User no\n')
    code = (
        "from pathlib import Path; from jetpack_core.connections.lean import without_invoke\n"
        "with without_invoke():\n    from jetpack_core.connections.ssh_settings import may_wait, read_config\n"
        f"print(read_config((Path({str(config)!r}),)).lookup('h')['user'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "yes"


def test_paramiko_comes_without_what_only_match_exec_needs() -> None:
    code = (
        "import sys; from jetpack_core.connections.lean import without_invoke\n"
        "with without_invoke():\n    import paramiko\n"
        "print('invoke' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_name_is_looked_up_without_tables_of_letters() -> None:
    code = (
        "import sys\n"
        "import asyncio\n"
        "from jetpack_core.connections.ssh import SshConnection\n"
        "from jetpack_core.contracts.connection import Endpoint\n"
        "from jetpack_core.errors import HostUnreachableError\n"
        "for name in 'localhost', '127.0.0.1', 'no..name':\n"
        "    try:\n"
        "        asyncio.run(SshConnection(Endpoint('h', address=name, port=1)).connect())\n"
        "    except HostUnreachableError as error:\n"
        "        print(error.message)\n"
        "print('encodings.idna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *told, loaded = done.stdout.splitlines()
    assert loaded == "False"
    assert ["refused" in told[0], "refused" in told[1], "cannot be resolved" in told[2]] == [True] * 3


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("", False),
        ("Host a\n  HostName b\n  ConnectTimeout 3\n  ProxyCommand ssh -W %h:%p c\n", False),
        ("Match host a\n  User b\n", False),
        ("Match exec true\n  User b\n", True),
        ("CanonicalizeHostname yes\n", True),
        ("Host a\n  IdentityFile ~/%l\n", True),
    ],
)
def test_what_may_run_commands_or_ask_name_servers_is_told(text: str, waits: bool, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(text)
    assert may_wait(read_config((tmp_path / "config",))) is waits
