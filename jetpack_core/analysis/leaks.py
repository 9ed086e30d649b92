# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that would be seen: in process lists, in output, in the names of files, in files that anybody may read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jetpack_core.analysis.findings import Finding, Severity
from jetpack_core.analysis.judging import judged, only_a_run_can_tell
from jetpack_core.analysis.texts import looped_over
from jetpack_core.content.fields import Reading, fields_of
from jetpack_core.contracts.attributes import FileAttributes
from jetpack_core.contracts.encrypted import is_age
from jetpack_core.contracts.fields import IN_PROCESS_LIST
from jetpack_core.secrets.values import Sealed, holds_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jetpack_core.analysis.examine import Examined
    from jetpack_core.analysis.places import Places
    from jetpack_core.analysis.texts import Text, Texts
    from jetpack_core.content.model import Parameter, Task

IN_ARGV: Final = "secret-in-argv"
IN_OUTPUT: Final = "secret-in-output"
IN_PATH: Final = "secret-in-path"
READABLE: Final = "secret-readable-by-all"
_SHOWING: Final = tuple(f"jetpack_core.modules.control.{name}" for name in ("assert_", "debug", "echo", "fail"))
_ATTRIBUTES: Final = frozenset({"owner", "group", "mode", "attributes"})
_OTHERS_READ: Final = 0o004
_HEAD: Final = 256


class Leaks:
    """Finds secrets that go where others see them, without decrypting any."""

    def __init__(self, texts: Texts, places: Places) -> None:
        self._texts = texts
        self._places = places

    def of(self, task: Task, values: Mapping[str, object], examined: Examined) -> Iterator[Finding]:
        """Yield the leaks of a task.

        :param values: the variables it mentions, secrets among them sealed.
        """
        texts = self._texts.of(task)
        items = [item for number, item in enumerate(looped_over(texts, values)) if number in examined.acting]
        fields = fields_of(task.module_class).by_name
        written = False
        for name, parameter in task.parameters.items():
            for text, path, sure in _secrets(parameter, texts.parameters.get(name, ()), values, items):
                reading = fields[name].reading
                written = written or (sure and name not in _ATTRIBUTES and not reading.host_path)
                for finding in self._in_parameter(task, name, reading, parameter, text, path, sure=sure):
                    yield _if_it_runs(finding, task, examined.doubtful)
        in_file = any(sure for file in texts.files for _, _, sure in _in_text(file.text, values, items))
        if written or in_file or _is_encrypted(task):
            yield from self._readable(task)

    def _in_parameter(
        self, task: Task, name: str, reading: Reading, parameter: Parameter, text: Text | None, path: str, *, sure: bool
    ) -> Iterator[Finding]:
        position = parameter.position if text is None else self._places.of_name(text, path.partition(".")[0])
        what = f"`{name}` holds the secret {path}" if sure else f"`{name}` may hold a secret of {path}"
        found: tuple[str, Severity, str, str] | None = None
        if _is_exposed(reading):
            hint = "hand it over by `env:` or `stdin:`"
            found = IN_ARGV, Severity.ERROR, f"{what}: {IN_PROCESS_LIST.partition(';')[0]}", hint
        elif reading.host_path:
            hint = "names of files are seen by everybody; put what is secret inside"
            found = IN_PATH, Severity.WARNING, f"{what}, in the name of a file", hint
        elif task.module_class.__module__ in _SHOWING:
            hint = "it stays covered as long as it is 4 characters or longer; show something else"
            found = IN_OUTPUT, Severity.WARNING, f"{what}, which is shown", hint
        if found is not None:
            code, severity, message, hint = found
            line = self._places.line(position) if text is not None else ""
            yield Finding(code, severity if sure else Severity.MAYBE, position, message, hint, source_line=line)

    def _readable(self, task: Task) -> Iterator[Finding]:
        """Yield the finding for a file with a secret that everybody on the host may read."""
        if not issubclass(task.module_class, FileAttributes):
            return
        parameter, mode = _mode(task)
        if parameter is not None and mode & _OTHERS_READ:
            message = f"a secret goes into this file, and with mode 0o{mode:o} everybody on the host may read it"
            hint = "leave `mode` out for 0o600, or take the last digit's 4 away, such as 0o640"
            line = self._places.line(parameter.position)
            yield Finding(READABLE, Severity.WARNING, parameter.position, message, hint, source_line=line)


def _secrets(
    parameter: Parameter, texts: Sequence[Text], values: Mapping[str, object], items: Sequence[object]
) -> Iterator[tuple[Text | None, str, bool]]:
    """Yield the secrets in a parameter: the text, the path in the variables, and whether it is sure."""
    if isinstance(parameter.value, Sealed):
        yield None, "that is written here", True
    for text in texts:
        yield from _in_text(text, values, items)


def _in_text(text: Text, values: Mapping[str, object], items: Sequence[object]) -> Iterator[tuple[Text, str, bool]]:
    for path in sorted(text.mentions.paths, key=str):
        name = str(path[0])
        roots = items if name == "item" else [values[name]] if name in values else []
        found = [_look(root, path[1:]) for root in roots]
        sure = any(one is True for one in found)
        if sure or any(one is False for one in found):
            yield text, ".".join(map(str, path)), sure


def _look(value: object, keys: Sequence[str | int]) -> bool | None:
    """Tell whether a path leads to a secret: True for sure, False where one is below it, None for no."""
    for key in keys:
        if isinstance(value, Sealed):
            break
        try:
            if isinstance(value, dict):
                value = dict.__getitem__(value, str(key))
            elif isinstance(value, list) and isinstance(key, int):
                value = list.__getitem__(value, key)
            else:
                return None
        except LookupError:
            return None
    if isinstance(value, Sealed):
        return True
    return False if holds_sealed(value) else None


def _if_it_runs(finding: Finding, task: Task, doubtful: str) -> Finding:
    """Return a finding that is an error only where its task runs, and its failure counts."""
    if finding.severity is not Severity.ERROR:
        return finding
    severity, message = judged(task, finding.message, only_a_run_can_tell(doubtful))
    return replace(finding, severity=severity, message=message)


def _is_exposed(reading: Reading) -> bool:
    return reading.exposed or (reading.item is not None and reading.item.exposed)


def _mode(task: Task) -> tuple[Parameter | None, int]:
    """Return the parameter that says which permissions a file gets, and these, as far as they are written."""
    for name in ("mode", "attributes"):
        parameter = task.parameters.get(name)
        value = parameter.value if parameter is not None else None
        value = value.get("mode") if isinstance(value, dict) else value
        if parameter is not None and isinstance(value, str):
            try:
                return parameter, int(value.lower().removeprefix("0o"), 8)
            except ValueError:
                return None, 0
    return None, 0


def _is_encrypted(task: Task) -> bool:
    """Tell whether the file that a task copies or renders is encrypted here."""
    parameter = task.parameters.get("src")
    if parameter is None or parameter.templated or not isinstance(parameter.value, str):
        return False
    for kind in ("files", "templates"):
        path = task.context.find_source(kind, parameter.value)
        if path is not None and path.is_file():
            try:
                with path.open("rb") as file:
                    return is_age(file.read(_HEAD))
            except OSError:
                return False
    return False
