# SPDX-License-Identifier: Apache-2.0
"""YAML files, and errors that name the line.

PyYAML keeps no positions in plain values, so the node tree is walked once beside the values and
the line of every path is remembered; an error then points at the line a person must mend.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Mapping, Sequence, Type

import jsonschema
import yaml

from .errors import InputError
from .nearest import nearest

# libyaml is ten times as fast; PyYAML has it wherever Debian built it.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = tuple[Any, ...]
TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
KINDS = ("map", "seq", "str", "int", "float", "bool", "null")  # what JSON has a value for
TEXT_MAX = 4 << 20  # characters of a file
NODES_MAX = 200_000  # values, aliases counted as often as they stand there
DEPTH_MAX = 64
INTEGER_DIGITS = 16


class YamlFile:
    """A YAML file: its value, and the line of each of its parts."""

    def __init__(self, path: Path, error: Type[InputError]) -> None:
        self.path = path
        self.error = error
        self.lines: dict[Location, int] = {}
        self.nodes = 0
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise error(path, 1, f"cannot be read: {problem}") from problem
        if len(text) > TEXT_MAX:
            raise error(path, 1, f"has {len(text)} characters, expected at most {TEXT_MAX}")
        try:
            self._bound(text)
            loader = LOADER(text)
            node = loader.get_single_node()
            self.value: Any = None
            if node is not None:
                self._walk(node, (), 1, [])
                self.value = loader.construct_document(node)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            line = mark.line + 1 if mark else 1
            raise error(path, line, f"not YAML: {problem.problem}") from problem
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as problem:
            raise error(path, 1, f"not YAML: {problem}") from problem

    def _bound(self, text: str) -> None:
        """The depth, which libyaml's composer does not look at: its stack is the machine's."""
        if max(text.count(one) for one in "[{-?:") < DEPTH_MAX:
            return
        depth = 0
        parser = LOADER(text)
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                depth += 1
                if depth > DEPTH_MAX:
                    line = event.start_mark.line + 1
                    raise self.error(self.path, line, f"nests deeper than {DEPTH_MAX}")
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                depth -= 1

    def _walk(self, node: yaml.Node, location: Location, line: int, around: list[int]) -> None:
        """Remembers the line of each part. AROUND are the nodes that this one is in; LINE is where
        a person finds it, which of an alias is not where the node is."""
        if len(around) > DEPTH_MAX:
            raise self.error(self.path, line, f"nests deeper than {DEPTH_MAX}")
        if id(node) in around:
            raise self.error(self.path, line, "an alias (*) stands for what it is itself in")
        self.nodes += 1
        if self.nodes > NODES_MAX:
            words = f"its aliases (*) make more than {NODES_MAX} values of it"
            raise self.error(self.path, line, words)
        self.lines.setdefault(location, node.start_mark.line + 1)
        inside = [*around, id(node)]
        kind = node.tag.removeprefix(TAG)
        if kind not in KINDS:
            words = f"this is a {kind} in YAML, and nothing that a value may be here"
            raise self.error(self.path, line, f"{words} (put text in quotes)")
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.tag == MERGE:
                    self._walk(value, location, line, inside)
                    continue
                if key.tag != f"{TAG}str":
                    words = f"{getattr(key, 'value', key.tag)!r} is no text: names of fields are"
                    raise self.error(self.path, line, f"{words} (put it in quotes)")
                below = location + (key.value,)
                if below in self.lines:
                    raise self.error(
                        self.path, line, f"{key.value!r} stands here for the second time"
                    )
                self.lines[below] = line
                self._walk(value, below, line, inside)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                at = line if id(value) in inside else value.start_mark.line + 1
                self._walk(value, location + (index,), at, inside)
        elif isinstance(node, yaml.ScalarNode):
            self._scalar(node)

    def _scalar(self, node: yaml.ScalarNode) -> None:
        """JSON has no infinities, and other readers of it would change great numbers."""
        line = node.start_mark.line + 1
        kind = node.tag.removeprefix(TAG)
        text = str(node.value)
        number = yaml.constructor.SafeConstructor()
        if kind == "float" and not math.isfinite(number.construct_yaml_float(node)):
            raise self.error(self.path, line, f"{text[:40]} is no number")
        if kind == "int" and len(text) > INTEGER_DIGITS:
            raise self.error(self.path, line, f"{text[:40]}… is too big a number")

    def line(self, location: Sequence[Any]) -> int:
        """The line of LOCATION, or of the closest thing around it."""
        where = tuple(location)
        while where not in self.lines and where:
            where = where[:-1]
        return self.lines.get(where, 1)

    def fail(self, location: Sequence[Any], message: str) -> InputError:
        """An error at LOCATION, to be raised by the caller."""
        return self.error(self.path, self.line(location), message)

    def by_id(self, field: str) -> dict[str, Any]:
        """The entries of a list, by their `id`, in its order; none stands there twice."""
        made: dict[str, Any] = {}
        for index, entry in enumerate(self.value[field]):
            if entry["id"] in made:
                raise self.fail((field, index), f"{entry['id']} stands here for the second time")
            made[entry["id"]] = entry
        return made

    def hold(self, problem: jsonschema.ValidationError | None) -> None:
        """Raises what is wrong with it against a JSON schema, if anything is."""
        if problem is None:
            return
        location, message = list(problem.absolute_path), complaint(problem)
        where = where_of(problem) or "the file"
        if str(problem.validator) == "additionalProperties" and isinstance(
            problem.instance, Mapping
        ):
            known = sorted(problem.schema.get("properties", {}))
            unknown = sorted(set(map(str, problem.instance)) - set(known))
            raise self.fail(
                location + unknown[:1],
                f"unknown field {unknown[0]!r} in {where}{_perhaps(unknown[0], known)}; "
                f"known: {', '.join(known)}",
            )
        raise self.fail(location, f"{where}: {message}")


def where_of(problem: jsonschema.ValidationError) -> str:
    """Where in a value a schema error is, as a.0.b; "" for all of it."""
    return ".".join(str(part) for part in problem.absolute_path)


def complaint(problem: jsonschema.ValidationError) -> str:
    """A schema error in a person's words: of alternatives, the one that lists values says most."""
    among = [problem, *((problem.parent and problem.parent.context) or [])]
    for alternative in among:
        if str(alternative.validator) == "enum":
            known = list(map(str, alternative.validator_value))
            hint = _perhaps(str(problem.instance), known)
            return f"{problem.instance!r} is not one of {', '.join(known)}{hint}"
    if str(problem.validator) == "anyOf" and problem.context:
        deepest = max(problem.context, key=lambda one: len(one.absolute_path))
        if str(deepest.validator) == "enum":
            return complaint(deepest)
    return str(problem.message)


def _perhaps(word: str, known: Sequence[str]) -> str:
    found = nearest(word, known)
    return f"; did you mean {found[0]!r}?" if found else ""
