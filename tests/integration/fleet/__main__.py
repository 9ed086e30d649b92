# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes every image of the fleet ahead of the tests."""

from __future__ import annotations

import sys

from tests.integration.fleet.engine import EngineError, why_no_engine
from tests.integration.fleet.images import IMAGES, ImageUnavailableError, ensure_image
from tests.integration.provisioners.machines.daemon import why_no_daemon
from tests.integration.provisioners.machines.image import NoImageError
from tests.integration.provisioners.machines.image import ensure_image as ensure_machine


def main() -> int:
    """Make what is missing, print the tags, and say what stands in the way."""
    reason = why_no_engine()
    if reason is not None:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    try:
        for name in (*IMAGES, "packages", "shells", "systemd", "openrc"):
            print(ensure_image(name))
        if why_no_daemon() is None:
            print(ensure_machine().disk)
    except (EngineError, ImageUnavailableError, NoImageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
