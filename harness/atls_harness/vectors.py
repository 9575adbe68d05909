# SPDX-License-Identifier: Apache-2.0
"""results/vectors: the messages of the unit tests, with what a strict reader says of each.

A unit test that is told a file (rats/test/test-publish.h) writes each message that it shows to a
parser. What differs from run to run, as signatures by fresh keys do, is left out; so are good
messages that no row of a table names, and of bad ones without a name all but the first with one
complaint (a message cut at each of its bytes is many). The stage `vectors` of `./atls test` holds
the published files to that.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
from pathlib import Path
from typing import Any, Iterable, Mapping

from .errors import HarnessError
from .paths import ROOT
from .unit_tests import UnitTest, play, unit_tests

PUBLISHED = ROOT / "results" / "vectors"
SCHEMA = "vector.schema.json"
LIMIT = 300.0  # seconds of a unit test
# Where the tests find other people's data: not this project's to publish, and not on every machine.
FOREIGN = ("ATLS_VECTORS",)
SUITES = ("rats/c", "rats/e", "rats/k", "rats/p", "tls/rfc9261")

# What is read, in words, and the documents whose clauses the vectors name.
FORMATS: Mapping[str, tuple[str, str]] = {
    "cmw": ("Conceptual Message Wrapper: record, tag or collection, CBOR or JSON", "RFC 9999"),
    "cab": ("Key attestation bundle in a CMW collection", "draft-bft-rats-kat-06"),
    "kat-claims": ("Claims of a key attestation token", "draft-bft-rats-kat-06, RFC 8392"),
    "psa-claims": ("Claims of a PSA attestation token", "RFC 9783"),
    "psa-token": ("PSA attestation token: COSE_Sign1, not verified", "RFC 9783, RFC 9052"),
    "cose-sign1": ("COSE_Sign1 with a payload, ES256 or ES384, not verified", "RFC 9052"),
    "ear-claims": ("Claims of an attestation result (JSON)", "draft-ietf-rats-ear"),
    "ear-cwt-claims": ("Claims of an attestation result (CBOR)", "draft-ietf-rats-ear, RFC 8392"),
    "corim": ("Unsigned CoRIM with reference values and keys", "draft-ietf-rats-corim"),
    "rfc9261-request": ("Request for an exported authenticator", "RFC 9261"),
}

Vector = dict[str, Any]


def collect(build: Path, scratch: Path) -> dict[str, list[Vector]]:
    """The vectors of a build's unit tests, by format."""
    scratch.mkdir(parents=True, exist_ok=True)
    tests = [test for test in unit_tests(build) if test.name.startswith(SUITES)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda test: _steady(test, scratch), tests))
    made: dict[str, dict[str, Vector]] = {name: {} for name in FORMATS}
    for vectors in found:
        for key, vector in vectors.items():
            made[vector.pop("format")].setdefault(key, vector)
    return {name: _numbered(_told_apart(vectors.values())) for name, vectors in made.items()}


def _told_apart(vectors: Iterable[Vector]) -> list[Vector]:
    seen: set[str] = set()
    kept = []
    for vector in sorted(vectors, key=lambda one: (len(one["input"]), one["input"])):
        complaint = re.sub(r"[0-9]+|0x[0-9a-f]+|\".*\"", "N", vector.get("comment", ""))
        if "row" in vector or complaint not in seen:
            kept.append(vector)
        seen.add(complaint)
    return kept


def _steady(test: UnitTest, scratch: Path) -> dict[str, Vector]:
    """What a test published in each of two runs."""
    runs = []
    for number in (1, 2):
        lines = scratch / f"{test.name.replace('/', '-')}-{number}.jsonl"
        lines.unlink(missing_ok=True)
        if not play(test, LIMIT, {"ATLS_PUBLISH": str(lines)}, FOREIGN):
            raise HarnessError(f"unit test {test.name} fails: meson test -C BUILD {test.name}")
        runs.append(_read(lines) if lines.exists() else {})
    return {key: vector for key, vector in runs[0].items() if runs[1].get(key) == vector}


def _read(path: Path) -> dict[str, Vector]:
    found: dict[str, Vector] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        vector = {key: value for key, value in json.loads(line).items() if value is not None}
        if vector["outcome"] == "valid" and "row" not in vector:
            continue
        identity = json.dumps([vector["format"], vector["input"], vector.get("options")])
        known = found.setdefault(identity, vector)
        if known["outcome"] == "limit":  # of a test that gave its reader little room
            known = found[identity] = vector
        if known["outcome"] != vector["outcome"] and vector["outcome"] != "limit":
            raise HarnessError(f"{path.name}: {vector['input']} was read with two outcomes")
    return found


def _numbered(vectors: Iterable[Vector]) -> list[Vector]:
    def order(vector: Vector) -> tuple[str, str, str]:
        options = json.dumps(vector.get("options"))
        return vector.get("clause", ""), vector.get("row", ""), vector["input"] + options

    return [{"id": number, **one} for number, one in enumerate(sorted(vectors, key=order), 1)]


def write(vectors: Mapping[str, list[Vector]], folder: Path) -> None:
    """One file a format."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tests in vectors.items():
        about, source = FORMATS[name]
        head = {"schema": SCHEMA, "format": name, "about": about, "source": source}
        lines = ",\n".join(f"  {json.dumps(one)}" for one in tests)
        text = json.dumps(head)[:-1] + f', "count": {len(tests)}, "tests": [\n{lines}\n]}}\n'
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def differences(made: Path, published: Path = PUBLISHED) -> list[str]:
    """The files of MADE that are not what is published, and those that are published no more."""
    names = {path.name for path in made.glob("*.json")}
    names |= {path.name for path in published.glob("*.json")} - {SCHEMA}
    return sorted(name for name in names if _text(made / name) != _text(published / name))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def check(build: Path, logs: Path) -> int:
    """Makes the vectors anew under LOGS; how many there are. Raises where others are published."""
    vectors = collect(build, logs / "vectors" / "lines")
    made = logs / "vectors" / "made"
    write(vectors, made)
    stale = differences(made)
    if stale:
        raise HarnessError(
            f"results/vectors is not what the unit tests say now ({', '.join(stale)}): look at the "
            f"difference, then cp {made}/*.json results/vectors/"
        )
    return sum(map(len, vectors.values()))
