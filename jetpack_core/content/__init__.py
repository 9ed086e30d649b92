# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks, roles and files of variables: from YAML to validated, immutable records with positions."""

from __future__ import annotations
