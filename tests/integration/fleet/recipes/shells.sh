# SPDX-License-Identifier: GPL-3.0-or-later
# Debian with login shells that are no POSIX shells, and locales that are not UTF-8.
apt-get update --quiet >&2
apt-get install --yes --quiet --no-install-recommends tcsh fish zsh locales >&2
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
localedef -i de_DE -f ISO-8859-1 /usr/lib/locale/de_DE.iso88591
localedef -i ja_JP -f EUC-JP /usr/lib/locale/ja_JP.eucjp
chsh -s /usr/bin/fish ops
chsh -s /bin/csh deploy
