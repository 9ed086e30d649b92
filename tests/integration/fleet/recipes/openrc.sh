# SPDX-License-Identifier: GPL-3.0-or-later
# Debian with OpenRC in charge of the services, as far as a container needs an init system.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends openrc cron >&2
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
echo 'rc_sys="docker"' >>/etc/rc.conf
# What a container cannot do is not started; sshd is started as in every host, once OpenRC has the rest.
rm -f /etc/runlevels/*/*
sed -i 's|^mkdir -p /run/sshd|openrc sysinit; openrc boot; openrc default\n&|' /usr/local/sbin/fleet-init
