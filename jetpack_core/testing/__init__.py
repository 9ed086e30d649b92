# SPDX-License-Identifier: GPL-3.0-or-later
"""The public kit for testing modules, connections and other plugins.

What needs pytest says so by importing it; where pytest is there, it explains the suites' failed asserts.
"""

from __future__ import annotations

import sys

if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        *(f"jetpack_core.testing.{name}" for name in ("connections", "guests", "modifiers", "modules", "provisioners"))
    )
