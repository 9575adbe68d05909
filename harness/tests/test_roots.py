# SPDX-License-Identifier: Apache-2.0
"""Roots of trust: what a case becomes with one, what it lacks, and whose TPM it is."""

from __future__ import annotations

import dataclasses
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest

from atls_harness import roots, tpm
from atls_harness.contract import contract
from atls_harness.errors import Unsupported
from atls_harness.peer import BY_DEFAULT, load_peers
from atls_harness.paths import PARSEC, PEERS, ROOT, SCENARIOS
from atls_harness.run import Run
from atls_harness.scenario import Case, cases, load
from atls_harness.selection import Chooser

STORY = "title: A story of a root of trust\nclauses: [R-TA-37]\nattester: both\n"
COMPLETE = "expect: {outcome: complete}\n"


def run_with(root: str, device: str = "atls") -> Run:
    chosen = {"client": "atls", "server": "atls", "device": device, "verifier": "atls"}
    where = Path("/nowhere")
    return Run(where, where, where, 1, False, 1, chosen, load_peers([PEERS]), "", root=root)


def case_of(tmp_path: Path, words: str) -> Case:
    path = tmp_path / "story.yaml"
    path.write_text(STORY + words, encoding="utf-8")
    (case,) = cases(*load(path))
    return case


@pytest.mark.parametrize(
    "root, words, evidence",
    [
        ("psa", "", [None, None]),
        ("tpm", "", ["parsec-tpm", "parsec-tpm"]),
        ("tpm", "client: {evidence-format: psa}\n", ["psa", "parsec-tpm"]),
        ("tpm", "roles: {attester: {evidence-format: cab}}\n", ["cab", "cab"]),
        ("psa", "device: {root: tpm}\n", ["parsec-tpm", "parsec-tpm"]),
        ("cca", "", ["parsec-cca", "parsec-cca"]),
        ("parsec", "", [None, None]),
        ("psa", "device: {root: parsec}\n", [None, None]),
        ("parsec", "server: {evidence-format: psa}\n", [None, "psa"]),
    ],
)
def test_the_evidence_is_the_roots_unless_the_story_names_one(
    tmp_path: Path, root: str, words: str, evidence: list[str | None]
) -> None:
    case = roots.as_attested(case_of(tmp_path, words + COMPLETE), run_with(root))
    came = [case.flags(side).get("evidence-format") for side in ("client", "server")]
    assert came == evidence


@pytest.mark.parametrize(
    "words, reason",
    [
        ("", ""),
        ("client: {evidence-format: psa}\n", "makes no evidence of format psa"),
        ("server: {evidence-format: cab}\n", "makes no evidence of format cab"),
        ("curve: p384\n", "has no identity keys of curve p384"),
        ("server: {curve: p384}\n", "has no identity keys of curve p384"),
        ("device: {lifecycle: unknown}\n", "says nothing of its lifecycle"),
        ("device: {psa-profile: rfc9783}\n", "says nothing of its psa-profile"),
        ("second-device: {components: 5}\n", "says nothing of its components"),
        ("client: {fault: [result-without-key]}\n", "the fault result-without-key could present"),
        ("client: {fault: [stale-nonce]}\n", ""),
        (
            "device: {root: cca}\n",
            "its story is about the root of trust cca, and the run about tpm",
        ),
        ("device: {root: tpm}\n", ""),
    ],
)
def test_what_a_tpm_lacks_is_told(tmp_path: Path, words: str, reason: str) -> None:
    run = run_with("tpm")
    case = roots.as_attested(case_of(tmp_path, words + COMPLETE), run)
    said = roots.lacks(case, run)
    assert reason in said and bool(reason) == bool(said)


def test_a_device_without_that_root_is_unsupported(tmp_path: Path) -> None:
    run = run_with("tpm", "qemu")
    case = roots.as_attested(case_of(tmp_path, COMPLETE), run)
    assert roots.lacks(case, run) == "qemu (device) declares no root of trust tpm"


def test_what_a_quote_cannot_tell_is_not_expected(tmp_path: Path) -> None:
    words = "expect: {outcome: refused, by: server, reason: unknown-component, mismatches: [X],"
    words += " client: {required: [{event: credential, form: collection}]}}\nclient: {}\n"
    case = case_of(tmp_path, words)
    assert roots.as_told(case, run_with("psa")).story == case.story
    expect: Any = roots.as_told(case, run_with("tpm")).story["expect"]
    assert expect["reason"] == {"one-of": ["reference-value-mismatch"]}
    assert "mismatches" not in expect
    assert expect["client"]["required"] == [{"event": "credential", "form": "record"}]


def test_the_contracts_rows_are_of_one_piece() -> None:
    known = contract()
    of_psa = roots.formats(roots.PSA)
    own = [one for one in known.roots if one == roots.PSA or roots.formats(one)[0] != of_psa[0]]
    made = [name for root in own for name in roots.formats(root)]
    assert len(made) == len(set(made)), "an evidence format is of one root"
    for root in set(known.roots) - set(own):  # whose evidence the PSA services make
        assert set(roots.formats(root)) <= set(of_psa)
    assert set(BY_DEFAULT["evidence-formats"]) <= set(roots.formats(roots.PSA))
    for row in known.roots.values():
        assert set(row["curves"]) <= set(known.names("curves"))
        for reasons in row.get("told", {}).get("reasons", {}).values():
            assert set(reasons) <= set(known.reasons)
        cannot = set(row.get("cannot", {}))
        assert cannot <= set(known.evidence_formats) - set(row["evidence-formats"])
        if "service" in row:
            assert "service" in load_peers([PEERS])[row["service"]].programs


def test_evidence_that_parsec_does_not_make_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with("parsec")
    words = "server: {evidence-format: parsec-tpm}\n"
    plain = roots.as_attested(case_of(tmp_path, COMPLETE), run)
    asked = roots.as_attested(case_of(tmp_path, words + COMPLETE), run)
    assert "./atls setup --peer parsec" in roots.lacks(plain, run)  # nothing is built in /nowhere
    monkeypatch.setattr("atls_harness.peer.Peer.missing", lambda *_: "")
    assert roots.lacks(plain, run) == ""
    said = roots.lacks(asked, run)
    assert (
        "makes no evidence of format parsec-tpm: released Parsec (1.5) does neither TPM2_" in said
    )
    device = (ROOT / "sim" / "roots" / "parsec.c").read_text(encoding="utf-8")
    own_words = "".join(
        re.findall(r'"(.*?)"', device.split("#define NO_CERTIFY")[1].split("\n\n")[0])
    )
    assert own_words.startswith(said.rpartition(": ")[2])  # the device itself says the same


def test_stories_of_parsec_are_played_where_they_are_meant() -> None:
    story = PARSEC / "attested.yaml"
    for parsec, named, taken in (
        (False, [SCENARIOS], False),  # all that needs nothing but this project
        (True, [SCENARIOS], True),
        (False, [PARSEC], True),
        (False, [story], True),
        (False, [SCENARIOS / "tpm"], False),
    ):
        chooser = Chooser((), False, "", False, {}, parsec=parsec)
        assert chooser.takes(story, named) == taken
        assert chooser.takes(SCENARIOS / "tpm" / "attested.yaml", named)


def test_without_swtpm_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unsupported, match="./atls setup --root tpm installs it"):
        tpm.state_of(tmp_path, ["1"])


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, as that of a run does (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="atls-", dir="/tmp") as made:
        yield Path(made)


def test_a_device_has_one_tpm_in_a_run(short: Path) -> None:
    if shutil.which(tpm.PROGRAM) is None:
        pytest.skip("swtpm is not installed (./atls setup --root tpm)")
    flags = ["--seed", "17", "--root", "tpm", "--tamper", "flip:FW:1"]
    genuine = ["--seed", "17", "--root", "tpm"]
    assert tpm.which(flags) == tpm.which(genuine)
    first = tpm.state_of(short, tpm.which(flags))
    assert tpm.state_of(short, tpm.which(genuine)) == first
    other = tpm.state_of(short, ["18"])
    assert other != first and other.read_bytes() != first.read_bytes()
    with tpm.beside(short, genuine) as whole:
        assert whole[: len(genuine)] == genuine and whole[-2] == "--tcti"
        socket = Path(whole[-1].removeprefix("swtpm:path="))
        assert socket.exists()
    assert not socket.exists()  # it has ended, and nothing of it is left
    with tpm.beside(short, ["--seed", "17"]) as whole:
        assert whole == ["--seed", "17"]  # it has none


def test_a_run_is_a_value() -> None:
    assert dataclasses.replace(run_with("psa"), root="tpm") == run_with("tpm")
