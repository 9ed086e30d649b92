# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as SARIF 2.1.0 (OASIS standard), the form in which code hosts take the results of static checks."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from jetpack_core import __version__
from jetpack_core.analysis.findings import Severity
from jetpack_core.analysis.rules import every_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jetpack_core.analysis.findings import Finding
    from jetpack_core.analysis.rules import Rule
    from jetpack_core.records import Position

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.MAYBE: "note"}
_ROOT: Final = "%SRCROOT%"
"""The name that code hosts give the root of a repository."""


def sarif(findings: Sequence[Finding]) -> dict[str, object]:
    """Return a SARIF log with one run. Its paths are relative to the current folder."""
    rules = every_rule()
    numbers = {code: number for number, code in enumerate(rules)}
    seen: Counter[str] = Counter()
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "jetpack check",
                        "version": __version__,
                        "rules": [_rule(rule) for rule in rules.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {_ROOT: {"uri": f"{Path.cwd().as_uri()}/"}},
                "results": [_result(one, numbers[one.code], seen) for one in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.code,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": f"{rule.meaning}\n\nExample:\n\n{rule.example}\n{rule.remedy}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, number: int, seen: Counter[str]) -> dict[str, object]:
    hint = f" Hint: {finding.hint}." if finding.hint else ""
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.text}.{hint}"},
        "locations": [_location(finding.position, finding.source_line)],
        "partialFingerprints": {"jetpackFinding/v1": _fingerprint(finding, seen)},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(position), "message": {"text": what}}
            for number, (position, what) in enumerate(finding.related, start=1)
        ]
    if finding.hosts:
        result["properties"] = {"hosts": list(finding.hosts)}
    return result


def _location(position: Position, line: str = "") -> dict[str, object]:
    region: dict[str, object] = {"startLine": position.line, "startColumn": position.column}
    if line:
        region["snippet"] = {"text": line}
    path = Path(position.file)
    where = {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(position.file), "uriBaseId": _ROOT}
    return {"physicalLocation": {"artifactLocation": where, "region": region}}


def _fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """Return what stays the same of a finding when lines move, so that a code host knows it again."""
    words = (finding.code, finding.position.file, finding.message, finding.source_line.strip())
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"
