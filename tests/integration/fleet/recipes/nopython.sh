# SPDX-License-Identifier: GPL-3.0-or-later
# Debian without Python: only a POSIX shell and the GNU tools.
apt-get purge --yes --auto-remove --quiet 'python3*' 'libpython3*' >&2
rm -rf /usr/lib/python3* /usr/local/lib/python3*
if command -v python3; then
    echo "python3 is still there" >&2
    exit 1
fi
