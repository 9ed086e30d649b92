# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines for the tests: a libvirt daemon of their own, and a small Debian to boot."""
