# SPDX-License-Identifier: Apache-2.0
"""All that was ever answered, as a tree of words; what is not in it yet is asked of the server.

A word is played on a connection of its own. What is known of its beginning is not waited for anew:
after a silence the next message goes out at once, after an answer as soon as that is whole. An
answer that is another one than before is never hidden: Differs.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import queue
import time
from dataclasses import dataclass, field
from typing import Callable, Iterator, Sequence

from client import CLOSED, SILENCE, Connection

Word = tuple[str, ...]
REPEATED = 10  # how much longer than the quiet an answer that has been there before may take


class Differs(Exception):
    """The same messages, and another answer."""

    def __init__(self, word: Word, before: str, now: str) -> None:
        super().__init__(f"{' '.join(word)}: {before}, then {now}")
        self.word, self.answers = word, (before, now)


class Spent(Exception):
    """As much was asked as may be."""


@dataclass
class Node:
    """What came of a word, and of those that begin with it."""

    answer: str = SILENCE
    below: dict[str, "Node"] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Nothing comes behind it."""
        return self.answer.endswith(CLOSED)


class Tree:
    """The answers of one server, of which there may be several that are alike."""

    def __init__(
        self,
        connect: Sequence[Callable[[], Connection]],
        alphabet: Sequence[str],
        quiet: float,
        pace: float,
        limit: int,
        until: float,
    ) -> None:
        self._connect: queue.SimpleQueue[Callable[[], Connection]] = queue.SimpleQueue()
        for one in connect:
            self._connect.put(one)
        self._alphabet = alphabet
        self.quiet = quiet
        self._pace = pace
        self._limit = limit
        self._until = until
        self.connections = self.messages = 0
        self.root = Node()
        self._pool = concurrent.futures.ThreadPoolExecutor(len(connect))

    def forget(self, quiet: float) -> None:
        """Begins anew, and waits longer."""
        self.root, self.quiet = Node(), quiet

    def known(self, word: Word) -> list[Node]:
        """The nodes of a word, as far as there are any."""
        found = []
        node = self.root
        for one in word:
            if node.closed or one not in node.below:
                break
            node = node.below[one]
            found.append(node)
        return found

    def answer(self, word: Word) -> str:
        """What comes of the last message of a word."""
        for size in range(1, len(word) + 1):
            found = self.known(word[:size])
            if found and found[-1].closed:
                return CLOSED if len(found) < len(word) else found[-1].answer
            if len(found) < size:
                self.grow(word[:size])
        return self.known(word)[-1].answer

    def grow(self, word: Word) -> None:
        """Plays a word of which all but the last message is known."""
        before = self.known(word[:-1])
        node = before[-1] if before else self.root
        node.below[word[-1]] = Node(self._play(word, [one.answer for one in before]))

    def _play(self, word: Word, known: Sequence[str]) -> str:
        """The answer to the last message."""
        with self._connected(word) as connection:
            for number, (one, expected) in enumerate(zip(word, known)):
                connection.send(one)
                if expected != SILENCE:
                    said = connection.answer(REPEATED * self.quiet, expected)
                    if said != expected:
                        raise Differs(word[: number + 1], expected, said)
            connection.send(word[-1])
            return connection.answer(self.quiet)

    @contextlib.contextmanager
    def _connected(self, word: Word) -> Iterator[Connection]:
        """A connection to play a word on, within the bounds, as soon as a server is free."""
        if self.connections >= self._limit or time.monotonic() > self._until:
            raise Spent(f"{self.connections} connections")
        self.connections += 1
        self.messages += len(word)
        connect = self._connect.get()
        try:
            time.sleep(self._pace)
            with contextlib.closing(connect()) as connection:
                yield connection
        finally:
            self._connect.put(connect)

    def look_ahead(self, depth: int) -> None:
        """All words up to a length, as many at once as there are servers."""
        words: list[Word] = [()]
        for _ in range(depth):
            longer = [(*word, one) for word in words for one in self._alphabet]
            wanted = [word for word in longer if len(self.known(word)) < len(word)]
            self.at_once([lambda word=word: self.grow(word) for word in wanted])  # type: ignore
            words = [word for word in longer if not self.known(word)[-1].closed]

    def at_once(self, todo: Sequence[Callable[[], None]]) -> None:
        """Does all of it. The first that fails is raised when none runs any more."""
        running = [self._pool.submit(one) for one in todo]
        try:
            for one in running:
                one.result()
        finally:
            for one in running:
                one.cancel()
            concurrent.futures.wait(running)

    def again(self, word: Word, answers: Sequence[str]) -> None:
        """Plays a word whole a second time, and waits for silence, too. Differs where any answer is
        another one."""
        with self._connected(word) as connection:
            for number, (one, before) in enumerate(zip(word, answers)):
                connection.send(one)
                if number + 1 == len(word) or before == SILENCE:
                    said = connection.answer(self.quiet)
                else:
                    said = connection.answer(REPEATED * self.quiet, before)
                if said != before:
                    raise Differs(word[: number + 1], before, said)
