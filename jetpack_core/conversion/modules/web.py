# SPDX-License-Identifier: GPL-3.0-or-later
"""What is fetched from elsewhere."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jetpack_core.conversion.ledger import Refused
from jetpack_core.conversion.made import Made
from jetpack_core.conversion.modules.files import attributes

if TYPE_CHECKING:
    from jetpack_core.conversion.arguments import Arguments

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TAG = re.compile(r"(v|release-)?[0-9]+(\.[0-9]+)+.*")
_STRIP = re.compile(r"--strip(?:-components)?=([0-9]+)")


def git(given: Arguments) -> list[Made]:
    """Convert git."""
    made = Made("git").put("repo", given.text("repo", "name")).put("path", given.text("dest"))
    version = given.text("version")
    if version and _COMMIT.fullmatch(version):
        made.put("commit", version)
    elif version and version != "HEAD":
        made.put("tag" if _TAG.fullmatch(version) else "branch", version)
        if "{{" in version or _TAG.fullmatch(version):
            which = "tag" if _TAG.fullmatch(version) else "branch"
            given.look(f"version: {version} is taken for a {which}", "say `branch:`, `tag:` or `commit:`")
    made.put("depth", given.number("depth"))
    if given.truth("recursive") is not False:
        made.put("submodules", True)
    if given.truth("update") is False:
        made.parameters["update"] = False
    made.put("force", given.truth("force"))
    made.put("accept_hostkeys", given.truth("accept_hostkey", "accept_newhostkey"))
    key = given.text("key_file")
    made.put("ssh_options", {"IdentityFile": key} if key else None)
    given.drop("umask", "executable", "track_submodules", "single_branch")
    given.done()
    return [made]


def get_url(given: Arguments) -> list[Made]:
    """Convert get_url."""
    url, dest = given.text("url"), given.text("dest")
    if url is None or dest is None:
        raise Refused("`url` or `dest` is missing", "say what is fetched, and where to")
    if dest.endswith("/"):
        dest += posixpath.basename(urlsplit(url).path) if "{{" not in url else "{{ '" + "' | basename }}"
        if "{{" in url:
            raise Refused("`dest` is a directory, and the name of the file is not known", "write the whole `dest`")
    made = Made("download", {"url": url, "dest": dest})
    made.put("checksum", given.text("checksum", "sha256sum")).put("force", given.truth("force"))
    made.put("headers", given.take("headers"))
    made.put("username", given.text("url_username", "username")).put("password", given.text("url_password", "password"))
    timeout = given.number("timeout")
    made.put("timeout", timeout if timeout != 10 else None).put("backup", given.truth("backup"))  # noqa: PLR2004
    if given.truth("validate_certs") is False:
        raise Refused("`validate_certs: no`", "say which authority is trusted: `ca_file`, or the `pin` of the server")
    given.drop("use_proxy", "tmp_dest", "force_basic_auth", "http_agent", "decompress")
    attributes(given, made)
    given.done()
    return [made]


def unarchive(given: Arguments) -> list[Made]:
    """Convert unarchive."""
    source = given.text("src")
    if source is None:
        raise Refused("no `src`", "say which archive")
    remote = given.truth("remote_src") or given.truth("copy") is False
    made = Made("unpack", {"src": source}).put("dest", given.text("dest"))
    if not remote and "://" not in source:
        made.put("from", "control")
    made.put("creates", given.text("creates"))
    made.put("include", given.take("include")).put("exclude", given.take("exclude"))
    for option in given.words("extra_opts") or []:
        match = _STRIP.fullmatch(option)
        if match is None:
            raise Refused(f"the option {option} of tar", "see the parameters of !unpack")
        made.put("strip_components", int(match[1]))
    given.drop("list_files", "keep_newer", "decrypt", "validate_certs", "io_buffer_size")
    attributes(given, made)
    given.done()
    return [made]
