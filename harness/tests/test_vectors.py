# SPDX-License-Identifier: Apache-2.0
"""results/vectors: their form, and what others say of the bytes in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from atls_harness.document import validator_for
from atls_harness.vectors import FORMATS, PUBLISHED, SCHEMA, differences

FILES = sorted(set(PUBLISHED.glob("*.json")) - {PUBLISHED / SCHEMA})
IN_CBOR = ("kat-claims", "psa-claims", "psa-token", "cose-sign1", "corim", "cab")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_format_is_published() -> None:
    assert [path.stem for path in FILES] == sorted(FORMATS)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_form(path: Path) -> None:
    file = load(path)
    validator_for(PUBLISHED / SCHEMA).validate(file)
    assert file["format"] == path.stem
    assert [one["id"] for one in file["tests"]] == list(range(1, file["count"] + 1))
    told = {(one["input"], json.dumps(one.get("options"))) for one in file["tests"]}
    assert len(told) == file["count"], "one message stands there twice"
    bad = [one for one in file["tests"] if one["outcome"] != "valid"]
    assert bad and len(bad) < file["count"], "expected good and bad ones"
    assert all(one["clause"] for one in bad if one["outcome"] in ("malformed", "missing"))


@pytest.mark.parametrize("name", IN_CBOR)
def test_good_messages_are_cbor_to_another_decoder(name: str) -> None:
    """cbor2 reads every good message of a format that is CBOR, to its last byte."""
    read = 0
    for one in load(PUBLISHED / f"{name}.json")["tests"]:
        data = bytes.fromhex(one["input"])
        if one["outcome"] == "valid" and data[:1] not in (b"{", b"["):
            assert cbor2.dumps(cbor2.loads(data)), one
            read += 1
    assert read > 0


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    for path in FILES:
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert differences(tmp_path) == []
    (tmp_path / "cmw.json").write_text("{}", encoding="utf-8")
    (tmp_path / "cab.json").unlink()
    assert differences(tmp_path) == ["cab.json", "cmw.json"]
