#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs on the build machine as root: base.sh TARGET MIRROR SUITE
# Leaves a Debian tree in TARGET that apt can go on with, and prints nothing on standard output.
set -eu
target=$1 mirror=$2 suite=$3

debootstrap --variant=minbase --components=main \
    --include=openssh-server,sudo,opendoas,python3,busybox-static,ca-certificates \
    "$suite" "$target" "$mirror" >&2

# What this machine's apt needs to reach its mirror (proxy, clock checks), apt in the hosts needs too.
apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check-[A-Za-z-]+)(::|[ ])' \
    >"$target/etc/apt/apt.conf.d/90fleet" || true

# The hosts are copied and compared as whole trees: what no test reads is only weight.
rm -rf "$target"/var/cache/apt/*.bin "$target"/var/cache/apt/archives/*.deb "$target"/var/lib/apt/lists/* \
    "$target"/usr/share/doc/* "$target"/usr/share/man/* "$target"/usr/share/info/* \
    "$target"/usr/share/locale/* "$target"/var/log/*.log "$target"/var/log/apt/*
rm -f "$target"/etc/ssh/ssh_host_*
