# SPDX-License-Identifier: GPL-3.0-or-later
# Debian with systemd as process 1, and what it manages on a server: cron, git, locales; nginx waits in a repository.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends systemd-sysv dbus libpam-systemd git cron locales \
    apt-utils iproute2 >&2
# Debian's own nginx, and once more as an older version, so that tests can go back to it without a network.
mkdir -p /srv/apt/nginx
cd /srv/apt/nginx
apt-get download --quiet nginx nginx-common >&2
for package in nginx nginx-common; do
    dpkg-deb --raw-extract "$package"_*.deb older
    version=$(dpkg-deb --field "$package"_*.deb Version)
    sed -i "s/$version/1.22.1-8/g" older/DEBIAN/control
    dpkg-deb --root-owner-group --build older "/tmp/$package.deb" >&2
    rm -rf older
done
for package in nginx nginx-common; do mv "/tmp/$package.deb" "${package}_1.22.1-8.deb"; done
apt-ftparchive packages . >Packages
apt-ftparchive release . >Release
cd /
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
# The keys are put in place as in every host; then systemd takes over as process 1 and starts sshd itself.
sed -i '/^mkdir -p \/run\/sshd/,$d' /usr/local/sbin/fleet-init
echo 'exec /sbin/init' >>/usr/local/sbin/fleet-init
# What a container has no use for, or may not do.
systemctl mask systemd-udevd.service systemd-udev-trigger.service systemd-journald-audit.socket \
    systemd-binfmt.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer >&2
rm -f /etc/machine-id
touch /etc/machine-id
