# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the host itself: the helper for Python 3.6 and newer, and the shell script for hosts without it."""
