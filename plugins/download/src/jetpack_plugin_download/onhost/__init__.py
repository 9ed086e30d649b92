# SPDX-License-Identifier: GPL-3.0-or-later
"""The client that fetches files, on the control machine, and sent to hosts, where Python may be as old as 3.6.

A request is a dictionary, so that it can travel as JSON: see `jetpack_plugin_download.request`, which makes it.
"""
