# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of variables: merging, where each value came from, and what templates make of them."""
