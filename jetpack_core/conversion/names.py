# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's facts, variables, filters and tests are called in Jetpack."""

from __future__ import annotations

from typing import Final

FACTS: Final = {
    "ansible_all_ipv4_addresses": "jet_ipv4_addresses",
    "ansible_all_ipv6_addresses": "jet_ipv6_addresses",
    "ansible_architecture": "jet_arch",
    "ansible_connection": "jet_connection",
    "ansible_default_ipv4": "jet_default_ipv4",
    "ansible_default_ipv6": "jet_default_ipv6",
    "ansible_distribution": "jet_os_release_id",
    "ansible_distribution_major_version": "(jet_os_version | split('.') | first)",
    "ansible_distribution_release": "jet_os_release_version_codename",
    "ansible_distribution_version": "jet_os_version",
    "ansible_fqdn": "jet_fqdn",
    "ansible_host": "(jet_ssh_hostname | default(inventory_hostname))",
    "ansible_hostname": "jet_hostname",
    "ansible_interfaces": "(jet_interfaces | list)",
    "ansible_kernel": "jet_kernel",
    "ansible_kernel_version": "jet_kernel_version",
    "ansible_local": "jet_local",
    "ansible_machine": "jet_arch",
    "ansible_managed": "'This file is managed by Jetpack'",
    "ansible_memfree_mb": "jet_memory_available_mb",
    "ansible_memtotal_mb": "jet_memory_mb",
    "ansible_nodename": "jet_fqdn",
    "ansible_os_family": "jet_os_flavor",
    "ansible_pkg_mgr": "jet_package_manager",
    "ansible_play_hosts": "jet_play_hosts",
    "ansible_play_hosts_all": "jet_play_hosts",
    "ansible_port": "(jet_ssh_port | default(22))",
    "ansible_processor_cores": "jet_cpus",
    "ansible_processor_count": "jet_cpus",
    "ansible_processor_nproc": "jet_cpus",
    "ansible_processor_vcpus": "jet_cpus",
    "ansible_product_name": "jet_product",
    "ansible_python_version": "jet_python_version",
    "ansible_service_mgr": "jet_init",
    "ansible_ssh_host": "(jet_ssh_hostname | default(inventory_hostname))",
    "ansible_ssh_user": "jet_ssh_user",
    "ansible_swaptotal_mb": "jet_swap_mb",
    "ansible_system": "jet_os_type",
    "ansible_system_vendor": "jet_vendor",
    "ansible_uptime_seconds": "jet_uptime_seconds",
    "ansible_user": "jet_ssh_user",
    "ansible_user_dir": "jet_user_home",
    "ansible_user_id": "jet_user_name",
    "ansible_user_uid": "jet_user_uid",
    "ansible_virtualization_type": "jet_virtualization",
    "play_hosts": "jet_play_hosts",
}
"""Names to expressions."""

CHAINS: Final = {
    ("ansible_date_time", "iso8601"): "jet_date_time",
    ("ansible_env", "HOME"): "jet_user_home",
    ("ansible_env", "USER"): "jet_user_name",
    ("ansible_python", "executable"): "jet_python",
    ("ansible_selinux", "status"): "jet_selinux",
}
"""Facts within facts."""

FACT_VALUES: Final = {
    "ansible_os_family": {
        "RedHat": "EL",
        "Archlinux": "Arch",
        "Suse": "SUSE",
        "Darwin": "OSX",
        "Debian": "Debian",
        "Alpine": "Alpine",
        "Gentoo": "Gentoo",
        "FreeBSD": "FreeBSD",
        "OpenBSD": "OpenBSD",
        "NetBSD": "NetBSD",
        "Slackware": "Slackware",
    },
    "ansible_distribution": {
        "AlmaLinux": "almalinux",
        "Alpine": "alpine",
        "Amazon": "amzn",
        "Archlinux": "arch",
        "CentOS": "centos",
        "Debian": "debian",
        "Fedora": "fedora",
        "OracleLinux": "ol",
        "RedHat": "rhel",
        "Rocky": "rocky",
        "SLES": "sles",
        "Ubuntu": "ubuntu",
        "openSUSE Leap": "opensuse-leap",
    },
    "ansible_system": {"Linux": "Linux", "Darwin": "MacOS", "FreeBSD": "FreeBSD", "OpenBSD": "OpenBSD"},
    "ansible_virtualization_type": {"VMware": "vmware", "NA": "none"},
}
"""Texts that a fact is compared with, and what Jetpack's fact says in their place."""

GONE: Final = {
    "ansible_check_mode": (
        "plan mode never applies, so nothing can ask for it",
        "say `read_only: true` where it helps",
    ),
    "ansible_facts": ("Jetpack's facts are variables of their own", "name the fact, see docs/reference/facts.md"),
    "group_names": ("there is no list of the groups of a host", "write inventory_hostname in groups['NAME']"),
    "inventory_dir": ("an inventory has no one place", "write the path"),
    "omit": ("a parameter cannot be left out by its value", "write two tasks with a condition each"),
    "playbook_dir": ("sources are looked for beside the playbook anyway", "write the path relative to it"),
    "role_path": ("sources are looked for in the role anyway", "write the path relative to `files` or `templates`"),
    "role_name": ("the name of the role is no variable", "write it out"),
    "ansible_play_batch": ("the batch is no variable", "use jet_play_hosts"),
}
"""Variables without counterpart: why, and what to write."""

FUNCTIONS: Final = {
    "lookup": "lookups run on the control machine and have no counterpart",
    "query": "lookups run on the control machine and have no counterpart",
    "q": "lookups run on the control machine and have no counterpart",
    "now": "there is no clock in templates",
    "undef": "there is no such function",
    "vars": "variables cannot be looked up by a name that is computed",
}

FILTERS: Final = {
    "to_nice_json": "to_json(indent=4)",
    "to_nice_yaml": "to_yaml",
    "checksum": "hash('sha1')",
    "sha1": "hash('sha1')",
    "md5": "hash('md5')",
    "sha256": "hash('sha256')",
    "d": "default",
    "regex_find_all": "regex_findall",
    "version_compare": "version",
    "symmetric_difference": "",
}
"""Filters that have another name; an empty one has none."""

TESTS: Final = {"version_compare": "version", "regex": "search", "issubset": "subset", "issuperset": "superset"}
OPERATORS: Final = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "eq": "==", "ne": "!=", "=": "==", "<>": "!="}
"""How versions are compared."""

STAT_KEYS: Final = {
    "exists": "exists",
    "isdir": "is_dir",
    "isreg": "is_file",
    "islnk": "is_link",
    "pw_name": "owner",
    "gr_name": "group",
    "uid": "uid",
    "gid": "gid",
    "size": "size",
    "mtime": "mtime",
    "lnk_source": "target",
    "checksum": "checksum",
}
CONNECTION: Final = {
    "ansible_host": "jet_ssh_hostname",
    "ansible_ssh_host": "jet_ssh_hostname",
    "ansible_port": "jet_ssh_port",
    "ansible_ssh_port": "jet_ssh_port",
    "ansible_user": "jet_ssh_user",
    "ansible_ssh_user": "jet_ssh_user",
    "ansible_ssh_private_key_file": "jet_ssh_private_key_file",
    "ansible_private_key_file": "jet_ssh_private_key_file",
    "ansible_connection": "jet_connection",
}
"""Connection variables of an inventory."""
CONNECTION_GONE: Final = {
    "ansible_become": "say `sudo:` in the play, or --sudo",
    "ansible_become_user": "say `sudo:` in the play, or --sudo",
    "ansible_become_method": "say `sudo_template:` in the play",
    "ansible_become_password": "call jetpack with --ask-sudo-password",
    "ansible_become_pass": "call jetpack with --ask-sudo-password",
    "ansible_sudo_pass": "call jetpack with --ask-sudo-password",
    "ansible_password": "call jetpack with --ask-login-password, or better use a key",
    "ansible_ssh_pass": "call jetpack with --ask-login-password, or better use a key",
    "ansible_ssh_common_args": "write the options into ~/.ssh/config, which Jetpack reads",
    "ansible_ssh_extra_args": "write the options into ~/.ssh/config, which Jetpack reads",
    "ansible_ssh_pipelining": "nothing: there is no need for it",
    "ansible_pipelining": "nothing: there is no need for it",
    "ansible_python_interpreter": "nothing: Python is found, and not needed",
    "ansible_shell_type": "nothing: a POSIX shell is taken",
    "ansible_winrm_transport": "Jetpack does not manage Windows",
}
"""Connection variables without counterpart, and what to do."""
