# SPDX-License-Identifier: GPL-3.0-or-later
"""The extractor: stdlib-only Python 3.6, run on hosts, and on the control machine for hosts without Python."""
