# SPDX-License-Identifier: GPL-3.0-or-later
# Debian as an administrator finds it: GNU tools and Python 3.
python3 --version
