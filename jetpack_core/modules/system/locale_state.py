# SPDX-License-Identifier: GPL-3.0-or-later
"""Which locales a host has and could have, and the lines by which it keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from jetpack_core.errors import TaskError
from jetpack_core.modules.files.document import Document

STORE: Final = "/usr/lib/locale"
"""Where glibc keeps locales."""

NAME: Final = re.compile(r"(C|POSIX|[A-Za-z]{2,8}(_[A-Z]{2})?)(\.[A-Za-z0-9-]{1,20})?(@[A-Za-z]{1,20})?")
"""setlocale(3): language, territory, character set and modifier."""

# $1: where locales are kept, $2...: the names that are asked about. Prints a fact a line.
LOOK: Final = """
PATH=$PATH:/usr/sbin:/sbin
shift
for program in locale-gen localedef; do command -v "$program" >/dev/null && echo "has $program"; done
locale -a 2>/dev/null | sed 's/^/there /'
for file in /usr/share/i18n/SUPPORTED /usr/local/share/i18n/SUPPORTED; do
  [ -r "$file" ] && [ $# -gt 0 ] || continue
  echo listed
  while read -r name charset rest; do
    for one; do
      case $name in "${one%%[.@]*}"*) echo "known $name $charset" && break ;; esac
    done
  done <"$file"
done
exit 0
"""


def alike(name: str) -> str:
    """Return a name in the one way of writing that stands for all: the character set in small letters and digits."""
    found = re.fullmatch(r"([^.@]*)(?:\.([^@]*))?(@.*)?", name)
    if found is None:
        return name
    charset = re.sub(r"[^a-z0-9]", "", (found[2] or "").lower())
    return f"{found[1]}.{charset}{found[3] or ''}" if charset else f"{found[1]}{found[3] or ''}"


BUILT_IN: Final = frozenset({"C", "POSIX", "C.utf8"})
"""What glibc has without being asked."""


@dataclass(frozen=True, slots=True)
class Locales:
    """What a host tells."""

    there: frozenset[str]
    """The locales it has, by `alike`."""
    known: Mapping[str, tuple[str, str]]
    """The name and character set of those it could have, of those asked about, by `alike`."""
    listed: bool
    """Whether it has a list of what it could have."""
    programs: frozenset[str]

    @property
    def can_tell(self) -> bool:
        """Tell whether it has locales at all, as musl has none."""
        return bool(self.there or self.programs)

    @property
    def generates(self) -> bool:
        """Tell whether it makes all that a list names, as Debian and Arch do."""
        return "locale-gen" in self.programs

    def has(self, name: str) -> bool:
        """Tell whether a locale is there."""
        return alike(name) in self.there

    def _entry(self, name: str) -> tuple[str, str]:
        if alike(name) in self.known:
            return self.known[alike(name)]
        if self.listed:
            raise TaskError(f"the host knows no locale {name}", hint="see /usr/share/i18n/SUPPORTED on the host")
        charset = re.search(r"\.([^@]*)", name)
        if charset is None:
            raise TaskError(f"the character set of {name} is not known", hint=f"write it out, such as {name}.UTF-8")
        return name, charset[1]

    def spelled(self, name: str) -> str:
        """Return a name as the host writes it. Raises TaskError where it knows none such."""
        return self._entry(name)[0]

    def line(self, name: str) -> str:
        """Return the line of locale.gen for a locale. Raises TaskError where the host knows none such."""
        return " ".join(self._entry(name))

    def definition(self, name: str) -> tuple[str, ...]:
        """Return the command that makes a locale. Raises TaskError where there is none."""
        if "localedef" not in self.programs:
            raise TaskError(f"the host has no localedef, so {name} cannot be made", hint="install glibc-common")
        spelled, charset = self._entry(name)
        return ("localedef", "-i", re.sub(r"\.[^@]*", "", spelled), "-f", charset, spelled)


def parse_locales(text: str) -> Locales:
    """Return what LOOK printed."""
    rows = [line.split(" ") for line in text.splitlines()]
    known = {alike(row[1]): (row[1], row[2]) for row in rows if row[0] == "known" and len(row) == len("abc")}
    return Locales(
        frozenset(alike(row[1]) for row in rows if row[0] == "there" and len(row) > 1),
        MappingProxyType(known),
        ["listed"] in rows,
        frozenset(row[1] for row in rows if row[0] == "has" and len(row) > 1),
    )


def with_line(document: Document, line: str) -> Document:
    """Return locale.gen with a line that is no comment: the one that is there, one taken out of a comment, or new."""
    wanted = line.split()
    texts = document.texts
    if any(text.split("#")[0].split() == wanted for text in texts):
        return document
    for index, text in enumerate(texts):
        if text.lstrip().startswith("#") and text.lstrip(" \t#").split() == wanted:
            return document.with_text(index, line)
    return document.inserted(len(document.lines), [line])


def _setting(name: str) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:export\s+)?{name}=(.*)")


def setting_of(document: Document, name: str) -> str | None:
    """Return the value of a variable; the last one counts."""
    values = [match[1].strip() for text in document.texts if (match := _setting(name).fullmatch(text))]
    return values[-1].strip("\"'") if values else None


def with_setting(document: Document, name: str, value: str) -> Document:
    """Return the file with a variable set, in the last line that sets it or in a new one."""
    lines = [index for index, text in enumerate(document.texts) if _setting(name).fullmatch(text)]
    if lines:
        return document.with_text(lines[-1], f"{name}={value}")
    return document.inserted(len(document.lines), [f"{name}={value}"])
