# SPDX-License-Identifier: GPL-3.0-or-later
"""The real command line against real hosts."""
