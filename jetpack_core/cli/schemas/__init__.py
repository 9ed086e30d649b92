# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schemas of what users write, for editors; made of the installed plugins."""
