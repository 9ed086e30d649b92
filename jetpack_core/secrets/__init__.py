# SPDX-License-Identifier: GPL-3.0-or-later
"""Values and files encrypted in the age format: reading, writing, and keeping them out of sight."""
