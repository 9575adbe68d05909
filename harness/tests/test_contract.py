# SPDX-License-Identifier: Apache-2.0
"""The contract's data file is held to its own rules, and everything that repeats a name of it is
held to the data file: a message names the place and the row that is missing there."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from atls_harness import contract as data
from atls_harness import usage
from atls_harness.ambiguities import ambiguities
from atls_harness.contract import cited, contract, load_contract
from atls_harness.contract_header import header, identifier
from atls_harness.contract_tables import BLOCK, outdated, renew
from atls_harness.document import load_schema, validator_for, compiled
from atls_harness.errors import HarnessError, InputError
from atls_harness.flags import NOT_FLAGS
from atls_harness.paths import CONTRACT, PEERS, ROOT, SCENARIO_SCHEMA, SCHEMAS, shown
from atls_harness.peer import Peer, load_peer, load_peers
from atls_harness.probes import undeclared
from atls_harness.run import Run
from atls_harness.scenario import cases, load

KNOWN = contract()
TEXT = CONTRACT.read_text(encoding="utf-8")
SUFFIXES = {".c", ".h", ".go", ".rs", ".java", ".py"}

# What a person may get wrong in the file: what to replace, by what, and what is said of it.
MISTAKES = {
    "twice": ("- name: ta-03\n", "- name: ta-02\n", "ta-02 stands in profiles for the second time"),
    "variant": ("payload-prefix, no-common", "payload-prefx", "did you mean payload-prefix?"),
    "document": (
        "    document: RFC 9999",
        "    document: RFC-9999",
        "expected a draft with its version or an RFC, got 'RFC-9999'",
    ),
    "unasked": (
        "    variants: [nonce, signature, tpm-quote]\n",
        "    variants: [signature]\n",
        "no profile leaves nonce open",
    ),
    "field": ("    carrier: leaf\n", "    carier: leaf\n", "unknown field 'carier' in profiles."),
    "carrier": ("carrier: leaf", "carrier: leaves", "'leaves' is not one of certificate, entry"),
    "value": ("value: nonce, by", "value: nonse, by", ".value: 'nonse' is not one of none, nonce"),
    "name": ("- {name: linkage,", "- {name: Linkage,", "'Linkage' does not match"),
    "reading": ("[fresh, constant]\n    what", "[fresh]\n    what", ".readings: "),
    "alert": ("name: close_notify", "name: attestation_failed", "is among the alerts as well"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    right, wrong, words = MISTAKES[name]
    assert right in TEXT
    path = tmp_path / "contract.yaml"
    path.write_text(TEXT.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"contract\.yaml:[0-9]+") as told:
        load_contract(path)
    assert words in str(told.value)
    assert told.value.line > 15


def test_a_list_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match="no list 'profile'; did you mean profiles?"):
        KNOWN.names("profile")


def places(schema: Any, where: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each list of values that stands in a schema itself."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield where, [str(value) for value in schema["enum"]]
        for key, below in schema.items():
            yield from places(below, f"{where}/{key}")
    if isinstance(schema, list):
        for index, below in enumerate(schema):
            yield from places(below, f"{where}/{index}")


def test_no_schema_has_names_of_its_own() -> None:
    """A list is a schema's {"x-list": LIST}: two names of one list in an enum are a second list."""
    lists = ("profiles", "variants", "faults", "reasons", "alerts", "evidence-formats", "models")
    for path in SCHEMAS.glob("*.json"):
        if path.name == "contract.schema.json":
            continue
        for where, values in places(json.loads(path.read_text(encoding="utf-8"))):
            for name in lists:
                both = sorted({*values} & {*KNOWN.names(name)})
                assert len(both) < 2, f'{path.name}#{where}: say {{"x-list": "{name}"}}, not {both}'


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A contract with one profile and one reason more."""
    row = re.search(r"(?ms)^  - name: x509-cmw\n.*?(?=^  - name: )", TEXT)
    assert row
    path = tmp_path / "contract.yaml"
    more = row.group().replace("x509-cmw", "zz-99") + "  - name: poc-mbedtls\n"
    text = TEXT.replace("  - name: poc-mbedtls\n", more, 1)
    text = text.replace("reasons:\n", "reasons:\n  - {name: zz-broken, what: a toy}\n", 1)
    path.write_text(text, encoding="utf-8")
    caches = (contract, load_schema, validator_for, compiled)
    monkeypatch.setattr(data, "CONTRACT", path)
    for one in caches:
        one.cache_clear()
    yield
    monkeypatch.undo()
    for one in caches:
        one.cache_clear()


def test_a_row_is_enough(toy: None, tmp_path: Path) -> None:
    """Scenarios, peers, probes, expectations and the benchmark take a new name by itself."""
    story = tmp_path / "story.yaml"
    story.write_text(
        "title: A new profile\nclauses: [R-TA-37]\nprofile: zz-99\nattester: client\n"
        "roles: {attester: {certificate: trusted}}\n"
        "expect: {outcome: refused, by: server, reason: zz-broken, alert: access_denied}\n"
    )
    (case,) = cases(*load(story))
    assert case.profile == "zz-99" and case.beside_x509("client")
    own = load_peer(PEERS / "atls" / "peer.yaml")
    assert own.lacks(case, "client") == ""
    assert "undeclared-zz-99" not in [probe.name for probe in undeclared(own, "client")]
    other = load_peer(PEERS / "openssl" / "peer.yaml")
    assert "declares no profile zz-99" in other.lacks(case, "client")
    assert "undeclared-zz-99" in [probe.name for probe in undeclared(other, "client")]
    # A process of its own: what is measured is settled when the module is read.
    code = "import pathlib, sys, atls_harness.contract as c; c.CONTRACT = pathlib.Path(sys.argv[1])"
    code += "; from atls_harness.bench.plan import FULL; print(FULL.modes)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "contract.yaml")],
        env={"PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
    )
    assert "zz-99/passport/both" in done.stdout, done.stderr
    assert 'ROW(zz_99, "zz-99", ATLS_IN_CERTIFICATE, true)' in header(contract())
    assert any("`zz-99`" in words for words in outdated(contract()))


def test_the_tables_of_the_readmes_are_those_of_the_contract(tmp_path: Path) -> None:
    assert outdated(KNOWN) == []
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- contract: reasons -->\n| old |\n<!-- /contract -->\nafter\n")
    assert outdated(KNOWN, [path]) and renew(KNOWN, [path])
    assert outdated(KNOWN, [path]) == [] and renew(KNOWN, [path]) == []
    assert path.read_text().startswith("before\n") and path.read_text().endswith("after\n")
    path.write_text("<!-- contract: reason -->\n<!-- /contract -->\n")
    with pytest.raises(HarnessError, match="no table 'reason'; did you mean reasons?"):
        outdated(KNOWN, [path])


def test_no_table_of_the_readmes_is_gone() -> None:
    text = (PEERS / "README.md").read_text(encoding="utf-8")
    names = {name for _, name, _, _ in BLOCK.findall(text)}
    assert names == {
        "credentials",
        "variants",
        "flags",
        "faults",
        "reasons",
        "roots",
        "code-points",
    }


def test_the_command_line_has_the_contracts_roots() -> None:
    assert list(usage.ROOTS) == KNOWN.names("roots")


def _options(words: str) -> set[str]:
    return set(re.findall(r"--([a-z][a-z-]+)", words))


@pytest.mark.parametrize("side", ["client", "server"])
def test_help_has_the_contracts_flags(real: Run, side: str) -> None:
    peer = load_peers([PEERS])["atls"]
    said = subprocess.run(
        [*peer.command(side, real.build), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"ARGP_HELP_FMT": "rmargin=200"},
    ).stdout
    printed = re.findall(r"^ +(?:-., |    )?--([a-z][a-z-]+)", said, re.MULTILINE)
    due = {
        one.name
        for one in KNOWN.flags.values()
        if one.of in ("both", side) and not one.name == "in-turn"
    }
    assert set(printed) - {"help", "usage", "version"} == due, f"{side} --help and contract.yaml"
    for name in KNOWN.names("profiles"):
        assert name in said, f"{side} --help: profile {name}"
    flat = " ".join(said.split())
    for one in KNOWN.variants.values():
        assert f"{one.name}={'|'.join(one.readings)}" in flat, f"{side} --help: {one.name}"
    for flag in ("serialization", "evidence-format", "cmw-form", "credential-kind", "curve"):
        assert f"--{flag}={KNOWN.flags[flag].value}" in flat
        words = KNOWN.flags[flag].value.split("|")
        assert words == [*KNOWN.names(f"{flag}s")], f"contract.yaml: flag {flag}"


def test_enrolment_has_the_same_words(real: Run) -> None:
    peer = load_peers([PEERS])["atls"]
    said = subprocess.run(
        [*peer.command("enroll", real.build), "--help"], capture_output=True, text=True, check=True
    ).stdout
    for flag in ("serialization", "evidence-format", "cmw-form", "curve"):
        wanted = f"--{flag}={KNOWN.flags[flag].value}"
        assert wanted in said, f"atls-enroll --help: {wanted}"


def _sources(peer: Peer) -> list[Path]:
    """What a peer's programs are made of; of those that link the project's own code, that too."""
    inputs = [path.replace("{root}", str(ROOT)) for path in peer.setup.get("inputs", [])]
    folders = [peer.path.parent, *map(Path, inputs)]
    if any(word.startswith("{build}") for argv in peer.programs.values() for word in argv):
        folders += [ROOT / "roles", ROOT / "tls", ROOT / "harness" / "peers" / "linked"]
    found = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return [path for path in found if path.suffix in SUFFIXES]


FOREIGN = [one for one in load_peers([PEERS]).values() if one.name not in ("atls", "qemu")]


@pytest.mark.parametrize("peer", FOREIGN, ids=lambda peer: peer.name)
def test_what_other_stacks_declare_is_in_their_tables(peer: Peer) -> None:
    """A fault or variant has one name everywhere: in peer.yaml, in the contract, in the adapter."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in _sources(peer))
    for kind in ("faults", "variants"):
        for name in peer.declared(kind):
            if kind == "faults" and peer.adversary:
                assert name.startswith("wire-"), f"{shown(peer.path)}: {name} is no name of its own"
                continue
            where = f"{shown(peer.path)}: {kind}: {name}"
            assert name in KNOWN.names(kind), f"{where} has no row in {shown(CONTRACT)}"
            assert re.search(rf'"{name}[="]', text), f"{where} is in no source of the adapter"
    for name in peer.declared("variants"):
        for reading in KNOWN.variants[name].readings[1:] if peer.name != "openssl" else ():
            at = f"{shown(peer.path)}: {name}={reading}"
            assert re.search(
                rf'["=]{re.escape(reading)}"', text
            ), f"{at}: no source has the reading"


NUMBERS = KNOWN.alerts | {one.name: one.value for one in KNOWN.code_points.values()}
NUMBER = r"(0[xX][0-9A-Fa-f]+|[0-9]+)"
TABLES = [
    PEERS / "openssl" / "profiles.c",
    PEERS / "openssl" / "events.c",
    PEERS / "go" / "fail.go",
    PEERS / "java" / "src" / "atls" / "CodePoints.java",
    ROOT / "tls" / "wireshark" / "attested-tls.lua",
]


def _numbered(text: str) -> Iterator[tuple[str, set[int]]]:
    """Names in quotes that have a number in front or behind."""
    for name, value in NUMBERS.items():
        quoted = f'"{re.escape(identifier(name))}"|"{re.escape(name)}"'
        for found in re.finditer(rf"(?:{NUMBER}[:,]\s*)?(?:{quoted})(?:[:,]\s*{NUMBER}\b)?", text):
            near = {int(one, 0) for one in found.groups() if one}
            if near:
                yield name, near


@pytest.mark.parametrize("path", TABLES, ids=shown)
def test_numbers_of_others_are_those_of_the_contract(path: Path) -> None:
    found = list(_numbered(path.read_text(encoding="utf-8")))
    assert len(found) >= 10, f"{shown(path)}: where is its table?"
    for name, numbers in found:
        assert NUMBERS[name] in numbers, f"{shown(path)}: {name} is {NUMBERS[name]} in the contract"


def test_numbers_in_documents_are_those_of_the_contract() -> None:
    """attestation_failed (226), as the tables of alerts say it."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    pages += [path for room in (*ROOMS, "harness") for path in (ROOT / room).rglob("*.md")]
    count = 0
    for path in pages:
        for name, code in re.findall(r"\b([a-z]+(?:_[a-z]+)+) \(([0-9]+)\)", path.read_text()):
            if name in NUMBERS:
                count += 1
                assert NUMBERS[name] == int(code), f"{shown(path)}: {name} is {NUMBERS[name]}"
    assert count > 20


# What the README calls the stacks, in its table of what each carries.
STACKS = {
    "OpenSSL": "openssl",
    "NSS": "nss",
    "Bouncy Castle": "bouncycastle",
    "BoringSSL": "boringssl",
    "wolfSSL": "wolfssl",
    "Go crypto/tls": "go",
    "rustls": "rustls",
    "Java's JSSE": "jsse",
}


def test_the_readme_says_which_profiles_each_stack_carries() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| stack | carries |")[2].partition("\n\n")[0]
    peers = {one.name: one for one in FOREIGN}
    seen = set()
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        known = [name for label, name in STACKS.items() if label in cells[0].split(", ")]
        seen |= {*known}
        said = {name for name in KNOWN.profiles if re.search(rf"(?<![\w-]){name}(?![\w-])", line)}
        declared = {
            profile
            for name in known
            for side in ("client", "server")
            for profile in peers[name].declared("profiles", side)
        }
        assert not known or said == declared, f"README.md: {cells[0]}: {sorted(said ^ declared)}"
    attesting = {
        one.name for one in FOREIGN if not one.unaware and {"client", "server"} & {*one.programs}
    }
    assert seen == {*STACKS.values()} == attesting, "README.md: a stack is in no row of the table"


def test_the_dissector_knows_all_code_points() -> None:
    path = ROOT / "tls" / "wireshark" / "attested-tls.lua"
    text = path.read_text(encoding="utf-8")
    there = {name for name, _ in _numbered(text)}
    for one in KNOWN.code_points.values():
        if one.kind != "certificate-type":
            assert one.name in there, f"{shown(path)} has no {one.kind} {one.name}"
    listed = re.search(r"PROFILES = \{(.*?)\}", text)
    assert listed
    for name in re.findall(r'"([^"]+)"', listed.group(1)):
        assert name in KNOWN.profiles, f"{shown(path)}: PROFILES: no profile {name}"


def _in_c() -> str:
    rooms = [ROOT / name for name in ("formats", "roles", "tls", "verifier-stub")]
    paths = [path for room in rooms for path in room.rglob("*.[ch]")]
    return "\n".join(one.read_text() for one in paths if not one.name.startswith("test-"))


def test_every_profile_file_has_its_row() -> None:
    ids = {identifier(name) for name in KNOWN.profiles}
    for path in (ROOT / "tls" / "profiles").glob("*.c"):
        for name in re.findall(
            r"^const struct atls_profile atls_profile_(\w+)", path.read_text(), re.M
        ):
            assert name in ids, f"{shown(path)}: {name} has no row in {shown(CONTRACT)}"


@pytest.mark.parametrize("kind", ["reasons", "faults"])
def test_every_name_is_somebodys(kind: str) -> None:
    """A reason that nobody says and a fault that nobody carries out are no part of a contract."""
    text = _in_c()
    for name in KNOWN.names(kind):
        word = '"tier-' if name.startswith("tier-") else f'"{name}"'  # the rest is the tier's name
        assert word in text, f"{shown(CONTRACT)}: {kind}: no C source has {name!r}"


LISTS = ("profiles", "variants", "flags", "faults", "reasons", "evidence-formats", *KNOWN.words)
NAMES = {name for one in LISTS for name in KNOWN.names(one)}
NAMES |= {reading for one in KNOWN.variants.values() for reading in one.readings}
ROOMS = ("harness/peers", "roles", "tls", "verifier-stub")
NEAR = 0.85  # a letter or two


def test_no_source_misspells_a_name() -> None:
    """Tables of other stacks repeat names: reasons, faults, readings. One that nobody knows, and
    that is all but one of the contract's, is a mistake, and would never be seen."""
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*")):
        if path.suffix not in SUFFIXES or "test" in path.name or "target" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for word in sorted({*re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)=?"', text)} - NAMES):
            near = difflib.get_close_matches(word, [n for n in NAMES if "-" in n], 1, NEAR)
            where = f"{shown(path)}: {word!r} has no row in {shown(CONTRACT)}"
            assert not near, f"{where}; did you mean {near[0]}?"


def test_variants_and_ambiguities_say_the_same() -> None:
    known = ambiguities()
    for one in KNOWN.variants.values():
        if re.fullmatch("H[0-9]+", one.question):
            assert one.question in known, f"variant {one.name}: there is no {one.question}"
    for entry in known.values():
        for reading in entry.readings.values():
            for words in reading.flags.get("variant", []):
                name, _, value = words.partition("=")
                assert value in KNOWN.variants[name].readings, f"ambiguities.yaml: {words}"


def test_what_a_story_says_of_a_side_is_a_flag() -> None:
    known = {*KNOWN.flags, *NOT_FLAGS, "cmw-oid", "cmw-slot", "cmw-critical"}
    definitions = load_schema(SCENARIO_SCHEMA)["$defs"]
    for side in ("endpoint", "client", "server"):
        unknown = set(definitions[side]["properties"]) - known
        assert not unknown, f"scenario.schema.json: {side}: no flags of the contract: {unknown}"


def test_models_are_those_that_profiles_have() -> None:
    models = {model for one in KNOWN.profiles.values() for model in one.models}
    assert models == {*KNOWN.words["models"]}


def test_peers_in_python_take_the_names_from_there() -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); import contract, json\n"
        "p = contract.flags_of('client', 'x', '1', ())\n"
        "print(json.dumps([contract.PROFILES, contract.ALERTS, list(p._option_string_actions)]))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(PEERS / "python")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},  # as ./atls has it
        capture_output=True,
        text=True,
        check=True,
    )
    profiles, alerts, flags = json.loads(done.stdout)
    assert profiles == [one.name for one in KNOWN.profiles.values() if one.plain]
    assert {name: int(code) for code, name in alerts.items()} == KNOWN.alerts
    for one in KNOWN.flags.values():
        due = one.of in ("both", "client") and not one.optional
        assert (f"--{one.name}" in flags) == due, f"harness/peers/python: --{one.name}"


@pytest.mark.parametrize("name", [*KNOWN.profiles, "no-such-profile"])
def test_peers_in_python_refuse_what_a_plain_stack_cannot_play(name: str) -> None:
    code = (
        "import sys; sys.path.append(sys.argv[1]); import contract\n"
        "p = contract.flags_of('client', 'x', '1', ())\n"
        "o = p.parse_args(['--profile', sys.argv[2], '--connect', '127.0.0.1:1'])\n"
        "contract.check_plain(p, 'client', o)"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(PEERS / "python"), name],
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
    )
    plain = name in KNOWN.profiles and KNOWN.profiles[name].plain
    assert done.returncode == (0 if plain else 77), done.stderr
    assert plain or f"not supported: profile {name}" in done.stderr


@pytest.mark.parametrize(
    "clause, shown",
    [
        ("RFC 8446 section 4.4.2", "RFC 8446 section 4.4.2, now RFC 9846"),
        ("RFC 8446 appendix B.4 and RFC 9261", "RFC 8446 appendix B.4 and RFC 9261, now RFC 9846"),
        ("RFC 9846 section 6", "RFC 9846 section 6"),
        ("RFC 8446 (RFC 9846) section 6", "RFC 8446 (RFC 9846) section 6"),
        ("RFC 84461 section 1", "RFC 84461 section 1"),
        ("draft-fossati-tls-attestation-07", "draft-fossati-tls-attestation-07"),
        ("", ""),
    ],
)
def test_a_clause_is_shown_with_what_has_replaced_it(clause: str, shown: str) -> None:
    assert cited(clause) == shown
