# SPDX-License-Identifier: Apache-2.0
"""A word that is misspelt in a file is an error with file, line and the nearest word: where nobody
missed it, a case would be skipped, or would pass, in silence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

import pytest

from atls_harness.document import Document
from atls_harness.errors import HarnessError, InputError, PeerError, ScenarioError, UsageError
from atls_harness.expected import check_expected, load_expected, of_peers
from atls_harness.matrix import load_required
from atls_harness.paths import PEERS, ROOT
from atls_harness.peer import load_peer, load_peers
from atls_harness.scenario import cases, load
from atls_harness.selection import all_ids
from atls_harness.vocabulary import Vocabulary

STORY = """title: A story with one word that is wrong
clauses: [R-TA-01]
model: background-check
attester: client
matrix:
  curve: [p256, p384]
exclude: [{curve: p384}]
roles:
  attester: {fault: [pat-signature], variant: [hello-retry=all]}
expect:
  outcome: refused
  by: relying-party
  reason: pat-signature-invalid
  verifier: {forbidden: [{event: appraisal, status: affirming}]}
  client: {handshake: {reason: peer-alert}, required: [{event: closed, outcome: failed}]}
"""

# what stands there, what in its place, line, and the words
WORDS = [
    ("model:", "modle:", 3, "did you mean 'model'?"),
    ("background-check", "backgroud-check", 3, "did you mean 'background-check'?"),
    ("attester: client\n", "attester: cleint\n", 4, "did you mean 'client'?"),
    ("R-TA-01", "R-TA-0l", 2, ""),
    ("R-TA-01", "R-TA-99", 2, "no requirement 'R-TA-99'; did you mean R-TA-"),
    ("[p256, p384]", "[p256, p348]", 7, "has no value 'p384'; did you mean p348?"),
    ("{curve: p384}", "{curve: p348}", 7, "has no value 'p348'; did you mean p384?"),
    ("{curve: p384}", "{kurve: p384}", 7, "no axis 'kurve' in the matrix; did you mean curve?"),
    ("fault:", "falut:", 9, "did you mean 'fault'?"),
    ("pat-signature]", "pat-signatur]", 9, "the fault 'pat-signatur'; did you mean pat-signature?"),
    ("hello-retry=all", "helo-retry=all", 9, "variant 'helo-retry'; did you mean hello-retry?"),
    ("outcome: refused", "outcome: refuesd", 11, "did you mean 'refused'?"),
    ("by: relying-party", "by: relaying-party", 12, "did you mean 'relying-party'?"),
    ("reason: pat-s", "reason: pat-z", 13, "did you mean 'pat-signature-invalid'?"),
    ("event: appraisal", "event: apraisal", 14, "no event 'apraisal' of a verifier; did you mean"),
    ("status: aff", "statu: aff", 14, "no field 'statu'; did you mean status?"),
    ("affirming", "afirming", 14, "status is never 'afirming'; did you mean affirming?"),
    ("peer-alert", "peer-allert", 15, "reason is never 'peer-allert'; did you mean peer-alert?"),
    ("event: closed, outcome", "event: closed, outcom", 15, "'outcom'; did you mean outcome?"),
]


@pytest.fixture(scope="module")
def known() -> Vocabulary:
    return Vocabulary(load_peers([PEERS]).values())


def play(path: Path, known: Vocabulary) -> None:
    for case in cases(*load(path)):
        known.check(case)


@pytest.mark.parametrize("right, wrong, line, words", WORDS, ids=[row[1] for row in WORDS])
def test_a_scenario(
    tmp_path: Path, known: Vocabulary, right: str, wrong: str, line: int, words: str
) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(STORY)
    play(path, known)
    assert right in STORY
    path.write_text(STORY.replace(right, wrong, 1))
    with pytest.raises(ScenarioError) as told:
        play(path, known)
    assert words in str(told.value)
    assert told.value.line == line, told.value


def test_true_is_a_value_of_an_axis(tmp_path: Path, known: Vocabulary) -> None:
    path = tmp_path / "story.yaml"
    text = STORY.replace("curve: [p256, p384]", "late: [true, false]")
    path.write_text(text.replace("{curve: p384}", "{late: true}"))
    assert [case.name for case in cases(*load(path))] == ["false"]


PEER = (PEERS / "openssl" / "peer.yaml").read_text(encoding="utf-8")
CAPABILITIES = [
    ("x509-cmw", "x509-cwm", "did you mean 'x509-cmw'?"),
    ("x509-cmw", "ta-08", "'ta-08' is not one of ta-02, ta-03, ta-07"),
    ("background-check", "background-chek", "did you mean 'background-check'?"),
    ("relying-party", "relaying-party", "did you mean 'relying-party'?"),
    ("cbor", "cborr", "did you mean 'cbor'?"),
    ("p256", "p265", "did you mean 'p256'?"),
    ("models:", "model:", "did you mean 'models'?"),
]


@pytest.mark.parametrize("right, wrong, words", CAPABILITIES, ids=[row[1] for row in CAPABILITIES])
def test_what_a_peer_declares(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    path = tmp_path / "openssl" / "peer.yaml"
    path.parent.mkdir()
    head, middle, tail = PEER.partition("capabilities:")
    assert right in tail
    path.write_text(head + middle + tail.replace(right, wrong, 1))
    with pytest.raises(PeerError, match=f"peer.yaml:{1 + head.count(chr(10))}|peer.yaml:") as told:
        load_peer(path)
    assert words in str(told.value)
    assert told.value.line > head.count("\n")


@pytest.mark.parametrize(
    "entry, words",
    [
        ("{client: opensl, server: atls}", "no client 'opensl'; did you mean openssl?"),
        ("{client: atls, server: [atls, nsss]}", "no server 'nsss'; did you mean nss?"),
        ("{client: atls, server: atls, profile: x509-cwm}", "no profile 'x509-cwm'; did you mean"),
        ("{client: atls, server: atls, model: pasport}", "did you mean passport?"),
        ("{client: atls, server: atls, attester: nether}", "did you mean neither?"),
        ("{client: atls, server: 'x*'}", "no server 'x*'"),
    ],
)
def test_required_cells(tmp_path: Path, entry: str, words: str) -> None:
    path = tmp_path / "required.yaml"
    path.write_text(f"required:\n  - {entry}\n")
    with pytest.raises(InputError, match=":2: there is no ") as told:
        load_required(path, load_peers([PEERS]))
    assert words in str(told.value)


def test_expected_failures(tmp_path: Path) -> None:
    path = tmp_path / "expected.yaml"
    known = ["hello-retry-request[client]", "interop-plain[x]@openssl:nss"]

    def check(case: str) -> None:
        path.write_text(f"expected-failures:\n  - {{case: '{case}', reason: a known one}}\n")
        check_expected(load_expected(path), known)

    for good in ("hello-*", "interop-plain[x]@nss:nss", "another-collection[y]", "*"):
        check(good)
    for bad in ("helo-retry-request[*]", "hello-retry-request[cleint]", "interop-plian[x]@a:b"):
        with pytest.raises(UsageError, match=r":2: no case is named .*; did you mean"):
            check(bad)


def test_known_failures_of_a_peer_of_somebody(tmp_path: Path) -> None:
    known = ["hello-retry-request[client]", "seat-extension-elsewhere[seat-06-server]"]
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (PEERS / "rustls" / "peer.yaml").read_text("utf-8")
    assert "known-failures" not in text

    def check(case: str) -> None:
        entry = f"known-failures:\n  - {{case: '{case}', reason: a known one}}\n"
        named = re.sub(r"^name: .*$", "name: mine", text, flags=re.M)
        (folder / "peer.yaml").write_text(named + entry, "utf-8")
        check_expected(of_peers(load_peers([tmp_path]).values()), known)

    for good in ("hello-*", "seat-extension-elsewhere[[]*-server]", "seat-*?seat-0?-server?"):
        check(good)
    for bad in ("helo-retry-request[*]", "seat-extension-elsewhere[[]seat-06-sever]"):
        with pytest.raises(UsageError, match=r"peer.yaml: known-failures: no case is named"):
            check(bad)


def test_every_known_failure_of_the_project_is_of_a_case() -> None:
    stray = sorted((ROOT / "harness" / "adversary").glob("*.yaml"))
    known = [case.id for path in stray for case in cases(*load(path))]
    known += all_ids()
    entries = of_peers(load_peers([PEERS]).values())
    assert len(entries) > 5
    for one in entries:
        assert any(one.means(name) for name in known), f"{one.where}: {one.case}: no such case"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
# a file, the line, the words; None: it is right
YAML: list[tuple[str, int | None, str]] = [
    ("a: &x {b: 1}\nc: *x\n", None, ""),
    ("a: &a {x: 1}\nb: {<<: *a, y: 2}\n", None, ""),
    ("a: &x\n  b: *x\n", 2, "an alias (*) stands for what it is itself in"),
    ("a:\n - &x\n   - *x\n", 2, "an alias (*)"),
    ("a: &x\n - &y [*x]\n - *y\n", 2, "an alias (*)"),
    ("a: &a {<<: *a}\n", 1, "an alias (*)"),
    (BOMB, 1, "its aliases (*) make more than 200000 values of it"),
    ("[" * 100_000, 1, "nests deeper than 64"),
    ("{a: " * 100_000, 1, "nests deeper than 64"),
    ("- " * 5000 + "a", 1, "nests deeper than 64"),
    ("a: 1\nb: 2020-01-01\n", 2, "a timestamp in YAML"),
    ("a: 2020-13-45\n", 1, "a timestamp in YAML"),
    ("a: !!binary aGk=\n", 1, "a binary in YAML"),
    ("a: !!set {x}\n", 1, "a set in YAML"),
    ("a: !!python/object:os.system x\n", 1, "python/object:os.system in YAML"),
    ("a: .inf\n", 1, "no number"),
    ("a: -.INF\n", 1, "no number"),
    ("a: .nan\n", 1, "no number"),
    ("a: " + "9" * 5000, 1, "too big a number"),
    ("a: 0x" + "f" * 3000, 1, "too big a number"),
    ("1: a\n", 1, "names of fields are"),
    ("yes: a\n", 1, "names of fields are"),
    ("? [a]\n: b\n", 1, "names of fields are"),
    ("a: 1\na: 2\n", 2, "stands here for the second time"),
    ("a: 1\n---\nb: 2\n", 2, "another document"),
]


@pytest.mark.parametrize("text, line, words", YAML, ids=[row[0][:20] for row in YAML])
def test_yaml(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    if line is None:
        assert isinstance(Document(path, InputError).value, dict)
        return
    with pytest.raises(InputError) as told:
        Document(path, InputError)
    assert words in str(told.value)
    assert told.value.line == line, told.value


def test_a_run_tells_it(harness: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text(STORY.replace("event: appraisal", "event: apraisal"))
    done = harness("-n", "0", str(path))
    assert done.returncode not in (0, 5)
    assert "story.yaml:14" in done.stdout + done.stderr
    assert issubclass(UsageError, HarnessError)
