# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that steer a run: look, tell, decide and wait."""
