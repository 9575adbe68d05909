# SPDX-License-Identifier: Apache-2.0
"""Words that a scenario uses and nothing else would miss: a misspelt name among what must not be
seen is never seen, an unknown fault is nobody's, and a case of it would pass or be skipped in
silence. Each is an error, with the nearest name that there is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Iterable, Iterator

from .document import load_schema, validator_for
from .errors import ScenarioError
from .nearest import meant, nearest
from .paths import EVENT_SCHEMA
from .peer import Peer
from .scenario import SIDES, Case

# Of a pattern: what stands for more than one value (expectation.matches()).
RANGES = {"matches", "one-of", "at-least", "at-most", "exactly", "number-of"}
KINDS = {"client": "endpoint", "server": "endpoint", "other-verifier": "verifier"}


class Vocabulary:
    """What the peers of a run know by name."""

    def __init__(self, peers: Iterable[Peer]) -> None:
        known = list(peers)
        self.names = {
            kind: frozenset(name for peer in known for name in peer.declared(f"{kind}s"))
            for kind in ("fault", "variant")
        }

    def problem(self, case: Case) -> str:
        """The first word of CASE that nobody knows, or ""."""
        return next((words for words in (*_patterns(case), *self._unknown(case)) if words), "")

    def check(self, case: Case) -> None:
        """ScenarioError where a word of CASE is unknown."""
        words = self.problem(case)
        if words:
            path = case.scenario.path
            raise ScenarioError(path, _line(path, words), f"case {case.name}: {words}")

    def _unknown(self, case: Case) -> Iterator[str]:
        """Faults and variants, of which each must be declared by somebody."""
        for side in SIDES:
            flags = case.flags(side)
            for kind, known in self.names.items():
                for value in flags.get(kind, []):
                    name = str(value).partition("=")[0]
                    if name not in known:
                        found = nearest(name, known)
                        hint = f"; did you mean {found[0]}?" if found else ""
                        yield f"no peer declares the {kind} {name!r}{hint}"


def _line(path: Path, words: str) -> int:
    """Where the word stands that is in quotes in WORDS."""
    word = words.split("'")[1] if "'" in words else ""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 1
    whole = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
    return next((number for number, line in enumerate(lines, 1) if whole.search(line)), 1)


def _patterns(case: Case) -> Iterator[str]:
    """Events, fields and values in what the story expects of each party."""
    expect = case.story["expect"]
    blocks = [(who, expect[who]) for who in (*SIDES, *KINDS, "verifier", "device") if who in expect]
    blocks += [("client", block) for block in expect.get("roles", {}).values()]
    for who, block in blocks:
        kind = KINDS.get(who, who)
        for name in ("handshake", "verdict"):
            if isinstance(block.get(name), Mapping):
                yield _event(kind, name, block[name])
        for pattern in (*block.get("required", []), *block.get("forbidden", [])):
            fields = {key: v for key, v in pattern.items() if key not in ("event", "count")}
            yield _event(kind, str(pattern["event"]), fields)


@functools.lru_cache(maxsize=None)
def _events(kind: str) -> dict[str, Mapping[str, Any]]:
    """The fields of the events of a kind of party."""
    known = load_schema(EVENT_SCHEMA)["$defs"]
    own = {name: one for name, one in known.items() if name.startswith(f"{kind}.")}
    return {name.partition(".")[2]: one["properties"] for name, one in own.items()}


def _event(kind: str, name: str, fields: Mapping[str, Any]) -> str:
    events = _events(kind)
    if name not in events:
        return f"no event {name!r} of a {kind}{meant(name, events)}"
    for field, value in fields.items():
        if field.startswith("x_"):
            continue
        if field not in events[name]:
            return f"the event {name} has no field {field!r}{meant(field, events[name])}"
        for one in _values(value):
            words = _value(kind, name, field, one)
            if words:
                return words
    return ""


def _values(value: Any) -> list[Any]:
    """The plain values in a pattern."""
    if isinstance(value, Mapping):
        made = list(value.get("one-of", ())) if set(value) <= RANGES else []
    else:
        made = [] if isinstance(value, list) else [value]
    return [one for one in made if not isinstance(one, (Mapping, list))]


@functools.lru_cache(maxsize=None, typed=True)
def _value(kind: str, name: str, field: str, value: Any) -> str:
    schema = _events(kind)[name][field]
    whole = validator_for(EVENT_SCHEMA, f"{kind}.{name}")
    wrong = next(whole.descend(value, schema), None)
    if wrong is None:
        return ""
    known = wrong.validator_value if str(wrong.validator) == "enum" else []
    hint = meant(str(value), map(str, known)) if known else ""
    return f"{name}: {field} is never {str(value)!r}{hint}"
