# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper that is shipped to hosts; every file here keeps to Python 3.6 and its standard library."""
