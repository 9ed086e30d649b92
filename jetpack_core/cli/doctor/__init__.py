# SPDX-License-Identifier: GPL-3.0-or-later
"""`jetpack doctor`: what is wrong around a project, and what to do about it."""
