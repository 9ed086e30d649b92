# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of rules, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jetpack_core.errors import ContentError, UsageError
from jetpack_core.secret_files.globs import key_matches, path_matches
from jetpack_core.secret_files.rules import Rules, find_rules

ADA = "age1hnhqe0mg4cnt5cxyu5l5ra00h27rg5xncnrxdq6tphawp3zmuvdssxd3ax"
BOB = "age1lqf6vt5gkxh34jrjevhut6vg0r59epxr3jj3lesgmj3aajeltunsk8jv5d"
EVE = "age1e5su9fj9kfpqhv9dc2ywrys006sy2uup5xkassaxn9sylpsfygsqcshwm3"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBJWVKnt8Ip38Wcz0HKE8MqckyI7/dTcCqnAmlDFdUcD"

GOOD = f"""\
recipients:
  ada: {ADA}
  bob: {BOB}
  eve: {SSH} eve@example.org
groups:
  admins: [ada, bob]
  all: [admins, eve]
rules:
  - paths: prod/**
    recipients: admins
    keys: ["*password*", tls.key]
  - paths: ["*.pem", certs/*]
    recipients: [eve, admins]
    whole: true
  - paths: "**"
    recipients: all
require_binding: true
plugins: [yubikey]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder: Path, text: str) -> Rules:
    (folder / ".jetpack-secrets.yml").write_text(text)
    return find_rules(folder / "sub" / "file.yml")


def names(rules: Rules, path: str) -> list[str]:
    assert rules.file is not None
    return [one.name for one in rules.recipients_for(rules.file.parent / path)]


def test_the_first_rule_about_a_file_counts(folder: Path) -> None:
    rules = load(folder, GOOD)
    assert names(rules, "prod/group_vars/web.yml") == ["ada", "bob"]
    assert names(rules, "x/y/site.pem") == ["eve", "ada", "bob"]
    assert names(rules, "certs/a") == ["eve", "ada", "bob"]
    assert names(rules, "certs/deep/a") == ["ada", "bob", "eve"]
    assert names(rules, "vars.yml") == ["ada", "bob", "eve"]
    assert rules.require_binding
    assert rules.plugins == ("yubikey",)


def test_an_encrypted_file_is_under_the_rule_of_its_name_in_clear(folder: Path) -> None:
    rule = load(folder, GOOD).rule_for(folder / "site.pem.age")
    assert rule is not None
    assert rule.patterns == ("*.pem", "certs/*")


def test_keys_of_a_rule(folder: Path) -> None:
    rule = load(folder, GOOD).rule_for(folder / "prod/x.yml")
    assert rule is not None
    assert rule.wants_encrypted(["db", "Root_Password", "0"])
    assert rule.wants_encrypted(["tls", "key"])
    assert not rule.wants_encrypted(["tls", "keys"])
    assert not rule.wants_encrypted(["x", "tls", "key"])


def test_names_stand_for_recipients_and_groups(folder: Path) -> None:
    rules = load(folder, GOOD)
    assert [one.text for one in rules.named("all")] == [ADA, BOB, f"{SSH} eve@example.org"]
    assert [one.name for one in rules.named("eve")] == ["eve"]
    assert rules.named("nobody") == ()


def test_the_nearest_file_upward_counts(folder: Path) -> None:
    load(folder, GOOD)
    (folder / "other").mkdir()
    (folder / "other/.jetpack-secrets.yml").write_text(f"recipients: {{x: {EVE}}}\n")
    assert [one.name for one in find_rules(folder / "other").recipients] == ["x"]


def test_without_rules_a_hint_says_what_to_write(folder: Path) -> None:
    with pytest.raises(UsageError, match="nothing says for whom") as caught:
        find_rules(folder).recipients_for(folder / "x.yml")
    assert ".jetpack-secrets.yml" in caught.value.hint


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rules:\nrecipients:\n", "{}\n"])
def test_an_empty_file_is_no_mistake(folder: Path, text: str) -> None:
    assert load(folder, text).rules == ()


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("groups:", "group:", "5:1: there is no setting `group`", "did you mean `groups`?"),
        ("    recipients: admins", "    recipient: admins", "10:5: there is no setting of a rule `recipient`", ""),
        ("    recipients: admins\n", "", "9:5: this rule has no `recipients`", ""),
        ("recipients: admins", "recipients: admin", "10:17: there is no recipient or group 'admin'", "`admins`"),
        ("all: [admins, eve]", "all: [admins, all]", "7:17: the group 'all' would hold itself", ""),
        ("admins: [ada, bob]", "admins: [ada, all]", "the group ", ""),
        ("admins: [ada, bob]", "ada: [bob]", "6:3: 'ada' is a recipient already", ""),
        (f"ada: {ADA}", f"ada: {ADA[:-3]}xyz", "2:8: ", "a recipient is age1..., ssh-ed25519 ... or ssh-rsa ..."),
        (f"ada: {ADA}", "ada: AGE-SECRET-KEY-1QQ", "2:8: this is a private key, not a recipient", ""),
        (f"ada: {ADA}", "ada: age1tpm1qqqq", "2:8: the age plugin 'tpm' is not allowed", "`plugins: [tpm]`"),
        (f"ada: {ADA}", "ada: [x]", "2:8: this must be text, not a list", ""),
        ("require_binding: true", "require_binding: maybe", "17:18: this is true or false", ""),
        ("[yubikey]", "[../evil]", "'../evil' is no name of an age plugin", "age-plugin-yubikey"),
        ("  - paths: prod/**\n", "  - prod/**\n  - paths: x\n", "9:5: a rule is a mapping", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    folder: Path, old: str, new: str, message: str, hint: str
) -> None:
    assert old in GOOD
    with pytest.raises(ContentError) as caught:
        load(folder, GOOD.replace(old, new, 1))
    assert message in str(caught.value)
    assert f"{folder}/.jetpack" in str(caught.value) or ".jetpack-secrets.yml:" in str(caught.value)
    assert hint in str(caught.value)
    assert "^" in str(caught.value)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    with pytest.raises(ContentError) as caught:
        load(folder, GOOD.replace("groups:", "group:").replace("require_binding: true", "require_binding: 7"))
    assert len(caught.value.problems) == 5


def test_rules_that_are_no_mapping_are_refused(folder: Path) -> None:
    with pytest.raises(ContentError, match="a file of rules is a mapping"):
        load(folder, "- a\n")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.yml", "a/b/c.yml", True),
        ("*.yml", "a.yml/b", False),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True),
        ("a/**", "ab/c", False),
        ("**/x.yml", "x.yml", True),
        ("**/x.yml", "a/b/x.yml", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "a/bz", False),
        ("/top.yml", "top.yml", True),
        ("/top.yml", "a/top.yml", False),
        ("a?c/x", "abc/x", True),
        ("a?c/x", "a/c/x", False),
        ("a.c/x", "abc/x", False),
        ("**", "a/b", True),
    ],
)
def test_paths_match_as_in_gitignore(pattern: str, path: str, matches: bool) -> None:
    assert path_matches(pattern, path) is matches


PARTS = st.lists(st.text("ab.*[?", min_size=1, max_size=4), min_size=1, max_size=4)


@given(PARTS)
def test_a_path_without_wildcards_matches_itself(parts: list[str]) -> None:
    path = "/".join(part.replace("*", "x").replace("?", "y") for part in parts)
    assert path_matches(f"/{path}", path)
    assert path_matches("**", path)
    assert key_matches("**", parts)
