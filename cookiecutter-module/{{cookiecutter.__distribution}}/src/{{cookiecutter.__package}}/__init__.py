# SPDX-License-Identifier: {{ cookiecutter.licence }}
"""The Jetpack {{ cookiecutter.kind }} `{{ cookiecutter.__name }}`."""

from __future__ import annotations
