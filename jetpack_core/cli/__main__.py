# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the command line as `python -m jetpack_core.cli`."""

from __future__ import annotations

from jetpack_core.cli.main import main

if __name__ == "__main__":
    main(prog_name="jetpack")
