# SPDX-License-Identifier: Apache-2.0
"""Parts of ./atls lab by themselves: whom the prober may reach, what a hello is read as, what is
kept and for how long, who is let in."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sqlite3
import struct
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lab_crowd import hello_with, mutated, whole_hello

pytest.importorskip("aiohttp", reason="unsupported: python3-aiohttp is not there; ./atls setup lab")

# pylint: disable=wrong-import-position
from atls_harness import usage  # noqa: E402
from atls_harness.errors import InfrastructureError, UsageError  # noqa: E402
from atls_harness.lab import backend, guard, hello, matrix, pcapng, prober, record  # noqa: E402
from atls_harness.lab import settings as settings_of  # noqa: E402
from atls_harness.lab.backend import PROBLEMS_MAX, Backends, Program  # noqa: E402
from atls_harness.lab.front import RECORDED_MAX, Visit, participant_of  # noqa: E402
from atls_harness.lab.limits import Door, source_of  # noqa: E402
from atls_harness.lab.main import settings  # noqa: E402
from atls_harness.lab.places import places  # noqa: E402
from atls_harness.lab.settings import Settings, listen_at, networks  # noqa: E402
from atls_harness.lab.store import Limits, Store, packed  # noqa: E402

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.9"
ALLOWED = networks(["192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0"][:2])


@pytest.mark.parametrize(
    "address, asker, allowed, may",
    [
        ("127.0.0.1", HERE, (), True),
        ("127.9.9.9", "::1", (), True),
        ("::1", HERE, (), True),
        ("::ffff:127.0.0.1", HERE, (), True),
        ("127.0.0.1", ELSEWHERE, (), False),  # the lab's machine is not for strangers
        ("::1", ELSEWHERE, (), False),
        ("::ffff:127.0.0.1", ELSEWHERE, (), False),
        ("127.0.0.1", ELSEWHERE, ALLOWED, False),
        ("192.0.2.1", ELSEWHERE, (), False),
        ("192.0.2.1", HERE, (), False),
        ("192.0.2.1", ELSEWHERE, ALLOWED, True),
        ("::ffff:192.0.2.1", ELSEWHERE, ALLOWED, True),
        ("64:ff9b::c000:201", ELSEWHERE, ALLOWED, True),  # RFC 6052: 192.0.2.1
        ("64:ff9b::7f00:1", ELSEWHERE, ALLOWED, False),  # 127.0.0.1
        ("2002:7f00:1::", ELSEWHERE, ALLOWED, False),  # RFC 3056: 127.0.0.1
        ("2001:db8::1", ELSEWHERE, ALLOWED, True),
        ("2001:db9::1", ELSEWHERE, ALLOWED, False),
        ("192.0.3.1", ELSEWHERE, ALLOWED, False),
        ("0.0.0.0", HERE, networks(["0.0.0.0/0"]), False),
        ("::", HERE, networks(["::/0"]), False),
        ("224.0.0.1", HERE, networks(["0.0.0.0/0"]), False),
        ("255.255.255.255", HERE, networks(["0.0.0.0/0"]), False),
        ("169.254.169.254", ELSEWHERE, ALLOWED, False),
        ("localhost", HERE, (), False),  # names are looked up before
        ("127.1", HERE, (), False),
        ("0x7f000001", HERE, (), False),
    ],
)
def test_whom_the_prober_may_reach(address: str, asker: str, allowed: Any, may: bool) -> None:
    why = prober.may_probe(address, asker, allowed)
    assert (why == "") is may
    assert may or why.startswith("expected an address that this lab may probe, came ")


class FakeLab:
    """What the prober asks of a lab, and a name server that answers as it was told."""

    def __init__(self, answers: list[str]) -> None:
        self.settings = Settings(allowed=networks(["192.0.2.0/24"]))
        self.answers = answers
        self.asked = 0
        self.store = SimpleNamespace(probe_begins=None)

    async def stored(self, *_: Any) -> None:
        """Nothing is kept."""

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(0)
        return [(2, 1, 6, "", (one, port)) for one in self.answers]


@pytest.mark.parametrize(
    "answers, words",
    [
        (["192.0.2.7"], ""),
        (["192.0.2.7", "10.0.0.1"], "came 10.0.0.1"),  # every address has to be allowed
        (["127.0.0.1"], "the lab's own machine"),
        (["::ffff:7f00:1"], "the lab's own machine"),
        (["192.0.2.7", "169.254.169.254"], "came 169.254.169.254"),
    ],
)
def test_a_name_is_looked_up_once_and_its_address_connected_to(
    answers: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab(answers)

    async def look() -> str:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lab.getaddrinfo)
        return await prober.Prober(lab)._resolved("name.example", 443, ELSEWHERE)  # type: ignore

    if words:
        with pytest.raises(UsageError, match=words):
            asyncio.run(look())
    else:
        assert asyncio.run(look()) == "192.0.2.7"
    assert lab.asked == 1


@pytest.mark.parametrize(
    "answers, begun",
    [(["192.0.2.7"], [("192.0.2.7:443", ["--sni", "name.example"])]), (["10.0.0.1"], [])],
)
def test_a_source_has_one_probe_while_its_name_is_looked_up_too(
    answers: list[str], begun: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = FakeLab(answers)
    ran = []

    async def run(_: Any, job: prober.Job, options: list[str]) -> None:
        ran.append((job.address, options))

    async def ask() -> dict[str, prober.Job]:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lab.getaddrinfo)
        made = prober.Prober(lab)  # type: ignore
        one = made.begin("name.example:443", ELSEWHERE, ELSEWHERE, [])
        other = made.begin("name.example:443", ELSEWHERE, ELSEWHERE, [])
        *_, refused = await asyncio.gather(one, other, return_exceptions=True)
        assert isinstance(refused, UsageError) and "a probe of yours is under way" in str(refused)
        await asyncio.sleep(0)
        return made.jobs

    monkeypatch.setattr(prober.Prober, "_run", run)
    assert len(asyncio.run(ask())) == len(begun)  # who was refused counts no longer
    assert ran == begun


@pytest.mark.parametrize(
    "form, made",
    [
        ({}, []),
        ({"profile": "ta-07"}, ["--profile", "ta-07"]),
        ({"profile": "--out=/"}, None),
        ({"profile": "ta-7"}, None),
        ({"address": "--out"}, []),  # is an address, or is refused as none
    ],
)
def test_what_a_form_may_ask_of_the_probe(form: dict[str, str], made: list[str] | None) -> None:
    if made is None:
        with pytest.raises(UsageError, match="expected a"):
            prober.options_of(form)
    else:
        assert prober.options_of(form) == made


def test_a_whole_hello_is_read() -> None:
    seen = hello.look(whole_hello())
    assert seen is not None and seen.problem == ""
    assert seen.server_name == "crowd.fuzz" and seen.tls13
    assert seen.attestation == ["evidence_proposal"]
    assert dict(seen.extensions)["key_share"] == "x25519 (32 bytes)"
    assert seen.suites[0] == "TLS_AES_128_GCM_SHA256"


def named(name: bytes) -> bytes:
    entry = b"\x00" + struct.pack(">H", len(name)) + name
    body = struct.pack(">H", len(entry)) + entry
    return hello_with(b"\x00\x00" + struct.pack(">H", len(body)) + body)


@pytest.mark.parametrize(
    "stream, words",
    [
        (b"\x15\x03\x03\x00\x02\x02\x28", "expected a record of type handshake"),
        (b"\x16\x02\x01\x00\x05", "version 2.1"),
        (b"\x16\x03\x01\x00\x00", "expected a record of 1 to"),
        (b"\x16\x03\x01\xff\xff", "expected a record of 1 to"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "expected a ClientHello (1)"),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "of at most"),
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", "bytes of random"),
        (hello_with(b"\x00"), "bytes of extension_type"),
        (hello_with(b"\x00\x0a\x00\x05\x00"), "bytes of extension_data"),
        (hello_with(b"\x00\x0a\x00\x03\x00\x01\x00"), "expected entries of 2 bytes"),
        (hello_with(b"\x00\x0a\x00\x00" * 2), "stands there twice"),
        (named(b"a\x1b]0;x"), "expected a host name"),
        (named(b"<script>"), "expected a host name"),
        (named(b"a" * 300), "expected a host name"),
        (named(b""), "expected a host name"),
    ],
)
def test_what_is_wrong_with_a_hello_is_said(stream: bytes, words: str) -> None:
    seen = hello.look(stream)
    assert seen is not None and words in seen.problem
    assert seen.problem.isprintable() and seen.server_name == ""


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 60])
def test_more_may_come(size: int) -> None:
    assert hello.look(whole_hello()[:size]) is None
    assert hello.begins_as_tls(whole_hello()[:size])


def test_whatever_comes_is_read_without_an_accident() -> None:
    import random

    dice = random.Random(1)
    for _ in range(3000):
        stream = mutated(whole_hello(), dice)
        seen = hello.look(stream)
        hello.in_words(stream)
        if seen is not None:
            json.dumps(seen.__dict__)
            assert all(name.isprintable() and said.isprintable() for name, said in seen.extensions)


@pytest.mark.parametrize(
    "name, who",
    [
        ("team.anything", "team"),
        ("team.lab.example", "team"),
        ("lab.example", "192.0.2.9"),  # the lab's own name
        ("localhost", "192.0.2.9"),
        ("", "192.0.2.9"),
        ("10.0.0.1", "192.0.2.9"),  # which is no name (RFC 6066 section 3)
    ],
)
def test_who_is_who(name: str, who: str) -> None:
    seen = hello.Hello(server_name=name)
    assert participant_of(seen, "192.0.2.9", "lab.example") == who


@pytest.mark.parametrize(
    "address, source",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("rubbish", "unknown"),
    ],
)
def test_a_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_the_door_counts_and_forgets() -> None:
    door = Door(at_once=3, per_source=2)
    assert [door.enter("a"), door.enter("a"), door.enter("a")] == [True, True, False]
    assert [door.enter("b"), door.enter("b")] == [True, False]
    assert door.turned_away == {"a": 1, "b": 1}
    for source in ("a", "a", "b"):
        door.leave(source)
    assert not door.inside and door.enter("b")


def kept(store: Store, number: int, source: str = "a", size: int = 10, age: float = 0) -> str:
    identity = f"{number:012x}"
    store.begin(identity, source, "ta-07-client-attests", time.time() - age)
    told = {"participant": source, "outcome": "attested", "reason": "ok", "summary": "fine"}
    store.end(identity, time.time(), told, bytes(size))
    return identity


@pytest.mark.parametrize(
    "limits, left",
    [
        (Limits(), [0, 1, 2, 3, 4, 5]),
        (Limits(days=1), [1, 2, 3, 4, 5]),
        (Limits(connections=2), [4, 5]),
        (Limits(bytes=30_000), [3, 4, 5]),
        (Limits(source_bytes=11_000), [4, 5]),  # of each source its newest
        (Limits(source_bytes=1), []),
    ],
)
def test_what_is_kept_is_bounded(limits: Limits, left: list[int], tmp_path: Path) -> None:
    store = Store(tmp_path / "lab.db", limits)
    for number in range(6):
        source = "b" if number == 4 else "a"
        kept(store, number, source, 9_000, 200_000 if number == 0 else 0)
    store.begin("f" * 12, "a", "x", time.time() - 10**6)  # open: never forgotten
    assert store.trim() == 6 - len(left)
    found = sorted(int(row.id, 16) for row in store.rows(100) if row.id != "f" * 12)
    assert found == left and store.connection("f" * 12) is not None
    store.close()


def test_one_source_pushes_out_nobody_else(tmp_path: Path) -> None:
    store = Store(tmp_path / "lab.db", Limits(source_bytes=20_000))
    first = kept(store, 1, "quiet", 5_000)
    for number in range(2, 200):
        kept(store, number, "loud", 5_000)
    store.trim()
    rows = store.rows(1000)
    assert first in {row.id for row in rows} and len(rows) <= 5
    store.close()


def test_a_store_is_read_again_and_what_was_open_is_lost_in_words(tmp_path: Path) -> None:
    store = Store(tmp_path / "lab.db", Limits())
    whole = kept(store, 1)
    store.begin("b" * 12, "a", "x", time.time())
    store.close()
    again = Store(tmp_path / "lab.db", Limits())
    rows = {row.id: row for row in again.rows(10)}
    assert rows[whole].state == "ended" and rows["b" * 12].outcome == "lost"
    again.close()
    with sqlite3.connect(tmp_path / "lab.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(InfrastructureError, match="expected version 1, came 99"):
        Store(tmp_path / "lab.db", Limits())


def test_what_is_not_written_waits(tmp_path: Path) -> None:
    """A disk that is full for a while loses nothing."""
    store = Store(tmp_path / "lab.db", Limits())
    store.begin("a" * 12, "a", "x", time.time())
    database, store._db = store._db, Broken()  # type: ignore
    with pytest.raises(sqlite3.OperationalError):
        store.flush()
    store._db = database
    assert store.flush() == 1 and store.connection("a" * 12) is not None
    store.close()


class Broken:
    """A database on a full disk."""

    def execute(self, words: str, *_: Any) -> None:
        if "INSERT" in words:
            raise sqlite3.OperationalError("database or disk is full")


def test_of_a_long_connection_the_beginning_is_kept() -> None:
    visit = Visit(places()[0], ("127.0.0.1", 1), ("127.0.0.1", 2))
    for _ in range(100):
        visit.note(True, bytes(16384))
    assert sum(len(data) for _, _, data in visit.chunks) == RECORDED_MAX
    assert visit.cut == 100 * 16384 - RECORDED_MAX
    assert len(packed(record.body_of(visit))) < 1 << 16


READY = """echo '{"event": "ready"}'; """


@pytest.mark.parametrize(
    "script, told",
    [
        ("echo no; echo why >&2; exit 3", ["not an event", "ended with 3: why"]),
        ("printf 'no\\n%.0s' $(seq 99); exec sleep 600", ["not an event"] * PROBLEMS_MAX),
        ("exec sleep 600", []),  # which ends where that is asked of it
    ],
)
def test_what_is_wrong_with_a_program_is_told(
    script: str, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program("server", ["sh", "-c", READY + script], tmp_path, lambda event: None)

    async def run() -> None:
        await program.start()
        async with asyncio.timeout(60):
            while program.problems < len(told):
                await asyncio.sleep(0.01)
        await program.stop()

    asyncio.run(run())
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(told)
    for line, words in zip(said, told):
        assert line.startswith("lab: server") and words in line


@pytest.mark.parametrize("replaced, starts", [(False, 2), (True, 1)])
def test_what_ended_is_started_again_unless_another_took_its_place(
    replaced: bool, starts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "RESTART_PAUSE", 0.0)
    script = f"{READY}mkdir {tmp_path}/first && exit 3; exec sleep 600"

    async def run() -> int:
        made = Backends.__new__(Backends)
        made._starting, made._reviving = asyncio.Lock(), set()
        made.device = Program("device", [], tmp_path, lambda event: None)
        old = Program("verifier", ["sh", "-c", script], tmp_path, lambda event: None, made._revive)
        async with made._starting, asyncio.timeout(60):
            await old.start()
            while not made._reviving:
                await asyncio.sleep(0.01)
            if replaced:  # as endorse() does, when the new one is there
                await old.stop()
        await asyncio.gather(*made._reviving)
        await old.stop()
        return old.starts

    assert asyncio.run(run()) == starts


@pytest.mark.parametrize(
    "text, found",
    [
        ("127.0.0.1", ("127.0.0.1", 8600)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("[::1]:9000", ("::1", 9000)),
        ("::1", ("::1", 8600)),
        ("example.com", None),
        ("127.0.0.1:65535", None),  # there are ports behind it
        ("127.0.0.1:x", None),
        ("[::1]9", None),
        ("", None),
    ],
)
def test_where_it_listens(text: str, found: tuple[str, int] | None) -> None:
    if found is None:
        with pytest.raises(UsageError, match="--listen: expected"):
            listen_at(text)
    else:
        assert listen_at(text) == found


@pytest.mark.parametrize(
    "words, told",
    [
        (["--at-once", "0"], "--at-once: expected a number from 1"),
        (["--keep-days", "-1"], "--keep-days: expected a number from 0"),
        (["--keep-days", "nan"], "--keep-days: expected a number from 0"),
        (["--source-mib", "0"], "--source-mib: expected a number from 1"),
    ],
)
def test_bounds_are_numbers_that_make_sense(words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        settings(usage.lab().parse_args(words))


def test_networks_are_named_as_such() -> None:
    assert networks(["192.0.2.0/24"]) == [ipaddress.ip_network("192.0.2.0/24")]
    for wrong in ("192.0.2.1/24", "example.com", "*"):
        with pytest.raises(UsageError, match="--allow-probe: expected ADDRESS/BITS"):
            networks([wrong])


def asked(**headers: str) -> Any:
    return SimpleNamespace(headers={name.replace("_", "-"): one for name, one in headers.items()})


@pytest.mark.parametrize(
    "authorization, good",
    [
        ("Bearer long-secret", True),
        ("bearer long-secret", True),
        ("Basic YW55Om9uZzpsb25nLXNlY3JldA==", False),
        ("Basic YW55Omxvbmctc2VjcmV0", True),
        ("Bearer other", False),
        ("Bearer ", False),
        ("Basic !!!", False),
        ("Digest long-secret", False),
        ("", False),
    ],
)
def test_a_token(authorization: str, good: bool) -> None:
    assert guard._has_token(asked(Authorization=authorization), "long-secret") is good


@pytest.mark.parametrize(
    "host, known",
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("LAB.example", True),
        ("evil.example", False),
        ("lab.example.evil", False),
        ("", False),
    ],
)
def test_by_which_name_it_is_asked_for(host: str, known: bool) -> None:
    assert guard._known(host, Settings(name="lab.example")) is known


def test_packets_are_as_they_should_be() -> None:
    for four in (True, False):
        ends = (("192.0.2.1", 1), ("192.0.2.2", 2)) if four else (("2001:db8::1", 1), ("::1", 2))
        made = pcapng.write([(5.0, True, b"x" * 3000), (6.0, False, b"y")], *ends, 4.0, ["A b c"])
        at, kinds = 0, []
        while at < len(made):
            kind, size = struct.unpack_from("<II", made, at)
            assert size % 4 == 0 and struct.unpack_from("<I", made, at + size - 4) == (size,)
            kinds.append(kind)
            at += size
        assert at == len(made)
        assert kinds == [0x0A0D0D0A, 1, 10] + [6] * (3 + 3 + 1 + 3)


def test_the_matrix_shows_the_best_of_each() -> None:
    rows = [
        ("ada", "ta-07-client-attests", "refused", 3, 7, "x" * 12),
        ("ada", "ta-07-client-attests", "attested", 1, 9, "y" * 12),
        ("bob", "ta-07-client-attests", "left", 1, 2, "z" * 12),
    ]
    made = matrix.make(rows, places())
    cell = made.rows["ada"]["ta-07-client-attests"]
    assert (cell.tone, cell.attested, cell.all, cell.link) == ("ok", 1, 4, "y" * 12)
    assert made.rows["bob"]["ta-07-client-attests"].tone == "bad"


DIAGNOSIS = {
    "of": "binder",
    "known": True,
    "text": "answers the binder of H5 reading B <b>",
    "readings": [],
}


def test_a_diagnosis_is_shown_where_there_is_one() -> None:
    end = {"t": 1, "who": "server", "event": "closed", "conn": 1, "outcome": "failed"}
    end |= {"reason": "binder-mismatch", "detail": "", "clause": "", "alert": None}
    without = record.Told(0.0, {"events": [end]}, places()[0])
    assert without.diagnosis == "" and ("Try next", record.NEXT["binder-mismatch"]) in without.facts
    told = record.Told(0.0, {"events": [{**end, "diagnosis": DIAGNOSIS}]}, places()[0])
    assert ("Diagnosis", f"it {DIAGNOSIS['text']}") in told.facts


def test_requirements_of_a_clause() -> None:
    found = record.of_clause("draft-fossati-tls-attestation-07 section 6.2")
    assert all(one.document == "draft-fossati-tls-attestation-07" for one in found)
    assert record.of_clause("") == record.of_clause("RFC 1 section 1") == []


def test_every_reason_with_advice_is_a_reason() -> None:
    from atls_harness.contract import contract

    assert set(record.NEXT) <= set(contract().reasons) and record.HERE <= set(contract().reasons)
    assert set(record.TONES) == set(record.WORDS) == set(matrix.ORDER)


def test_credentials_are_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    settings_of.prepare(settings)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("ca.*")}
    settings_of.prepare(settings)
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("ca.*")}
    for path in [*tmp_path.glob("*.key"), *tmp_path.glob("*.key.jwk"), *tmp_path.glob("*.token")]:
        assert path.stat().st_mode & 0o077 == 0, path
