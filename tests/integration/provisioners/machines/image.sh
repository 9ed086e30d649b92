#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs on the build machine as root: image.sh FOLDER MIRROR SUITE
# Leaves in FOLDER the disk of a small Debian with cloud-init and an SSH server, `disk.qcow2`, and what boots it
# without a boot loader, `vmlinuz` and `initrd`. Prints nothing on standard output.
set -eu
folder=$1 mirror=$2 suite=$3
tree=$folder/tree
exec >&2

debootstrap --variant=minbase --components=main "$suite" "$tree" "$mirror"

# What this machine's apt needs to reach its mirror (proxy, clock checks), apt in the tree needs too.
apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-[A-Za-z-]+)(::|[ ])' \
    >"$tree/etc/apt/apt.conf.d/90machine" || true

chroot "$tree" env DEBIAN_FRONTEND=noninteractive sh -eu <<'INSIDE'
apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends systemd-sysv udev dbus kmod iproute2 openssh-server sudo \
    python3 cloud-init initramfs-tools busybox lz4 linux-image-cloud-amd64
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/* \
    /usr/share/info/* /usr/share/locale/*
rm -f /etc/ssh/ssh_host_*
# An emulated processor unpacks slowly, so the initrd holds the few drivers of these machines and nothing else.
printf 'MODULES=list\nCOMPRESS=lz4\nFSTYPE=ext4\nRESUME=none\n' >/etc/initramfs-tools/conf.d/machine
printf 'virtio_pci\nvirtio_blk\next4\n' >>/etc/initramfs-tools/modules
# Every driver that is found is loaded at the boot; kept are those of these machines.
find /lib/modules -name '*.ko' | grep -vE '/(virtio[^/]*|ext4|jbd2|mbcache|crc[^/]*|libcrc32c|scsi_(mod|common)|sr_mod|cdrom|isofs|nls_[^/]*|(net_)?failover|rng-core|autofs4|button|evdev)[.]ko$' |
    xargs rm -f
depmod "$(ls /lib/modules)"
update-initramfs -u -k all
printf 'datasource_list: [NoCloud, None]\n' >/etc/cloud/cloud.cfg.d/90_datasource.cfg
# Modules of cloud-init that a test has no use for; each costs a second of emulation.
cat >/etc/cloud/cloud.cfg.d/95_machine.cfg <<'CLOUD'
cloud_init_modules: [seed_random, growpart, resizefs, write-files, set_hostname, update_hostname, users-groups, ssh]
CLOUD
systemctl enable systemd-networkd.service
systemctl mask cloud-config.service cloud-final.service systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service systemd-binfmt.service \
    systemd-pstore.service systemd-journal-flush.service getty@tty1.service systemd-rfkill.service
systemctl mask cloud-init-hotplugd.socket
systemctl set-default multi-user.target
printf '/dev/vda / ext4 defaults 0 1\n' >/etc/fstab
rm -f /etc/machine-id /etc/hostname
touch /etc/machine-id
INSIDE

cp -L "$tree/vmlinuz" "$folder/vmlinuz"
cp -L "$tree/initrd.img" "$folder/initrd"
truncate --size=1G "$folder/disk.raw"
mkfs.ext4 -q -d "$tree" -L root -O ^metadata_csum "$folder/disk.raw"
qemu-img convert -f raw -O qcow2 "$folder/disk.raw" "$folder/disk.qcow2"
rm -rf --one-file-system "$tree" "$folder/disk.raw"
