# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase before plays: hosts that the inventory describes are made to exist."""
