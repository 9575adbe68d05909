# SPDX-License-Identifier: Apache-2.0
"""What the lab keeps: connections, endorsements and probes, in one sqlite file.

Everything that is written goes through a list that is committed several times a second, so that
two hundred connections at once are a few transactions; whoever reads sees what was written before.
But for begin() and end(), which only add to that list, all of it is used from one thread. What is
kept is bounded by age, by number and by bytes, and of one source by bytes: nobody can push out what
others have done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
import time
import zlib
from collections import deque
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from ..errors import InfrastructureError

VERSION = 1
OVERHEAD = 400  # bytes of a row, beside its body
BODY_MAX = 64 << 20  # bytes that a body may have when it is unpacked
LOST = "the lab was stopped before this connection ended"
SCHEMA = """
CREATE TABLE connection (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, began REAL NOT NULL,
    ended REAL, source TEXT NOT NULL, participant TEXT NOT NULL, place TEXT NOT NULL,
    state TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, summary TEXT NOT NULL,
    size INTEGER NOT NULL, body BLOB);
CREATE INDEX connection_participant ON connection (participant, number);
CREATE INDEX connection_source ON connection (source, number);
CREATE TABLE endorsement (
    number INTEGER PRIMARY KEY AUTOINCREMENT, participant TEXT NOT NULL, name TEXT NOT NULL,
    added REAL NOT NULL, source TEXT NOT NULL, said TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE probe (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, began REAL NOT NULL,
    ended REAL, source TEXT NOT NULL, address TEXT NOT NULL,
    state TEXT NOT NULL, code INTEGER, size INTEGER NOT NULL, body BLOB);
"""


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much is kept."""

    days: float = 7
    connections: int = 20_000
    bytes: int = 1 << 30
    source_bytes: int = 128 << 20
    probes: int = 500


@dataclasses.dataclass(frozen=True)
class Row:
    """A connection, as lists have it."""

    number: int
    id: str
    began: float
    ended: float | None
    source: str
    participant: str
    place: str
    state: str  # open, ended, lost
    outcome: str
    reason: str
    summary: str
    size: int


COLUMNS = ", ".join(one.name for one in dataclasses.fields(Row))


def packed(value: Any) -> bytes:
    """A body, as it is kept."""
    return zlib.compress(json.dumps(value, allow_nan=False).encode("utf-8"), 6)


def unpacked(data: bytes | None) -> dict[str, Any]:
    """The reverse; {} where there is none."""
    if not data:
        return {}
    whole = zlib.decompressobj().decompress(data, BODY_MAX)
    value: dict[str, Any] = json.loads(whole)
    return value


class Store:
    """The file."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.limits = limits
        self._waiting: deque[tuple[str, Sequence[Any]]] = deque()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._open()
        except sqlite3.Error as problem:
            raise InfrastructureError(f"{path}: {problem}") from problem

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA journal_size_limit = 16777216")
        if version == 0:
            self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise InfrastructureError(
                f"the lab's store: expected version {VERSION}, came {version}; --state DIR is "
                "another place"
            )
        ended = "state = 'lost', outcome = 'lost', summary = ?, ended = began"
        self._db.execute(f"UPDATE connection SET {ended} WHERE state = 'open'", [LOST])
        self._db.execute("UPDATE probe SET state = 'lost', ended = began WHERE state = 'running'")

    def close(self) -> None:
        """Writes what waits, and ends it."""
        self.flush()
        self._db.close()

    def _later(self, words: str, values: Sequence[Any]) -> None:
        self._waiting.append((words, values))

    def flush(self) -> int:
        """Commits what waits; how much that was."""
        taken: list[tuple[str, Sequence[Any]]] = []
        while self._waiting:  # others may add to it meanwhile
            taken.append(self._waiting.popleft())
        if taken:
            try:
                with self._transaction():
                    for words, values in taken:
                        self._db.execute(words, values)
            except sqlite3.Error:  # a full disk: it is tried again
                self._waiting.extendleft(reversed(taken))
                raise
        return len(taken)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Connections.

    def begin(self, identity: str, source: str, place: str, began: float) -> None:
        """One has come."""
        self._later(
            "INSERT INTO connection (id, began, source, participant, place, state, outcome, "
            "reason, summary, size) VALUES (?, ?, ?, ?, ?, 'open', 'open', '', '', ?)",
            (identity, began, source, source, place, OVERHEAD),
        )

    def end(self, identity: str, ended: float, told: Mapping[str, str], body: bytes) -> None:
        """It is over. TOLD: participant, outcome, reason, summary."""
        self._later(
            "UPDATE connection SET state = 'ended', ended = ?, participant = ?, outcome = ?, "
            "reason = ?, summary = ?, body = ?, size = ? WHERE id = ?",
            (
                ended,
                told["participant"],
                told["outcome"],
                told["reason"],
                told["summary"],
                body,
                len(body) + OVERHEAD,
                identity,
            ),
        )

    def rows(
        self,
        limit: int,
        before: int | None = None,
        participant: str | None = None,
        place: str | None = None,
    ) -> list[Row]:
        """The newest first."""
        self.flush()
        told = (("number <", before), ("participant =", participant), ("place =", place))
        wanted = [(column, value) for column, value in told if value is not None]
        where = ["1", *(f"{column} ?" for column, _ in wanted)]
        values = [value for _, value in wanted]
        words = f"SELECT {COLUMNS} FROM connection WHERE {' AND '.join(where)}"
        found = self._db.execute(f"{words} ORDER BY number DESC LIMIT ?", [*values, limit])
        return [Row(*one) for one in found]

    def rows_of(self, identities: Sequence[str]) -> list[Row]:
        """These, the newest first."""
        self.flush()
        marks = ", ".join("?" * len(identities))
        words = f"SELECT {COLUMNS} FROM connection WHERE id IN ({marks}) ORDER BY number DESC"
        return [Row(*one) for one in self._db.execute(words, list(identities))]

    def connection(self, identity: str) -> tuple[Row, dict[str, Any]] | None:
        """One, with all that is known of it."""
        self.flush()
        words = f"SELECT {COLUMNS}, body FROM connection WHERE id = ?"
        found = self._db.execute(words, [identity]).fetchone()
        return None if found is None else (Row(*found[:-1]), unpacked(found[-1]))

    def counts(self) -> dict[str, int]:
        """How many connections there are, by outcome."""
        self.flush()
        words = "SELECT outcome, COUNT(*) FROM connection GROUP BY outcome"
        return dict(self._db.execute(words))

    def matrix(self) -> list[tuple[str, str, str, int, int, str]]:
        """Participant, place, outcome, how many, the newest's number and id."""
        self.flush()
        words = "SELECT participant, place, outcome, COUNT(*), MAX(number), id FROM connection"
        return list(self._db.execute(f"{words} GROUP BY participant, place, outcome"))

    # Endorsements.

    def endorse(self, participant: str, name: str, source: str, said: str, data: bytes) -> None:
        """Keeps endorsements that were taken."""
        self._db.execute(
            "INSERT INTO endorsement (participant, name, added, source, said, data) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (participant, name, time.time(), source, said, data),
        )

    def endorsements(self, participant: str) -> list[dict[str, Any]]:
        """Those of a participant, the oldest first."""
        names = ("number", "name", "added", "source", "said", "data")
        words = f"SELECT {', '.join(names)} FROM endorsement WHERE participant = ? ORDER BY number"
        found = self._db.execute(words, [participant])
        return [dict(zip(names, one)) for one in found]

    def endorsed(self) -> list[str]:
        """The participants that have endorsements."""
        words = "SELECT DISTINCT participant FROM endorsement ORDER BY participant"
        return [one for (one,) in self._db.execute(words)]

    def endorsed_bytes(self) -> int:
        """All that endorsements take."""
        (size,) = self._db.execute("SELECT TOTAL(LENGTH(data)) FROM endorsement").fetchone()
        return int(size)

    # Probes.

    def probe_begins(self, identity: str, source: str, address: str) -> None:
        """A probe has begun."""
        self._db.execute(
            "INSERT INTO probe (id, began, source, address, state, size) "
            "VALUES (?, ?, ?, ?, 'running', 0)",
            (identity, time.time(), source, address),
        )

    def probe_ends(self, identity: str, code: int, value: Mapping[str, Any]) -> None:
        """It is over; VALUE: lines, and probe.json where there is one."""
        body = packed(value)
        self._db.execute(
            "UPDATE probe SET state = 'ended', ended = ?, code = ?, body = ?, size = ? "
            "WHERE id = ?",
            (time.time(), code, body, len(body), identity),
        )
        self._db.execute(
            "DELETE FROM probe WHERE state != 'running' AND number <= "
            "(SELECT MAX(number) FROM probe) - ?",
            [self.limits.probes],
        )

    def probes(self, limit: int, identity: str = "") -> list[dict[str, Any]]:
        """The newest first, or one of them with its body."""
        names = ("id", "began", "ended", "source", "address", "state", "code")
        words = f"SELECT {', '.join(names)}, body FROM probe"
        where, values = (" WHERE id = ?", [identity]) if identity else ("", [])
        found = self._db.execute(f"{words}{where} ORDER BY number DESC LIMIT ?", [*values, limit])
        return [
            {**dict(zip(names, one)), "body": unpacked(one[-1]) if identity else {}}
            for one in found
        ]

    # Retention.

    def trim(self) -> int:
        """Forgets what is too old or too much, the oldest first, and never what is still open. How
        many connections that were."""
        self.flush()
        before = self._db.total_changes
        over = "state != 'open' AND number IN (SELECT number FROM (SELECT number, "
        running = "SUM(size) OVER ({}ORDER BY number DESC ROWS UNBOUNDED PRECEDING) AS whole"
        with self._transaction():
            self._db.execute(
                "DELETE FROM connection WHERE state != 'open' AND began < ?",
                [time.time() - 86400 * self.limits.days],
            )
            self._db.execute(
                "DELETE FROM connection WHERE state != 'open' AND number IN (SELECT number FROM "
                "connection WHERE state != 'open' ORDER BY number DESC LIMIT -1 OFFSET ?)",
                [self.limits.connections],
            )
            for part, most in (
                ("", self.limits.bytes),
                ("PARTITION BY source ", self.limits.source_bytes),
            ):
                whole = running.format(part)
                self._db.execute(
                    f"DELETE FROM connection WHERE {over}{whole} FROM connection) WHERE whole > ?)",
                    [most],
                )
        gone = self._db.total_changes - before
        if gone:
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
        return gone
