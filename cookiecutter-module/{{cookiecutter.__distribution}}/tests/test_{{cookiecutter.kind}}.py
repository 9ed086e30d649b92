# SPDX-License-Identifier: {{ cookiecutter.licence }}
{% include cookiecutter.kind ~ "/test.py" %}
