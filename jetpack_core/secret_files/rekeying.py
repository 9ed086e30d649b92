# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt secrets for the recipients that the rules name now; all of them, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jetpack_core.content.files import shown, top
from jetpack_core.content.problems import Problems
from jetpack_core.errors import JetpackError, SecretError, UsageError
from jetpack_core.records import Position
from jetpack_core.secret_files.document import Document
from jetpack_core.secret_files.keeper import Audience, Keeper, Opened, read_file
from jetpack_core.secret_files.spans import Keys, Value
from jetpack_core.secrets import age


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyOptions:
    """How secrets are encrypted anew."""

    force: bool = False
    """Also what is encrypted for the right recipients."""
    bind: bool = False
    """Also write the place into raw values."""
    accept_moved: bool = False
    """Take values that stand in another place than theirs as belonging here."""


@dataclass(slots=True)
class Rekeyed:
    """What is to be written."""

    contents: dict[Path, bytes] = field(default_factory=dict)
    values: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Doubt:
    """A secret that is not, or perhaps not, for whom the rules say."""

    position: Position
    message: str
    certain: bool = True


def rekeyed(keeper: Keeper, files: Iterable[Path], options: RekeyOptions) -> Rekeyed:
    """Return the new contents of files. Raises ContentError with all that stands in the way."""
    result = Rekeyed()
    problems = Problems()
    for file in files:
        try:
            content = read_file(file)
            if age.is_age(content) or file.suffix == ".age":
                _rekey_file(keeper, file, content, options, result)
            else:
                _rekey_values(keeper, file, content, options, result, problems)
        except (SecretError, UsageError) as error:
            problems.add(top(file), error.message, error.hint)
    problems.raise_if_any()
    return result


def _rekey_file(keeper: Keeper, file: Path, content: bytes, options: RekeyOptions, result: Rekeyed) -> None:
    audience = keeper.audience(file)
    if audience.matches(content) and not options.force:
        result.kept += 1
        return
    clear = keeper.identities.decrypt(content)
    result.contents[file] = audience.encrypt(clear, armored=age.is_armored(content))
    result.values += 1


def _rekey_values(
    keeper: Keeper, file: Path, content: bytes, options: RekeyOptions, result: Rekeyed, problems: Problems
) -> None:
    document = Document(content, shown(file))
    audience = keeper.audience(file)
    bind = options.bind or keeper.rules(file).require_binding

    def refuse(value: Value, error: JetpackError) -> None:
        problems.add(document.position(value), error.message, error.hint)

    clear = keeper.open_most(
        document, file, refuse=refuse, anywhere=options.accept_moved, require_binding=False if bind else None
    )
    fresh: dict[Keys, str] = {}
    for keys, opened in clear.items():
        value = document.values[keys]
        if options.force or options.accept_moved or (bind and not opened.bound) or not _fits(audience, value, opened):
            bound = opened.bound or bind
            fresh[keys] = keeper.seal(opened.text, file, keys) if bound else keeper.seal_raw(opened.text, file)
    result.values += len(fresh)
    result.kept += len(clear) - len(fresh)
    if fresh:
        result.contents[file] = document.with_sealed(fresh).encode()


def _fits(audience: Audience, value: Value, opened: Opened) -> bool:
    """Tell whether a value is for the right recipients: what it says itself counts only where the header agrees."""
    said = audience.matches(value.text.encode())
    return bool(opened.audience and opened.audience == audience.digest) if said is None else said


def doubts(keeper: Keeper, files: Iterable[Path]) -> Iterator[Doubt]:
    """Yield what `rekey` would change, without changing it; what no key at hand opens is judged by its header."""
    for file in files:
        try:
            content = read_file(file)
            audience = keeper.audience(file)
            if age.is_age(content) or file.suffix == ".age":
                yield from _doubt(audience.matches(content), top(file))
                continue
            document = Document(content, shown(file))
            for value in document.sealed:
                yield from _doubt(_judged(keeper, audience, value, file), document.position(value))
        except (SecretError, UsageError) as error:
            yield Doubt(top(file), error.message)


def _judged(keeper: Keeper, audience: Audience, value: Value, file: Path) -> bool | None:
    said = audience.matches(value.text.encode())
    if said is not None:
        return said
    try:
        opened = keeper.open(value, file, anywhere=True)
    except age.NoMatchingKeyError:
        return None
    return opened.audience == audience.digest if opened.audience else None


def _doubt(fits: bool | None, position: Position) -> Iterator[Doubt]:
    if fits is None:
        yield Doubt(position, "cannot be told: an age header does not name its recipients", certain=False)
    elif not fits:
        yield Doubt(position, "is not encrypted for the recipients that the rules name")
