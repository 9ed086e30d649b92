# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets among the variables of several hosts: who needs them, who can do without, and what events say."""

from __future__ import annotations

from pathlib import Path

import pytest

from jetpack_core.content.load import load_playbook
from jetpack_core.contracts.unknown import Unknown
from jetpack_core.engine.event_stream import EventStream
from jetpack_core.engine.run import run_playbooks
from jetpack_core.engine.settings import RunSettings
from jetpack_core.errors import SecretError
from jetpack_core.events import HostOutput, HostResult, RunFinished
from jetpack_core.inventory.load import load_inventory
from jetpack_core.records import Change, Position, Status, TextDiff
from jetpack_core.registry import Registry
from jetpack_core.secrets import age
from jetpack_core.secrets.identities import Identities
from jetpack_core.secrets.redaction import Redactor
from jetpack_core.secrets.values import LazyList, LazyMap, Sealed, opened, reveal
from jetpack_core.secrets.vault import Vault
from jetpack_core.variables.templates import Templates
from tests.unit.engine.conftest import Play, Ran, Recorder, write_inventory
from tests.unit.engine.memory import MemoryPlugin

SECRET = "Eisenhut-77"
PLAYBOOK = "- name: p\n  groups: [all]\n  tasks:\n    - !echo {msg: '{{ token }}'}\n    - !echo {msg: done}\n"


def vault_with(key: str, home: Path, *, lenient: bool = False) -> Vault:
    def identities() -> Identities:
        environment = {"JETPACK_AGE_IDENTITY": key}
        return Identities((), environment=environment, home=home, ask=lambda _: "", warn=lambda _: None)

    return Vault(identities, lenient=lenient)


def two_hosts(tmp_path: Path, *, lenient: bool = False) -> Ran:
    """Run on two hosts whose variables are encrypted, of which the key at hand opens only those of the first."""
    mine, public = age.generate_key()
    _, other = age.generate_key()
    folder = write_inventory(tmp_path / "inventory", ["a", "b"])
    (folder / "host_vars").mkdir()
    for host, recipient in (("a", public), ("b", other)):
        content = age.encrypt(f"token: {SECRET}\n".encode(), [age.parse_recipient(recipient, None)], armored=True)
        (folder / "host_vars" / f"{host}.yml.age").write_bytes(content)
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    registry = Registry()
    registry.register(MemoryPlugin(), "tests")
    vault = vault_with(mine, tmp_path, lenient=lenient)
    inventory = load_inventory([folder], vault=vault)
    playbook = load_playbook(tmp_path / "site.yml", registry=registry, vault=vault)
    recorder = Recorder()
    settings = RunSettings(vault=vault, planning=lenient)
    return Ran(run_playbooks([playbook], inventory, registry, settings, [recorder]), recorder.events)


def test_a_host_whose_file_cannot_be_read_fails_and_the_other_goes_on(tmp_path: Path) -> None:
    ran = two_hosts(tmp_path)
    assert ran.code == 2
    assert [status for _, status in ran.statuses("a")] == ["passive", "passive"]
    assert [status for _, status in ran.statuses("b")] == ["failed"]
    failed = ran.results("b")[0]
    assert failed.msg.endswith("host_vars/b.yml.age:1: no key at hand can decrypt it (tried: JETPACK_AGE_IDENTITY)")
    assert failed.hint


def test_in_a_plan_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    ran = two_hosts(tmp_path, lenient=True)
    assert ran.code == 0
    assert [status for _, status in ran.statuses("b")] == ["unknown", "passive"]


def test_events_hold_the_place_instead_of_the_secret_and_the_last_one_counts(tmp_path: Path) -> None:
    ran = two_hosts(tmp_path)
    assert ran.results("a")[0].msg.endswith("host_vars/a.yml.age:1>")
    assert SECRET not in repr(ran.events)
    assert ran.of(RunFinished)[0].redactions == 1


def known(vault: Vault, value: object) -> Sealed:
    return vault.known(value, Position("vars.yml", 3, 1))


def test_every_field_of_an_event_is_redacted_however_deep() -> None:
    redactor = Redactor()
    redactor.register(SECRET, "vars.yml:3")
    redactor.register("314159", "vars.yml:4")
    recorder = Recorder()
    EventStream([recorder], redactor).send(
        HostResult(
            play="p",
            host="a",
            task=f"is {SECRET}",
            module="m",
            status=Status.FAILED,
            item={"deep": [{SECRET: SECRET}], "number": 314159},
            changes=(Change("f", SECRET, [SECRET]),),
            diff=(TextDiff("/p", SECRET, f"x{SECRET}"),),
            command=("echo", SECRET),
            stdout=f"{SECRET}\n",
            stderr=f"{SECRET}\n",
            msg=SECRET,
            hint=SECRET,
            warnings=(SECRET,),
            result={"a": {"b": (SECRET,)}},
            line=314159,
        )
    )
    shown = recorder.events[0]
    assert isinstance(shown, HostResult)
    assert SECRET not in repr(shown)
    assert shown.item == {"deep": [{"<secret: vars.yml:3>": "<secret: vars.yml:3>"}], "number": "<secret: vars.yml:4>"}
    assert shown.line == 314159
    assert shown.status is Status.FAILED


def test_output_in_pieces_is_whole_before_the_result() -> None:
    redactor = Redactor()
    redactor.register(SECRET, "vars.yml:3")
    recorder = Recorder()
    stream = EventStream([recorder], redactor)
    for text in ("it is Eisen", "hut-7", "7 and Eisen"):
        stream.send(HostOutput(host="a", task="t", stream="stdout", text=text))
    stream.send(HostOutput(host="b", task="t", stream="stdout", text="Eisen"))
    stream.send(HostResult(play="p", host="a", task="t", module="m", status=Status.EXECUTED))
    texts = [event.text for event in recorder.events if isinstance(event, HostOutput)]
    assert texts == ["it is ", "<secret: vars.yml:3> and ", "Eisen"]
    assert isinstance(recorder.events[-1], HostResult)
    assert all(event.time and event.run for event in recorder.events)


def test_a_value_is_registered_when_it_is_looked_at_and_not_before() -> None:
    vault = Vault()
    data = {"plain": "x", "secret": known(vault, SECRET), "list": [known(vault, "another-one")]}
    templates = Templates(Registry(), vault)
    assert templates.render("{{ data.plain }}", {"data": data}) == "x"
    assert (vault.touches, vault.redactor.holds(SECRET)) == (0, False)
    assert templates.render("{{ data.secret }}", {"data": data}) == SECRET
    assert vault.redactor.holds(SECRET)
    assert not vault.redactor.holds("another-one")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ data.list[0] }}", "one-secret"),
        ("{{ data['list'] | first }}", "one-secret"),
        ("{{ data.list + ['b'] }}", ["one-secret", "b"]),
        ("{{ ['b'] + data.list }}", ["b", "one-secret"]),
        ("{{ data.list * 2 }}", ["one-secret", "one-secret"]),
        ("{{ 'one-secret' in data.list }}", True),
        ("{{ data.list == ['one-secret'] }}", True),
        ("{{ data.map == {'k': 'two-secret'} }}", True),
        ("{{ data.map.values() | list }}", ["two-secret"]),
        ("{{ data.map.items() | list }}", [["k", "two-secret"]]),
        ("{{ data.map.get('k') }}", "two-secret"),
        ("{{ data.map }}", {"k": "two-secret"}),
        ("{{ data.list | join('-') | upper }}", "ONE-SECRET"),
        ("{{ data.number + 1 }}", 5),
        ("{% for x in data.list %}{{ x ~ '!' }}{% endfor %}", "one-secret!"),
        ("{{ data.list[::-1] }}", ["one-secret"]),
        ("{{ '%s' % data.map.k }}", "two-secret"),
        ("it is {{ data.map }}", "it is {'k': 'two-secret'}"),
        ("it is {{ data.list }}", "it is ['one-secret']"),
        ("{{ data | to_json }}", '{"list":["one-secret"],"map":{"k":"two-secret"},"number":4}'),
        ("{{ data.list | length }}", 1),
    ],
)
def test_a_secret_is_its_value_in_every_expression(text: str, expected: object) -> None:
    vault = Vault()
    data = {
        "list": [known(vault, "one-secret")],
        "map": {"k": known(vault, "two-secret")},
        "number": known(vault, 4),
    }
    assert Templates(Registry(), vault).render(text, {"data": data}) == expected


def test_a_missing_key_below_a_secret_map_is_told_by_its_path() -> None:
    vault = Vault()
    data = {"password": known(vault, SECRET)}
    with pytest.raises(Exception, match=r"'data\.pasword' is undefined"):
        Templates(Registry(), vault).render("{{ data.pasword }}", {"data": data})


def test_the_text_of_a_secret_is_never_its_value() -> None:
    vault = Vault()
    secret = known(vault, SECRET)
    assert f"{secret} {secret!r} {[secret]}" == "<secret: vars.yml:3> <secret: vars.yml:3> [<secret: vars.yml:3>]"
    assert opened({"a": [secret]}) == {"a": [SECRET]}
    assert isinstance(reveal({"a": secret}), LazyMap)
    assert isinstance(reveal([{"a": secret}]), LazyList)
    plain = {"a": [1]}
    assert reveal(plain) is plain


def test_a_wrong_key_is_an_error_with_the_place_or_unknown_with_one_warning(tmp_path: Path) -> None:
    _, public = age.generate_key()
    other, _ = age.generate_key()
    ciphertext = age.encrypt(b"x", [age.parse_recipient(public, None)], armored=True)
    place = Position(str(tmp_path / "vars.yml"), 3, 1)
    with pytest.raises(SecretError, match=r"vars\.yml:3: no key at hand"):
        vault_with(other, tmp_path).value(ciphertext, place, ("a",)).open()
    warnings: list[str] = []
    lenient = Vault(lenient=True, warn=warnings.append)
    found = [lenient.value(ciphertext, place, ("a",)).open() for _ in range(3)]
    assert all(isinstance(one, Unknown) for one in found)
    assert len(warnings) == 1


def test_all_variables_of_several_hosts_can_be_shown(play: Play) -> None:
    ran = play("- {name: p, groups: [all], tasks: [!debug {}]}", hosts=("a", "b", "c"))
    assert ran.code == 0
    assert "inventory_hostname = " in ran.results("c")[0].msg
