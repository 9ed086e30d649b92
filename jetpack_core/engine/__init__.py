# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks plays, batches and tasks over hosts, and turns plans into outcomes and events."""
