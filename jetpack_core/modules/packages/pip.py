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
there = {}
for one in distributions():
    if one.metadata["Name"]:
        # The first one on the path is the one that counts.
        there.setdefault(plain(one.metadata["Name"]), one)
def fits(wanted):
    one = there.get(plain(wanted.name))
    return bool(one and wanted.specifier.contains(one.version, prereleases=True))
def needed(one, extra):
    own = [name for name in one.metadata.get_all("Provides-Extra") or () if plain(name) == plain(extra)]
    if not own:
        return None
    wanted = [(text, Requirement(text)) for text in one.requires or ()]
    names = {extra, own[0], plain(extra)}
    return [
        (text, part) for text, part in wanted
        if part.marker and not part.marker.evaluate({"extra": ""})
        and any(part.marker.evaluate({"extra": name}) for name in names)
    ]
def lacking(wanted, seen):
    # Which extras nobody offers, and whether anything is missing that the others need.
    unknown, missing = [], False
    one = there.get(plain(wanted.name))
    for extra in wanted.extras if one else ():
        parts = needed(one, extra)
        if parts is None:
            unknown.append(extra)
        for text, part in parts or ():
            missing = missing or not fits(part)
            if text not in seen:
                missing = lacking(part, seen | {text})[1] or missing
    return unknown, missing
answer = {}
for text in sys.argv[1:]:
    wanted = Requirement(text)
    one = there.get(plain(wanted.name))
    unknown, missing = lacking(wanted, frozenset())
    good = fits(wanted) and not unknown and not missing
    answer[text] = [plain(wanted.name), one and one.version, good, unknown]
# Only an installation itself refuses this; pip's rehearsal does not (PEP 668).
managed = sys.prefix == sys.base_prefix and os.path.exists(
    os.path.join(sysconfig.get_path("stdlib", sysconfig.get_default_scheme()), "EXTERNALLY-MANAGED")
) if hasattr(sysconfig, "get_default_scheme") else False
print(json.dumps({"requests": answer, "all": {name: one.version for name, one in there.items()}, "managed": managed}))
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

    Whether a version will do is judged by pip's own rules (PEP 440). What an extra, written as `name[extra]`, stands
    for is looked at as well. The plan names every package that would change, dependencies included; that needs pip 22.2
    or newer on the host.

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
    lacking_hint: ClassVar[str] = "make the environment first, by `python3 -m venv`, or see the path of `python`"
    compatible_releases: ClassVar[bool] = True
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
        if self.remove and any(_parts(one)[1] for one in self.requests()):
            message = "an extra is only a name for other packages; name those that are to go"
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
        packages, lacks = {}, {}
        for request in self.requests():
            name, version, good, unknown = told[_requirement(request)]
            if isinstance(version, str):
                packages[request.name] = Package(name, version, complete=good or self.remove)
                lacks[request.name] = unknown
        return State(packages, lacks=lacks)

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
            gone = {one.name: one.version for one in state.packages.values()}
            return Foreseen(tuple(Step(name, version, None) for name, version in gone.items()))
        if _answer(listed)["managed"] and "--break-system-packages" not in self.options:
            message = "this Python belongs to the system's package manager (externally-managed-environment)"
            raise TaskError(message, hint="use a `virtualenv`, or `options: [--break-system-packages]`")
        if not reports[0].ok:
            raise TaskError(f"pip would fail: {self.last_words(reports[0])}", hint=_hint(reports[0].stderr))
        try:
            found = [one["metadata"] for one in json.loads(reports[0].stdout)["install"]]
        except (ValueError, KeyError, TypeError) as error:
            raise TaskError("pip's report cannot be read", hint="pip 22.2 or newer is needed") from error
        self._check_extras({_plain(one["name"]): one for one in found}, state)
        steps = [Step(_plain(one["name"]), now.get(_plain(one["name"])), one["version"]) for one in found]
        return Foreseen(tuple(step for step in steps if step.before != step.after))

    def _check_extras(self, found: Mapping[str, Mapping[str, Any]], state: State) -> None:
        """Raise TaskError for an extra that a package does not have; pip itself only warns and leaves it out."""
        for request in self.requests():
            name, extras = _parts(request)
            if name in found:
                offered = {_plain(extra) for extra in found[name].get("provides_extra") or ()}
                version, missing = found[name]["version"], [extra for extra in extras if _plain(extra) not in offered]
            else:
                now = state.packages.get(request.name)
                version, missing = now.version if now else "", [*state.lacks.get(request.name, ())]
            if missing:
                raise TaskError(f"{name} {version} has no extra {missing[0]!r}", hint="another version may have it")

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


def _parts(request: Request) -> tuple[str, list[str]]:
    """Return the name of a package as pip compares names, and its extras as they are written."""
    name, _, extras = request.name.rstrip("]").partition("[")
    return _plain(name), [extra.strip() for extra in extras.split(",") if extra.strip()]


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
