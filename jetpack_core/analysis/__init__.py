# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of playbooks and inventory without asking a host: proofs where possible, else a maybe and why."""
