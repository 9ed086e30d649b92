# SPDX-License-Identifier: GPL-3.0-or-later
# No Python, and busybox in place of the shell and of every tool it has: no GNU tool is left to fall back on.
apt-get purge --yes --auto-remove --quiet 'python3*' 'libpython3*' >&2
rm -rf /usr/lib/python3* /usr/local/lib/python3*
usermod --shell /bin/sh ops
usermod --shell /bin/sh deploy
usermod --shell /bin/sh root
rm -f /usr/bin/bash
# Those that must stay setuid or belong to the package manager are left as Debian has them.
for applet in $(busybox --list); do
    case $applet in
        busybox | su | login | passwd | dpkg | dpkg-deb | run-parts | init | linuxrc) continue ;;
    esac
    busybox rm -f "/usr/bin/$applet" "/usr/sbin/$applet"
    busybox ln -s /bin/busybox "/usr/bin/$applet"
done
# Its shell runs its own su rather than the one on the PATH: that works only from a setuid busybox,
# and with a kind of password hash that it knows.
busybox chmod 4755 /usr/bin/busybox
usermod --password "$(openssl passwd -6 "$ROOT_PASSWORD")" root
usermod --password "$(openssl passwd -6 "$OPS_PASSWORD")" ops
