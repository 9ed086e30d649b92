# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to act on a host: this machine, and machines reached over SSH."""
