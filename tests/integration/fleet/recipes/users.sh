# SPDX-License-Identifier: GPL-3.0-or-later
# Runs in a container of the base image as root, before the image's own recipe.
set -eu

useradd --create-home --shell /bin/bash ops
useradd --create-home --shell /bin/bash deploy
printf '%s\n' "root:$ROOT_PASSWORD" "ops:$OPS_PASSWORD" | chpasswd
usermod --append --groups sudo ops
echo 'deploy ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy
chmod 440 /etc/sudoers.d/deploy
printf '%s\n' 'permit nopass deploy' 'permit :sudo' >/etc/doas.conf
chmod 400 /etc/doas.conf

# RSA keys take a second of CPU per host; the two modern kinds are enough to choose between.
printf '%s\n' 'HostKey /etc/ssh/ssh_host_ed25519_key' 'HostKey /etc/ssh/ssh_host_ecdsa_key' \
    >/etc/ssh/sshd_config.d/fleet.conf

cat >/usr/local/sbin/fleet-init <<'INIT'
#!/bin/sh
for type in ed25519 ecdsa; do
    file=/etc/ssh/ssh_host_${type}_key
    [ -e "$file" ] || ssh-keygen -q -t "$type" -N '' -f "$file"
done
for user in root ops deploy; do
    home=$(awk -F: -v user="$user" '$1 == user { print $6 }' /etc/passwd)
    mkdir -p "$home/.ssh"
    printf '%s\n' "$FLEET_AUTHORIZED_KEYS" >"$home/.ssh/authorized_keys"
    chmod 700 "$home/.ssh"
    chmod 600 "$home/.ssh/authorized_keys"
    chown -R "$user:" "$home/.ssh"
done
unset FLEET_AUTHORIZED_KEYS
mkdir -p /run/sshd
# The shell stays process 1: it reaps what sessions leave behind, and TERM ends the host at once.
trap 'exit 0' TERM
/usr/sbin/sshd -D -e &
wait $!
INIT
chmod 755 /usr/local/sbin/fleet-init
