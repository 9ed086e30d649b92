# SPDX-License-Identifier: GPL-3.0-or-later
# Debian with the package managers of other families, and the tools that make packages and repositories for each.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends apt-utils createrepo-c dnf libarchive-tools makepkg \
    pacman-package-manager python3-pip python3-venv rpm zypper zstd >&2
# Debian lets nobody have all plugins of dnf beside zypper: those for holds and for restarts are unpacked alone.
(cd /tmp && apt-get download --quiet dnf-plugins-core >&2)
plugins=usr/lib/python3/dist-packages
dpkg-deb --fsys-tarfile /tmp/dnf-plugins-core_*.deb | tar -x -C / ./etc/dnf/plugins/versionlock.conf \
    ./etc/dnf/plugins/versionlock.list ./$plugins/dnf-plugins/versionlock.py \
    ./$plugins/dnf-plugins/needs_restarting.py ./$plugins/dnfpluginscore
rm /tmp/dnf-plugins-core_*.deb
# No repository but those that tests make is known, and no index is left.
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/*.bin
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
