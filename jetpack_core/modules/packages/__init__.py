# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that install packages and name the repositories they come from."""
