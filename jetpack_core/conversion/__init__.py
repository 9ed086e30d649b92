# SPDX-License-Identifier: GPL-3.0-or-later
"""Content of other tools, turned into Jetpack's."""
