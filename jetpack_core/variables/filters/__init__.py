# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters and tests of templates that Jinja2 does not have; functions without side effects."""
