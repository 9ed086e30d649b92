# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules about files, directories and links of a host."""
