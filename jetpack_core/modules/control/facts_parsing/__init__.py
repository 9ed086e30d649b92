# SPDX-License-Identifier: GPL-3.0-or-later
"""From what gather.sh prints on a host to facts: pure functions over text that nobody vouches for."""
