# SPDX-License-Identifier: {{ cookiecutter.licence }}
{% include cookiecutter.kind ~ "/code.py" %}
