# SPDX-License-Identifier: GPL-3.0-or-later
"""The first thing that runs on a host: import the helper's files from memory, each when it is first needed.

It is run as text, after `boot.CODE` read it from standard input; `SOURCES` and the call follow it. Python 3.6.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types


class Finder:
    """Import modules from a table of name and text."""

    def __init__(self, sources: "dict[str, str]") -> None:
        self.sources = sources

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Return how to load a module, or None when it is not one of ours."""
        if name not in self.sources and not any(one.startswith(name + ".") for one in self.sources):
            return None
        return type(sys.__spec__)(name, self, is_package=name not in self.sources)  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        """Leave making the module to the interpreter."""

    def exec_module(self, module: "types.ModuleType") -> None:
        """Fill a module; a package is empty."""
        name = module.__name__
        exec(compile(self.sources.get(name, ""), "<jetpack>/" + name, "exec"), module.__dict__)  # noqa: S102 - our text
