# SPDX-License-Identifier: Apache-2.0
"""Two programs check against one schema: it may use only what both understand alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import jsonschema
import pytest

from atls_harness.document import first_problem, load_schema, validator_for
from atls_harness.paths import EVENT_SCHEMA, ROOT, SCHEMAS as OWN

SCHEMAS = sorted([*OWN.glob("*.json"), *ROOT.glob("results/**/*.schema.json")])
# Keywords that mean the same in draft 7 and in 2020-12.
COMMON = set(
    "$comment $defs $ref $schema additionalProperties allOf anyOf const description else enum "
    "exclusiveMinimum if items maxLength maxProperties maximum minItems minLength minProperties "
    "minimum oneOf pattern patternProperties properties propertyNames required then title type "
    "uniqueItems".split()
)
NAMES = ("properties", "patternProperties", "$defs")  # below these, keys are no keywords
LITERALS = ("const", "enum")


def places(schema: Any, named: bool = False) -> Iterator[dict[str, Any]]:
    """Every schema within a schema."""
    if isinstance(schema, list):
        for below in schema:
            yield from places(below)
    if isinstance(schema, dict):
        if not named:
            yield schema
        for key, below in schema.items():
            if named or key not in LITERALS:
                yield from places(below, not named and key in NAMES)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_schemas_are_schemas(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema(path))


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_schemas_use_only_what_both_checkers_know(path: Path) -> None:
    for schema in places(load_schema(path)):
        assert set(schema) <= COMMON
        # In draft 7 whatever stands beside a reference is not looked at.
        assert "$ref" not in schema or set(schema) <= {"$ref", "description", "title"}
        assert not isinstance(schema.get("items"), list)


EVENT = {"t": 1.5, "who": "client", "event": "closed", "conn": 1, "outcome": "complete"}


@pytest.mark.parametrize(
    "change",
    [
        {"conn": 0},
        {"conn": "1"},
        {"conn": True},
        {"outcome": "half"},
        {"outcome": None},
        {"unknown": 1},
        {"t": -1},
        {"t": "0"},
    ],
    ids=str,
)
def test_a_wrong_event_is_told_as_jsonschema_tells_it(change: dict[str, Any]) -> None:
    problem = first_problem({**EVENT, **change}, EVENT_SCHEMA, "endpoint.closed")
    assert problem is not None and list(problem.absolute_path)[:1] in ([*change], [])


def test_a_right_event_is_right_for_both() -> None:
    assert first_problem(EVENT, EVENT_SCHEMA, "endpoint.closed") is None
    assert validator_for(EVENT_SCHEMA, "endpoint.closed").is_valid(EVENT)
