# SPDX-License-Identifier: GPL-3.0-or-later
# Debian for the benchmarks: what Ansible's apt module needs is there, and sshd takes many sessions at once.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends python3-apt >&2
printf '%s\n' 'MaxStartups 2000' >/etc/ssh/sshd_config.d/bench.conf
