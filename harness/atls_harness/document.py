# SPDX-License-Identifier: Apache-2.0
"""YAML files with a JSON schema. Where a schema says {"x-list": NAME}, the names of that list of
the peer contract (data/contract.yaml) are meant: none of them stands in a schema itself.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, Callable, Mapping

import fastjsonschema  # type: ignore[import]
import jsonschema

from .contract import contract
from .errors import HarnessError
from .yaml_file import YamlFile, complaint, where_of

__all__ = (
    "Document",
    "compiled",
    "complaint",
    "excuse",
    "first_problem",
    "hold",
    "load_schema",
    "validator_for",
    "where_of",
)
LIST, MORE = "x-list", "x-more"


class Document(YamlFile):
    """A YAML file that is held to a schema."""

    def check(self, schema: Path) -> None:
        """Raises the first error against a JSON schema."""
        self.hold(first_problem(self.value, schema))


def excuse(entry: Mapping[str, Any], field: str) -> tuple[str, tuple[str, str] | None]:
    """Why an entry is not shown (FIELD: reason), and the capability that this hangs on."""
    given = entry.get(field, {})
    return str(given.get("reason", "")), next(iter(given.get("needs", {}).items()), None)


def _filled(schema: Any) -> Any:
    """SCHEMA with the contract's names in place of {"x-list": LIST, "x-more": [...]}."""
    if isinstance(schema, list):
        return [_filled(below) for below in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _filled(below) for key, below in schema.items() if key not in (LIST, MORE)}
    if LIST in schema:
        made["enum"] = [*contract().names(schema[LIST]), *schema.get(MORE, ())]
    return made


@functools.lru_cache(maxsize=None)
def load_schema(path: Path) -> dict[str, Any]:
    """A JSON schema file of the project, with the lists of the peer contract in it. That it is a
    schema is held by tests/test_document.py: to look takes longer than to read all scenarios."""
    schema: dict[str, Any] = _filled(json.loads(path.read_text(encoding="utf-8")))
    return schema


@functools.lru_cache(maxsize=None)
def validator_for(path: Path, definition: str | None = None) -> jsonschema.Draft202012Validator:
    """A validator for a schema file, or for one of its $defs."""
    return jsonschema.Draft202012Validator(_part(path, definition))


def first_problem(
    value: Any, path: Path, definition: str | None = None
) -> jsonschema.ValidationError | None:
    """What is most wrong with VALUE against a schema file, or one of its $defs; None where nothing.

    A run checks tens of thousands of values and nearly all are right: a compiled check goes first;
    only what it refuses is looked at by jsonschema, which can tell why.
    """
    try:
        compiled(path, definition)(value)
    except fastjsonschema.JsonSchemaValueException:
        errors = validator_for(path, definition).iter_errors(value)
        problem: jsonschema.ValidationError | None = jsonschema.exceptions.best_match(errors)
        return problem
    return None


def hold(value: Any, path: Path, words: str) -> None:
    """HarnessError, which begins with WORDS, where VALUE is not as a schema file has it: what is
    written is held to what readers are promised."""
    problem = first_problem(value, path)
    if problem is not None:
        raise HarnessError(f"{words}: {problem.message}")


@functools.lru_cache(maxsize=None)
def compiled(path: Path, definition: str | None) -> Callable[[Any], Any]:
    """A check that raises for what is wrong, and cannot tell why."""
    # The compiler knows draft 7; tests/test_document.py holds the schemas to what both know.
    schema = {**_part(path, definition), "$schema": "http://json-schema.org/draft-07/schema#"}
    compiled: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return compiled


def _part(path: Path, definition: str | None) -> dict[str, Any]:
    schema = load_schema(path)
    if definition is None:
        return schema
    return {"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
