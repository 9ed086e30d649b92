# SPDX-License-Identifier: GPL-3.0-or-later
# Prints what a host knows about itself, in sections; facts_parsing/sections.py reads them.
# POSIX, for dash, bash, busybox and macOS alike: nothing here may be missed when a program is not there,
# and nothing may change the host.
# $1: the mark that starts a section, which nothing else can print by chance
# $2: the directory of the host's own facts; $3, $4: whether facter and ohai are asked ("yes")
exec 2>/dev/null </dev/null
mark=$1
PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin:/opt/puppetlabs/bin

section() { printf '\n%s %s\n' "$mark" "$1"; }
has() { command -v "$1" >/dev/null; }
bounded() {
  seconds=$1
  shift
  if has timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

section uname
for flag in -s -n -r -v -m; do uname "$flag" || echo; done
section os-release
cat /etc/os-release || cat /usr/lib/os-release
section macos
has sw_vers && sw_vers
section fqdn
bounded 2 hostname -f
section user
id -un
id -u
printf '%s\n' "$HOME"
section users
head -c 1048576 /etc/passwd
section python
for python in python3 /usr/libexec/platform-python python; do
  has "$python" && command -v "$python" && "$python" --version 2>&1 && break
done
section init
cat /proc/1/comm
[ -d /run/systemd/system ] && echo systemd
[ -e /run/openrc/softlevel ] && echo openrc
section package-managers
for program in apt-get dnf dnf5 microdnf yum zypper pacman apk brew; do has "$program" && echo "$program"; done
section memory
cat /proc/meminfo || printf 'MemTotal: %s B\n' "$(sysctl -n hw.memsize)"
section cpus
getconf _NPROCESSORS_ONLN || nproc || sysctl -n hw.ncpu
section cpu-model
grep -m 1 -E '^(model name|Model|Hardware|cpu model|uarch)' /proc/cpuinfo || sysctl -n machdep.cpu.brand_string
section links
grep . /dev/null /sys/class/net/*/address
section addresses
if has ip; then
  ip -o addr show
elif has ifconfig; then
  ifconfig -a
else
  cat /proc/net/if_inet6
  grep -B 1 'host LOCAL' /proc/net/fib_trie
fi
section routes
grep -E '^[^[:space:]]+[[:space:]]+00000000[[:space:]]' /proc/net/route
section routes6
grep '^00000000000000000000000000000000 00 ' /proc/net/ipv6_route
section mounts
cat /proc/mounts
section sizes
bounded 5 df -Pk
section virtualization
has systemd-detect-virt && echo "detected $(systemd-detect-virt)"
[ -e /.dockerenv ] && echo "container docker"
[ -e /run/.containerenv ] && echo "container podman"
[ -r /run/systemd/container ] && echo "container $(cat /run/systemd/container)"
tr '\0' '\n' </proc/1/environ | grep '^container=' | tr = ' '
grep -q '^flags' /proc/cpuinfo && echo "flags"
grep -q '^flags.* hypervisor' /proc/cpuinfo && echo "hypervisor"
section vendor
cat /sys/class/dmi/id/sys_vendor
section product
cat /sys/class/dmi/id/product_name
section selinux
if [ -r /sys/fs/selinux/enforce ]; then cat /sys/fs/selinux/enforce; else echo none; fi
section boot-id
cat /proc/sys/kernel/random/boot_id
section uptime
cat /proc/uptime
section clock
date '+%Y-%m-%dT%H:%M:%S%z'
date +%Z
section reboot-required
if [ -e /var/run/reboot-required ] || [ -e /run/reboot-needed ]; then echo yes; fi
for file in "$2"/*; do
  name=${file##*/}
  case $name in *[!A-Za-z0-9_.-]*) continue ;; esac
  [ -f "$file" ] || continue
  if [ -x "$file" ]; then
    section "local $name"
    bounded 30 "$file" | head -c 1048576
  elif [ "${name%.json}" != "$name" ]; then
    section "local $name"
    head -c 1048576 "$file"
  fi
done
for program in facter ohai; do
  if [ "$program" = facter ]; then asked=$3; else asked=$4; fi
  [ "$asked" = yes ] || continue
  section "$program"
  if [ "$program" = facter ]; then bounded 60 facter --json; else bounded 60 ohai; fi
done
exit 0
