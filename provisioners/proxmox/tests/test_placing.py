# SPDX-License-Identifier: GPL-3.0-or-later
"""Where guests were put a moment ago is known to the next ones, until the cluster tells it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from jetpack_provisioner_proxmox.placing import Placements

MIB = 1 << 20


def test_what_is_being_made_counts_until_the_cluster_tells_of_it(tmp_path: Path) -> None:
    placements = Placements(tmp_path / "state", "https://pve1:8006")
    assert placements.promised(()) == {}
    placements.add("web1", "pve1", 512)
    placements.add("web2", "pve1", 256)
    placements.add("web3", "pve2", 128)
    assert placements.promised(()) == {"pve1": 768 * MIB, "pve2": 128 * MIB}
    assert placements.promised({("web1", "pve1"), ("web3", "pve1")}) == {"pve1": 256 * MIB, "pve2": 128 * MIB}
    assert Placements(tmp_path / "state", "https://other:8006").promised(()) == {}


def test_a_guest_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    placements = Placements(tmp_path, "https://pve1:8006")
    placements.add("web1", "pve1", 512)
    placements.add("web1", "pve2", 512)
    assert placements.promised(()) == {"pve2": 512 * MIB}


def test_old_and_broken_notes_count_for_nothing(tmp_path: Path) -> None:
    placements = Placements(tmp_path, "https://pve1:8006")
    placements.add("web1", "pve1", 512)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    (note,) = json.loads(file.read_text())
    file.write_text(json.dumps([{**note, "time": time.time() - 600}]))
    assert placements.promised(()) == {}
    file.write_text("{")
    assert placements.promised(()) == {}
    placements.add("web2", "pve1", 64)
    assert placements.promised(()) == {"pve1": 64 * MIB}
