# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts there are, and what each means; docs/reference/facts.md shows this list."""

from __future__ import annotations

from typing import Final

FACTS: Final = {
    "jet_os_type": "`Linux`, `MacOS`, or what else `uname -s` says",
    "jet_os_flavor": (
        "the family: `Debian`, `EL`, `SUSE`, `Arch`, `Alpine`, `Gentoo`, `NixOS`, `Slackware`, `Void`, `OSX`,"
        " `FreeBSD`, `OpenBSD`, `NetBSD` or `Unknown`"
    ),
    "jet_os_name": "the full name, such as `Debian GNU/Linux 12 (bookworm)`",
    "jet_os_version": "the version as text, such as `12` or `24.04`",
    "jet_os_release_*": "each entry of /etc/os-release by its name in small letters, such as `jet_os_release_id`",
    "jet_arch": "the architecture, such as `x86_64` or `aarch64`",
    "jet_kernel": "the kernel's release, such as `6.1.0-18-amd64`",
    "jet_kernel_version": "the kernel's version text, as `uname -v` prints it",
    "jet_hostname": "the name without its domain",
    "jet_fqdn": "the name with its domain, as far as the host knows it",
    "jet_python": "the path of Python on the host",
    "jet_python_version": "its version",
    "jet_init": "`systemd`, `openrc`, `runit`, `s6`, `launchd`, or the name of the first process",
    "jet_package_manager": "`apt`, `dnf`, `yum`, `zypper`, `pacman`, `apk` or `homebrew`",
    "jet_user_name": "the user that tasks act as",
    "jet_user_uid": "its number",
    "jet_user_home": "its home directory",
    "jet_users": "the accounts of /etc/passwd by name, each with `uid`, `gid`, `home` and `shell`",
    "jet_selinux": "`enforcing`, `permissive` or `disabled`",
    "jet_reboot_required": "whether packages wait for a restart; known in the families of Debian and SUSE",
    "jet_memory_mb": "memory in MiB",
    "jet_memory_available_mb": "memory that could be used now, in MiB",
    "jet_swap_mb": "swap space in MiB",
    "jet_cpus": "how many processors are online",
    "jet_cpu_model": "their model",
    "jet_mounts": (
        "the mounted file systems that hold files, sorted by path, each with `path`, `device`, `type`, `options`,"
        " `size_mb` and `available_mb`"
    ),
    "jet_virtualization": (
        "what the host runs on, as systemd-detect-virt names it: `none`, `kvm`, `vmware`, `lxc`, `docker` and more"
    ),
    "jet_container": "whether that is a container",
    "jet_vendor": "who made the machine",
    "jet_product": "the machine's model",
    "jet_boot_id": "text that is new after each start",
    "jet_uptime_seconds": "seconds since the start",
    "jet_date_time": "the time on the host, such as `2026-01-31T12:00:00+0000`",
    "jet_timezone": "the short name of its time zone",
    "jet_interfaces": "the network interfaces by name, each with `mac`, `ipv4` and `ipv6`",
    "jet_ipv4_addresses": "all IPv4 addresses but loopback and link-local ones",
    "jet_ipv6_addresses": "the same for IPv6",
    "jet_default_ipv4": "`address`, `interface` and `gateway` of the way out",
    "jet_default_ipv6": "the same for IPv6",
    "jet_local": "what facts.d gave, by the names of its files",
    "facter": "what `facter` says, when asked for",
    "ohai": "what `ohai` says, when asked for",
}
"""Name: meaning. A fact that could not be found out is null."""
