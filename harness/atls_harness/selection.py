# SPDX-License-Identifier: Apache-2.0
"""Which cases a command line chooses, known before pytest and its workers begin.

A case can be named as a path (scenarios/GROUP/STORY.yaml, ::CASE behind it) and as tables and
reports name it: STORY, GROUP/STORY, STORY[CASE], with @CLIENT:SERVER behind in a matrix. A name
that is not there is told at once, with the nearest that is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterable, Iterator, Mapping, Sequence

from _pytest.mark.expression import Expression

from .errors import InputError, UsageError
from .nearest import meant, nearest
from .pairs import MARK, Pair
from .pairs import shown as shown_pair
from .paths import ATTACKS, FIRMWARE, INTEROP, PARSEC, ROOT, SCENARIOS, shown, story_files
from .peer import Peer
from .probes import probes_of
from .scenario import Case, cases, load
from .shard import Shard
from .shown_by import elsewhere, shows

PEER_FILE = "peer.yaml"
OPERATORS = ("and", "or", "not")
WORD = re.compile(r"[^\s()]+")
ID = re.compile(r"(?P<story>[^\[\]@]+)(\[(?P<case>.+)\])?(@(?P<pair>[^@]+))?")


@functools.lru_cache(maxsize=None)
def cases_in(path: Path) -> tuple[Case, ...]:
    """The cases of a scenario. InputError where it is wrong."""
    scenario, document = load(path)
    return tuple(cases(scenario, document))


@functools.lru_cache(maxsize=None)
def stories() -> Mapping[str, Path]:
    """The project's scenarios by GROUP/STORY."""
    found = story_files()
    return {f"{path.parent.name}/{path.stem}": path for path in found}


def all_ids() -> Iterator[str]:
    """The ids of the project's cases."""
    for path in stories().values():
        with contextlib.suppress(InputError):  # it is told what is wrong when it is collected
            yield from (case.id for case in cases_in(path))


@dataclass(frozen=True)
class Node:
    """Something for pytest to collect: a path, and a name in it or ""."""

    path: Path
    name: str = ""

    @property
    def argument(self) -> str:
        return f"{self.path}::{self.name}" if self.name else str(self.path)

    @property
    def id(self) -> str:
        """As pytest names the item."""
        return f"{shown(self.path)}::{self.name}"


@dataclass(frozen=True)
class Item:
    """A case, a probe (without a case), or a file that is wrong (without a name)."""

    node: Node
    case: Case | None = None

    def names(self) -> Iterator[str]:
        """What pytest looks at for -k."""
        yield shown(self.node.path)
        yield self.node.name
        if self.case is not None:
            yield "timeout"  # the mark of each case


@dataclass(frozen=True)
class Selection:
    """What was chosen: what pytest collects for it, its cases, and how many there would be."""

    arguments: tuple[str, ...]
    cases: Mapping[str, Case]  # by node, as pytest names them
    all: int  # cases that are played where nothing is chosen
    items: int | None  # how many pytest will find; None where only pytest knows
    shard: Shard | None = None  # the part of a run that this is
    whole: tuple[Case, ...] = ()  # and then the cases of all its parts


@dataclass(frozen=True)
class Chooser:
    """What of a command line decides which cases are played."""

    pairs: Sequence[Pair]
    firmware: bool  # are the stories of devices that are firmware meant, too?
    keyword: str
    ambiguities: bool
    peers: Mapping[Path, Peer]  # those whose contract is looked at, by peer.yaml
    clauses: frozenset[str] = frozenset()  # only what shows one of these; empty: all
    build: Path = Path()  # where unit tests are, for their names
    shard: Shard | None = None  # only this part of them
    parsec: bool = False  # are those of devices with keys in Parsec meant, too?

    @property
    def default(self) -> list[Path]:
        """What is played where nothing is named: of a matrix, what is meant for any two stacks."""
        return [INTEROP if self.pairs else SCENARIOS]

    def takes(self, path: Path, named: Collection[Path]) -> bool:
        """Is a file part of it? NAMED are the paths of the command line."""
        if path.name == PEER_FILE:
            return path in self.peers or path in named
        if ATTACKS in path.parents:  # stories of another kind: ./atls attacks
            return False
        for folder, wanted in ((FIRMWARE, self.firmware), (PARSEC, self.parsec)):
            if folder in path.parents and not wanted:
                return any(folder in (one, *one.parents) for one in named)
        return path.suffix == ".yaml" and (SCENARIOS in path.parents or path in named)

    def select(self, given: Sequence[str]) -> Selection:
        """The cases of some arguments, or of the default paths. UsageError where there is none."""
        folders = dict.fromkeys(path.parent.parent for path in self.peers)
        nodes = [node for one in given for node in self.resolve(one)]
        nodes = nodes or [Node(path) for path in (*self.default, *folders)]
        closed = not any(_has_python(node.path) for node in nodes)
        every = list(self._items(nodes))
        kept = [item for item in every if self._wanted(item)]
        chosen = {item.node.argument: item.case for item in kept if item.case is not None}
        known = [item for item in self._items([Node(path) for path in self.default]) if item.case]
        if closed and not kept:
            self._none(every)
        arguments = [node.argument for node in nodes]
        fewer = self.keyword or self.ambiguities or self.clauses
        if closed and fewer and not any(node.name for node in nodes):
            arguments = [str(path) for path in dict.fromkeys(item.node.path for item in kept)]
        whole: tuple[Case, ...] = ()
        if self.shard:  # the arguments stay those of all parts: pytest's plugin takes its own
            whole = tuple(item.case for item in kept if item.case is not None)
            kept = self._part(kept, closed)
            chosen = {item.node.argument: item.case for item in kept if item.case is not None}
        return Selection(
            tuple(arguments),
            chosen,
            len({*chosen, *(item.node.argument for item in known)}),
            len(kept) if closed else None,
            self.shard,
            whole,
        )

    def _part(self, kept: Sequence[Item], closed: bool) -> list[Item]:
        """Those of --shard."""
        assert self.shard is not None
        if not closed:
            raise UsageError("--shard: tests in Python are not cases, and have no parts")
        part = [item for item in kept if not item.node.name or self.shard.takes(item.node.id)]
        if not any(item.case for item in part):
            count = sum(item.case is not None for item in kept)
            raise UsageError(
                f"--shard {self.shard}: no case of {count} is in this part; take fewer parts"
            )
        return part

    def _items(self, nodes: Sequence[Node]) -> Iterator[Item]:
        named = frozenset(node.path for node in nodes)
        for node in dict.fromkeys(nodes):
            below = sorted(node.path.rglob("*.yaml")) if node.path.is_dir() else [node.path]
            for path in below:
                if not self.takes(path, named):
                    continue
                made = self._probes(path) if path.name == PEER_FILE else self._cases(path)
                yield from (one for one in made if node.name in ("", one.node.name))

    def _probes(self, path: Path) -> list[Item]:
        peer = self.peers.get(path)
        return (
            [Item(Node(path, name)) for name, _, _ in probes_of(peer)]
            if peer
            else [Item(Node(path))]
        )

    def _cases(self, path: Path) -> list[Item]:
        try:
            found = cases_in(path)
        except InputError:
            return [Item(Node(path))]  # it is told what is wrong when it is collected
        return [Item(Node(path, case.item), case) for one in found for case in self.paired(one)]

    def paired(self, case: Case) -> list[Case]:
        """The case, or in a matrix the case of each pair."""
        if not self.pairs:
            return [case]
        return [dataclasses.replace(case, pair=shown_pair(pair)) for pair in self.pairs]

    def _wanted(self, item: Item) -> bool:
        if not item.node.name:
            return True
        if self.ambiguities and not (item.case and item.case.scenario.ambiguity):
            return False
        if self.clauses and not (item.case and shows(item.case, self.clauses)):
            return False
        if not self.keyword:
            return True
        names = [name.lower() for name in item.names()]
        return Expression.compile(self.keyword).evaluate(
            lambda word: any(word.lower() in name for name in names)
        )

    def _none(self, every: Sequence[Item]) -> None:
        """Says why no case is left."""
        if self.clauses and not any(one.case and shows(one.case, self.clauses) for one in every):
            raise UsageError(self._not_shown(every))
        if not self.keyword:
            raise UsageError("no case is left by this choice; ./atls run --list prints all")
        names = {name.lower() for item in every for name in item.names()}
        words = [word for word in WORD.findall(self.keyword) if word not in OPERATORS]
        count = sum(item.case is not None for item in every)
        for word in words:
            if not any(word.lower() in name for name in names):
                known = sorted(_vocabulary(every))
                raise UsageError(
                    f"-k {self.keyword!r}: none of {count} cases has {word!r} in its name"
                    f"{_perhaps(word, known)}"
                )
        raise UsageError(
            f"-k {self.keyword!r}: no case of {count} is left, though each word is in some name; "
            "./atls run --list prints all"
        )

    def _not_shown(self, every: Sequence[Item]) -> str:
        """Why no case shows the requirements that were asked for."""
        said = elsewhere(self.clauses, self.build)
        if len(said) == len(self.clauses):
            return "\n".join(said)
        count = sum(item.case is not None for item in every)
        names = ", ".join(sorted(self.clauses))
        helps = f"./atls clauses {min(self.clauses)} says what does"
        return f"none of {count} cases shows {names}; {helps}"

    def resolve(self, argument: str) -> list[Node]:
        """What an argument names. UsageError with the nearest where there is no such thing."""
        text, _, name = argument.partition("::")
        path = Path(text).resolve() if Path(text).exists() else ROOT / text
        if text and path.exists():
            return self._in_file(path, name) if name else [Node(path)]
        if not name:
            found = self._by_id(argument)
            if found:
                return found
        places = [
            *stories(),
            *map(shown, stories().values()),
            *(p.stem for p in stories().values()),
        ]
        raise UsageError(f"{text}: there is no such scenario or folder{_perhaps(text, places)}")

    def _in_file(self, path: Path, name: str) -> list[Node]:
        if path.suffix != ".yaml" or path.name == PEER_FILE:
            return [Node(path, name)]
        items = self._cases(path)
        found = [item.node for item in items if item.case and name in _names(item.case)]
        if found or not all(item.case for item in items):
            return found or [Node(path, name)]
        names = list(dict.fromkeys(item.case.name for item in items if item.case))
        hint = meant(name.partition(MARK)[0], names)
        raise UsageError(f"{shown(path)} has no case {name!r}{hint}")

    def _by_id(self, text: str) -> list[Node]:
        """STORY, GROUP/STORY, STORY[CASE], any of them with @CLIENT:SERVER behind."""
        parts = ID.fullmatch(text)
        if not parts:
            return []
        story, case, pair = parts["story"], parts["case"], parts["pair"]
        paths = [p for name, p in stories().items() if story in (name, p.stem)]
        if not case and not pair:
            return [Node(path) for path in paths]
        behind = f"{MARK}{pair}" if pair else ""
        return [
            node for path in paths for node in self._in_file(path, f"{case or path.stem}{behind}")
        ]


def _names(case: Case) -> tuple[str, ...]:
    """What a case may be called within its file: in a matrix its name alone means all pairs."""
    return case.item, case.name


def _has_python(path: Path) -> bool:
    """Are there tests in Python, of which only pytest knows?"""
    if path.is_dir():
        return any(True for end in ("test_*.py", "*_test.py") for _ in path.rglob(end))
    return path.suffix != ".yaml"


def _vocabulary(items: Iterable[Item]) -> set[str]:
    """The words that names are made of."""
    made: set[str] = set()
    for item in items:
        whole = {item.node.name.partition(MARK)[0]}
        if item.case is not None:
            whole |= {item.case.scenario.name, item.case.scenario.group, item.case.profile}
        made |= whole | {part for one in whole for part in one.split("-") if len(part) > 2}
    return made - {""}


def _perhaps(word: str, known: Sequence[str]) -> str:
    found = nearest(word, known)
    return f"; did you mean {found[0]!r}?" if found else "; ./atls run --list prints all"
