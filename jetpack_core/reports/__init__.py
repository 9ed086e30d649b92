# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of runs that are over, made from their events."""
