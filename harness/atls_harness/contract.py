# SPDX-License-Identifier: Apache-2.0
"""The peer contract as data (data/contract.yaml): which names there are, each list once.

Everything else that knows a profile, a fault, a reason by name takes it from here.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Mapping, Sequence

import jsonschema

from .errors import InputError
from .nearest import meant
from .paths import CONTRACT, CONTRACT_SCHEMA
from .yaml_file import YamlFile

MODELS = ("background-check", "passport")
DOCUMENT = re.compile(r"draft-[a-z0-9-]+-[0-9]{2}|RFC [0-9]+")
BESIDE_X509 = ("entry", "leaf", "authenticator")  # carriers


@dataclass(frozen=True)
class Profile:
    """How attestation rides in TLS, by one document."""

    name: str
    document: str
    status: str  # current, older, prototype
    carrier: str  # where the credential is: certificate, entry, leaf, authenticator
    results: bool  # it has the passport model
    title: str
    credential: str
    challenge: str
    extensions: Sequence[str]  # of the hellos
    variants: Sequence[str]

    @property
    def beside_x509(self) -> bool:
        """Does the credential stand beside an X.509 certificate for the attested key, or in it?"""
        return self.carrier in BESIDE_X509

    @property
    def framed(self) -> bool:
        """Is everything in application data in frames?"""
        return self.carrier == "authenticator"

    @property
    def prototype(self) -> bool:
        return self.status == "prototype"

    @property
    def plain(self) -> bool:
        """Can a stack take part that knows nothing of attestation?"""
        return not self.framed and not self.prototype

    @property
    def models(self) -> tuple[str, ...]:
        return MODELS if self.results else MODELS[:1]


@dataclass(frozen=True)
class Variant:
    """What a draft leaves open; the first of the readings is the default."""

    name: str
    question: str
    readings: Sequence[str]
    what: str
    binder: bool = False  # its readings are other values that evidence answers
    told: Sequence[str] = ()  # what a diagnosis says of each reading
    letters: Sequence[str] = ()  # of the readings, in ambiguities.yaml


@dataclass(frozen=True)
class Flag:
    """Of a client's or a server's program."""

    name: str
    value: str  # "" where it has none
    of: str  # both, client, server
    what: str
    optional: bool = False


@dataclass(frozen=True)
class Fault:
    """One way to misbehave."""

    name: str
    value: str  # none, nonce, number, message, layer, extension
    by: str  # attester, relying-party, either
    what: str
    where: str = "anywhere"  # or entries, authenticators


@dataclass(frozen=True)
class CodePoint:
    """A number that no draft has yet."""

    name: str
    kind: str  # extension, certificate-type, alert
    value: int


@dataclass(frozen=True)
class Contract:
    """All of it."""

    documents: Mapping[str, str]  # by profile, and by short name
    successors: Mapping[str, str]  # of documents that clauses cite
    profiles: Mapping[str, Profile]
    variants: Mapping[str, Variant]
    flags: Mapping[str, Flag]
    faults: Mapping[str, Fault]
    reasons: Mapping[str, str]  # what each says
    alerts: Mapping[str, int]  # with those that are code points
    code_points: Mapping[str, CodePoint]
    evidence_formats: Mapping[str, Mapping[str, Any]]
    roots: Mapping[str, Mapping[str, Any]]  # of trust, of the project's device
    words: Mapping[str, Sequence[str]]

    def names(self, which: str) -> list[str]:
        """The names of a list, as schemas ask for it: profiles, code-points, models, ..."""
        lists: Mapping[str, Iterable[str]] = {
            "documents": dict.fromkeys(self.documents.values()),
            "profiles": self.profiles,
            "variants": self.variants,
            "flags": self.flags,
            "faults": self.faults,
            "reasons": self.reasons,
            "alerts": self.alerts,
            "code-points": self.code_points,
            "evidence-formats": self.evidence_formats,
            "roots": self.roots,
            **self.words,
        }
        if which not in lists:
            raise InputError(CONTRACT, 1, f"there is no list {which!r}{meant(which, lists)}")
        return list(lists[which])

    def profiles_of(self, variant: str) -> list[str]:
        """The profiles whose document leaves a question open."""
        return [name for name, one in self.profiles.items() if variant in one.variants]


def load_contract(path: Path) -> Contract:
    """Reads it. InputError with file and line."""
    file = YamlFile(path, InputError)
    schema = json.loads(CONTRACT_SCHEMA.read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema)
    file.hold(jsonschema.exceptions.best_match(checker.iter_errors(file.value)))
    profiles = {name: Profile(**row) for name, row in _rows(file, "profiles").items()}
    variants = {name: Variant(**row) for name, row in _rows(file, "variants").items()}
    points = {name: CodePoint(**row) for name, row in _rows(file, "code-points").items()}
    alerts = {name: int(row["code"]) for name, row in _rows(file, "alerts").items()}
    documents = {one.name: one.document for one in profiles.values() if not one.prototype}
    documents |= {row["short"]: name for name, row in _rows(file, "documents").items()}
    _check_profiles(file, profiles, variants)
    _check_extensions(file, profiles)
    for index, row in enumerate(file.value["code-points"]):
        if row["kind"] == "alert" and row["name"] in alerts:
            raise file.fail(("code-points", index), f"{row['name']} is among the alerts as well")
    alerts |= {point.name: point.value for point in points.values() if point.kind == "alert"}
    return Contract(
        documents,
        {name: str(row["by"]) for name, row in _rows(file, "successors").items()},
        profiles,
        variants,
        {name: _flag(file, row) for name, row in _rows(file, "flags").items()},
        {name: Fault(**row) for name, row in _rows(file, "faults").items()},
        {name: row["what"] for name, row in _rows(file, "reasons").items()},
        alerts,
        points,
        _rows(file, "evidence-formats"),
        _rows(file, "roots"),
        file.value["words"],
    )


def _flag(file: YamlFile, row: Mapping[str, Any]) -> Flag:
    """One whose value is one of a list has the list's name in braces."""
    value = row["value"]
    if value.startswith("{"):
        value = "|".join(_rows(file, value.strip("{}")))
    return Flag(**{**row, "value": value})


def _rows(file: YamlFile, field: str) -> dict[str, Mapping[str, Any]]:
    """The rows of a list by name; none stands there twice."""
    made: dict[str, Mapping[str, Any]] = {}
    for index, row in enumerate(file.value[field]):
        if row["name"] in made:
            words = f"{row['name']} stands in {field} for the second time"
            raise file.fail((field, index, "name"), words)
        made[row["name"]] = row
    return made


def _check_profiles(
    file: YamlFile,
    profiles: Mapping[str, Profile],
    variants: Mapping[str, Variant],
) -> None:
    """What no schema can say: what a profile names must be there, and be named by one."""
    for index, one in enumerate(profiles.values()):
        if not one.prototype and not DOCUMENT.fullmatch(one.document):
            words = f"expected a draft with its version or an RFC, got {one.document!r}"
            raise file.fail(("profiles", index, "document"), words)
        for at, name in enumerate(one.variants):
            if name not in variants:
                words = f"there is no variant {name!r}{meant(name, variants)}"
                raise file.fail(("profiles", index, "variants", at), words)
    for index, (name, variant) in enumerate(variants.items()):
        if not any(name in one.variants for one in profiles.values()):
            raise file.fail(("variants", index), f"no profile leaves {name} open")
        for key, row in (("told", variant.told), ("letters", variant.letters)):
            if row and len(row) != len(variant.readings):
                words = f"expected {len(variant.readings)}, one for each reading, came {len(row)}"
                raise file.fail(("variants", index, key), words)
        if variant.binder and not variant.told:
            raise file.fail(("variants", index, "binder"), "expected a list `told` beside it")


def _check_extensions(file: YamlFile, profiles: Mapping[str, Profile]) -> None:
    known = {row["name"] for row in file.value["code-points"] if row["kind"] == "extension"}
    for index, one in enumerate(profiles.values()):
        for at, name in enumerate(one.extensions):
            if name not in known:
                words = f"there is no extension {name!r} among the code points{meant(name, known)}"
                raise file.fail(("profiles", index, "extensions", at), words)


@functools.lru_cache(maxsize=None)
def contract() -> Contract:
    """The contract of this project."""
    return load_contract(CONTRACT)


def cited(clause: str) -> str:
    """A clause for people: with what has replaced its document, whose sections may have other
    numbers."""
    for name, by in contract().successors.items():
        if re.search(rf"{re.escape(name)}(?!\d)", clause) and by not in clause:
            clause += f", now {by}"
    return clause
