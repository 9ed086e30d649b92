# SPDX-License-Identifier: GPL-3.0-or-later
# Debian with systemd as process 1, and what it manages on a server: cron, git, locales.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends systemd-sysv dbus libpam-systemd git cron locales >&2
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
# The keys are put in place as in every host; then systemd takes over as process 1 and starts sshd itself.
sed -i '/^mkdir -p \/run\/sshd/,$d' /usr/local/sbin/fleet-init
echo 'exec /sbin/init' >>/usr/local/sbin/fleet-init
# What a container has no use for, or may not do.
systemctl mask systemd-udevd.service systemd-udev-trigger.service systemd-journald-audit.socket \
    systemd-binfmt.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer >&2
rm -f /etc/machine-id
touch /etc/machine-id
