# SPDX-License-Identifier: GPL-3.0-or-later
"""What `jetpack check` prints for people, for programs and for code hosts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from jetpack_core.analysis.rules import every_rule
from jetpack_core.testing.documents import code_blocks
from tests.unit.cli.conftest import Run

SITE = """- name: p
  groups: [web]
  vars: {port: 80}
  tasks:
    - !echo
      msg: "{{ prot }}"
    - !echo
      msg: "{{ port }}"
      and: {notify: nobody}
"""

# What the standard asks of a log, as far as code hosts read it: oasis-open.org, SARIF 2.1.0, chapter 3.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
PLACE = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": TEXT,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {
                        "uri": {"type": "string", "format": "uri-reference"},
                        "uriBaseId": {"type": "string"},
                    },
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "additionalProperties": False,
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                        "snippet": TEXT,
                    },
                },
            },
        },
    },
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex", "level", "locations", "partialFingerprints"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "items": PLACE},
        "relatedLocations": {"type": "array", "items": PLACE},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
    },
}
RULE = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "version", "rules"],
                                "properties": {"rules": {"type": "array", "uniqueItems": True, "items": RULE}},
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "originalUriBaseIds": {"type": "object"},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "a b/site.yml": SITE,
        ".jetpack.yml": "playbook: a b/site.yml\ninventory: inventory\n",
        "inventory/groups/web": "hosts: [h1, h2]\n",
        "inventory/group_vars/web": "port: 8080\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_text_has_place_excerpt_caret_hint_and_code(project: Path, invoke: Run) -> None:
    done = invoke("check", cwd=project)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "a b/site.yml:3:10: warning: 'port' of the play's vars hides that of group web at inventory/group_vars/web:1:1,"
        " on every host of the play [shadowed-variable]\n"
        "      vars: {port: 80}\n"
        "             ^\n"
        "    hint: play vars beat the inventory; `defaults:` of the play would not\n"
        "a b/site.yml:6:16: nothing defines the variable 'prot', on every host of the play [undefined-variable]\n"
        '          msg: "{{ prot }}"\n'
        "                   ^\n"
        "    hint: did you mean 'port'?\n"
        "a b/site.yml:9:13: warning: no handler of the play subscribes to 'nobody', so nothing follows from it"
        " [unheard-notification]\n"
        "          and: {notify: nobody}\n"
        "                ^\n"
        "    hint: add a handler with `with: {subscribe: NAME}`\n"
        "\n1 error, 2 warnings; nothing ran\n"
    )


def test_warnings_alone_end_well_unless_strict(project: Path, invoke: Run) -> None:
    done = invoke("check", "--ignore", "undefined-variable", cwd=project)
    assert (done.returncode, done.stdout) == (0, "1 play, 2 tasks, 2 hosts: 2 warnings\n")
    assert invoke("check", "--ignore", "undefined-variable", "--strict", cwd=project).returncode == 1


def test_json_is_one_document(project: Path, invoke: Run) -> None:
    done = invoke("check", "--json", cwd=project)
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert found["version"] == 1
    assert found["checked"] == {"plays": 1, "tasks": 2, "hosts": 2}
    assert found["counts"] == {"error": 1, "warning": 2, "maybe": 0}
    assert found["findings"][1] == {
        "code": "undefined-variable",
        "severity": "error",
        "file": "a b/site.yml",
        "line": 6,
        "column": 16,
        "message": "nothing defines the variable 'prot'",
        "hint": "did you mean 'port'?",
        "hosts": ["h1", "h2"],
        "related": [],
    }


def test_sarif_is_what_code_hosts_read(project: Path, invoke: Run) -> None:
    done = invoke("check", "--sarif", cwd=project)
    assert (done.returncode, done.stderr) == (1, "")
    log = json.loads(done.stdout)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(every_rule())
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/site.yml", "uriBaseId": "%SRCROOT%"}
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (6, 16)
    assert [result["level"] for result in run["results"]] == ["warning", "error", "warning"]


def test_a_finding_is_known_again_when_lines_move(project: Path, invoke: Run) -> None:
    def prints() -> list[str]:
        log = json.loads(invoke("check", "--sarif", cwd=project).stdout)
        return [one["partialFingerprints"]["jetpackFinding/v1"] for one in log["runs"][0]["results"]]

    before = prints()
    assert len(set(before)) == 3
    site = project / "a b" / "site.yml"
    site.write_text(site.read_text().replace("  tasks:\n", "\n\n  tasks:\n"))
    assert prints() == before


def test_nothing_found_is_a_log_all_the_same(project: Path, invoke: Run) -> None:
    done = invoke("check", "--sarif", "--select", "reserved-name", cwd=project)
    assert done.returncode == 0
    jsonschema.validate(json.loads(done.stdout), SARIF)


def test_two_forms_at_once_are_refused(project: Path, invoke: Run) -> None:
    done = invoke("check", "--sarif", "--json", cwd=project)
    assert done.returncode == 1
    assert "exclude each other" in done.stderr


def test_the_guide_shows_what_is_printed(project: Path, invoke: Run) -> None:
    guide = Path(__file__).parents[3] / "docs" / "how-to" / "check-in-ci.md"
    shown = code_blocks(guide, "console")[0]
    (project / ".jetpack.yml").write_text("playbook: site.yml\ninventory: inventory\n")
    (project / "site.yml").write_text(SITE.replace("  vars: {port: 80}", "  # The group says the port."))
    done = invoke("check", cwd=project)
    assert shown == f"$ jetpack check\n{done.stderr}"
