# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is given to `python3 -c`; it is quoted for shells of every kind, so it has no quotes itself.

Its arguments: what to print at once, the length of the payload to read, and the command that a Python too old becomes.
Python 3.6; older ones must compile it, and leave before they print the mark or read anything.
"""

CODE = (
    "import os,sys,zlib,binascii;sys.version_info<(3,6)and os.execv(sys.argv[3],sys.argv[3:]);"
    "os.write(1,sys.argv[1].encode());"
    "r=lambda n:n and(lambda c:c+r(n-len(c)))(os.read(0,n)or sys.exit(9))or bytes();"
    "p=r(int(sys.argv[2]));exec(zlib.decompress(binascii.a2b_base64(p)))"
)
"""Read the payload and run it; it finds itself as `p`, to hand on to become helpers."""
PYTHONS = "python3 /usr/bin/python3 /usr/local/bin/python3 /usr/libexec/platform-python"
PICK = (
    'for p in "$0" ' + PYTHONS + ';do command -v "$p" >/dev/null 2>&1&&printf %s "$1"&&shift&&exec "$p" -ISc "$@";done;'
    "echo no python3 that this user may run >&2;exit 1"
)
"""A shell program for become helpers: our own interpreter may be out of the other user's reach.

It prints its first argument for what it then runs, which adds its mark: who only shows the command never says both.
"""
PYTHON_MARK = "P"
"""Printed once nothing but the helper will read what comes in."""
SHELL_MARK = "S"


def quote(word: str) -> str:
    """Quote one word for a shell."""
    return "'" + word.replace("'", "'\\''") + "'"
