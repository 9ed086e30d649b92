# SPDX-License-Identifier: GPL-3.0-or-later
"""The base classes that plugins subclass; nothing here acts on its own."""
