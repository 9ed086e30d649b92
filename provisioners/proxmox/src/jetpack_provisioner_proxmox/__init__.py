# SPDX-License-Identifier: GPL-3.0-or-later
"""What the provisioners of Proxmox VE share: the API, its tasks, its identifiers, and how guests are compared."""

from __future__ import annotations
