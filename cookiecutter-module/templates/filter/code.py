"""The filter `{{ cookiecutter.__name }}`."""

from __future__ import annotations


def {{ cookiecutter.__words }}_filter(value: object, mark: str = "!") -> str:
    """Make text loud.

    Example::

        - !echo
          msg: "{% raw %}{{{% endraw %} 'hello' | {{ cookiecutter.__name }} {% raw %}}}{% endraw %}"
    """
    return f"{value}{mark}".upper()
