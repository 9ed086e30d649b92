# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `pip`."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self

from pydantic import Field, model_validator

from jetpack_core.contracts.fields import HostPath
from jetpack_core.contracts.operations import Operation, Run
from jetpack_core.errors import TaskError
from jetpack_core.modules.packages.foresight import Foreseen, Package, State, Step, Work, as_results, last_words
from jetpack_core.modules.packages.names import Order, Request
from jetpack_core.modules.packages.transaction import Transaction
from jetpack_core.records import CommandResult

# pip brings the rules of requirements with it, so that the host's own Python judges versions and extras.
_LOOK: Final = """
import json, os, re, sys, sysconfig
try:
    from importlib.metadata import distributions
except ImportError:
    sys.exit("Python 3.8 or newer is needed")
try:
    from pip._vendor.packaging.requirements import Requirement
except ImportError:
    try:
        from packaging.requirements import Requirement
    except ImportError:
        sys.exit("there is no pip for " + sys.executable)
plain = lambda name: re.sub("[-_.]+", "-", name).lower()
there = {plain(one.metadata["Name"]): one.version for one in distributions() if one.metadata["Name"]}
answer = {}
for text in sys.argv[1:]:
    wanted = Requirement(text)
    version = there.get(plain(wanted.name))
    answer[text] = [plain(wanted.name), version, bool(version and wanted.specifier.contains(version, prereleases=True))]
# Only an installation itself refuses this; pip's rehearsal does not (PEP 668).
managed = sys.prefix == sys.base_prefix and os.path.exists(
    os.path.join(sysconfig.get_path("stdlib", sysconfig.get_default_scheme()), "EXTERNALLY-MANAGED")
) if hasattr(sysconfig, "get_default_scheme") else False
print(json.dumps({"requests": answer, "all": there, "managed": managed}))
"""
_ENVIRONMENT: Final = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def _compare(one: str, other: str) -> int:
    from packaging.version import InvalidVersion, Version

    try:
        left, right = Version(one), Version(other)
    except InvalidVersion:
        return 0
    return (left > right) - (left < right)


class Pip(Transaction):
    """Install, update and remove Python packages, by default in a virtual environment.

    Whether a version will do is judged by pip's own rules (PEP 440), extras are written as `name[extra]`. The plan
    names every package that would change, dependencies included; that needs pip 22.2 or newer on the host.

    Example::

        - !command
          cmd: [python3, -m, venv, /opt/app]
          with:
            skip_if_exists: /opt/app/bin/python
        - !pip
          package: [gunicorn, "psycopg[binary] >= 3.1, < 4"]
          virtualenv: /opt/app
        - !pip
          package: awscli
          update: true
          python: /usr/bin/python3
          options: [--index-url, https://pypi.example.org/simple]
    """

    virtualenv: HostPath | None = None
    """The virtual environment on the host."""

    python: HostPath | None = None
    """The Python whose packages are meant, where it is no virtual environment."""

    options: list[str] = Field(default_factory=list)
    """Further options of `pip install`, such as `--index-url`."""

    tool: ClassVar[str] = "pip"
    order: ClassVar = Order(_compare, lambda one, other: _compare(one, other) == 0)
    name_pattern: ClassVar = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._, -]+\])?")

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.virtualenv is None) == (self.python is None):
            message = "give either `virtualenv` or `python`, so that it is clear where packages go"
            raise ValueError(message)
        if any(one.is_file for one in self.requests()):
            message = "give the project's name, and the folder of its wheels by `options: [--find-links, FOLDER]`"
            raise ValueError(message)
        return self

    @property
    def keeper(self) -> str:
        """Return the Python whose packages they are."""
        return f"pip of {self._python}"

    @property
    def _python(self) -> str:
        return self.python or posixpath.join(self.virtualenv or "", "bin/python")

    @property
    def foresees_at_once(self) -> bool:
        """Tell whether only pip can tell if there is anything to do."""
        return self.update

    def queries(self) -> Sequence[Operation[object]]:
        """Return what tells the state of the packages."""
        return [self._look([_requirement(one) for one in self.requests()])]

    def _look(self, requirements: Sequence[str] = ()) -> Run:
        return Run((self._python, "-c", _LOOK, *requirements), read_only=True)

    def state(self, replies: Sequence[object]) -> State:
        """Return the state of the packages."""
        (ended,) = as_results(replies)
        told = _answer(ended)["requests"]
        packages = {}
        for request in self.requests():
            name, version, good = told[_requirement(request)]
            if isinstance(version, str):
                packages[request.name] = Package(name, version, complete=good or self.remove)
        return State(packages)

    def versions_query(self, names: Sequence[str]) -> Run:
        """Return the question for all that is installed."""
        return self._look()

    def versions(self, reply: CommandResult) -> Mapping[str, Package]:
        """Return the installed packages."""
        return {name: Package(name, version) for name, version in _answer(reply)["all"].items()}

    def simulation(self, todo: Sequence[Request], state: State | None) -> Sequence[Operation[object]]:
        """Return the installation as pip foresees it, with what is there now."""
        if self.remove:
            return [self._look()]
        report = ("--dry-run", "--quiet", "--report", "-")
        return [self._look(), Run((*self._install(report), *map(_requirement, todo)), env=_ENVIRONMENT, read_only=True)]

    def foresee(self, replies: Sequence[object], state: State) -> Foreseen:
        """Return the steps from pip's report."""
        listed, *reports = as_results(replies)
        now = {name: package.version for name, package in self.versions(listed).items()}
        if self.remove:
            return Foreseen(tuple(Step(one.name, one.version, None) for one in state.packages.values()))
        if _answer(listed)["managed"] and "--break-system-packages" not in self.options:
            message = "this Python belongs to the system's package manager (externally-managed-environment)"
            raise TaskError(message, hint="use a `virtualenv`, or `options: [--break-system-packages]`")
        if not reports[0].ok:
            raise TaskError(f"pip would fail: {self.last_words(reports[0])}", hint=_hint(reports[0].stderr))
        try:
            found = [one["metadata"] for one in json.loads(reports[0].stdout)["install"]]
        except (ValueError, KeyError, TypeError) as error:
            raise TaskError("pip's report cannot be read", hint="pip 22.2 or newer is needed") from error
        steps = [Step(_plain(one["name"]), now.get(_plain(one["name"])), one["version"]) for one in found]
        return Foreseen(tuple(step for step in steps if step.before != step.after))

    def transaction(self, work: Work) -> Run:
        """Return the installation, or the removal."""
        if self.remove:
            names = [step.name for step in work.steps]
            return Run((self._python, "-m", "pip", "uninstall", "--yes", *names), env=_ENVIRONMENT)
        return Run((*self._install(("--quiet",)), *map(_requirement, work.todo)), env=_ENVIRONMENT)

    def _install(self, extra: Sequence[str]) -> tuple[str, ...]:
        newest = ("--upgrade",) if self.update else ()
        return (self._python, "-m", "pip", "install", *extra, *newest, *self.options)


def _requirement(request: Request) -> str:
    conditions = [f"{'==' if one.operator == '=' else one.operator}{one.version}" for one in request.constraints]
    return request.name + ",".join(conditions)


def _plain(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _answer(ended: CommandResult) -> dict[str, Any]:
    try:
        answer = json.loads(ended.stdout)
    except ValueError as error:
        raise TaskError(f"the packages cannot be looked at: {last_words(ended)}") from error
    if not isinstance(answer, dict):
        raise TaskError("the packages cannot be looked at: the answer is no mapping")
    return answer


def _hint(errors: str) -> str:
    return "pip 22.2 or newer is needed" if "no such option: --report" in errors else ""
