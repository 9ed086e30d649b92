# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of variables: their merging, where each came from, and what templates and expressions make of them."""
