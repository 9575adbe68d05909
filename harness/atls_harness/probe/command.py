# SPDX-License-Identifier: Apache-2.0
"""`./atls probe`: the command."""

from __future__ import annotations

import datetime
import re
import shlex
import shutil
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from rich.console import Console

from .. import ROOT_OF_TRUST, release, usage
from ..build import build_programs
from ..contract import contract
from ..credentials import make_credentials
from ..document import hold
from ..errors import InfrastructureError, UsageError
from ..flags import SEED_OFFSETS, SEEDS_PER_RUN, plain
from ..nearest import meant
from ..paths import PEERS, PROBE_SCHEMA, default_build
from ..peer import load_peers
from ..run import Run, make_results, make_work, point_latest, remove_work
from ..untrusted import cut, quoted, write_json
from . import show
from .exchange import Target
from .session import Bounds, Session, ignorant

VERSION = 1
WIDTH = 110  # where there is no terminal
PORT_MAX = 65535
CHUNK = 4096
FIRST_PATIENCE = 10  # seconds
CREDENTIALS = ("ca.pem", "ca.key", "client.pem", "client.key")


def address_of(text: str) -> tuple[str, int]:
    """HOST:PORT, or [ADDRESS]:PORT of IPv6. UsageError where it is neither."""
    host, colon, port = text.rpartition(":")
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]", host)
    name = bracketed.group(1) if bracketed else host
    good = colon and re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) <= PORT_MAX
    if not good or not re.fullmatch(r"[A-Za-z0-9._-]+" if not bracketed else r".+", name):
        raise UsageError(f"expected HOST:PORT (of IPv6 [ADDRESS]:PORT), came {cut(repr(text), 80)}")
    return name, int(port)


def first_look(host: str, port: int, timeout: float) -> tuple[str, bytes]:
    """What answers at an address, in words, and the certificate (DER) that it shows to anybody,
    where it shows one. InfrastructureError where nothing answers, or not in TLS."""
    where = f"{host}:{port}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise InfrastructureError(f"nothing answers at {where}: {why}") from problem
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    said = b""
    try:
        with connection:
            while True:
                try:
                    tls.do_handshake()
                    return str(tls.version()), tls.getpeercert(True) or b""
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                data = connection.recv(CHUNK)
                said = (said + data)[:CHUNK]
                if not data:
                    raise InfrastructureError(f"{where} takes a connection, and closes it")
                if len(said) > 1 and not _record(said):
                    words = f"what answers at {where} is no TLS; it says {quoted(said, 40)}"
                    raise InfrastructureError(words)
                incoming.write(data)
    except ssl.SSLError as problem:
        why = cut(str(problem.reason or "an alert without a name"), 80)
        return f"TLS, which refuses a plain client ({why})", b""
    except TimeoutError as problem:
        words = f"{where} takes a connection, and does not answer TLS within {timeout:g} s"
        raise InfrastructureError(words) from problem
    except (OSError, ValueError) as problem:
        words = f"{where} takes a connection, and closes it: {cut(str(problem), 100)}"
        raise InfrastructureError(words) from problem


def _record(data: bytes) -> bool:
    """Does it begin as a server's TLS does: an alert or a handshake (RFC 8446 section 5.1)?"""
    return data[0] in (21, 22) and data[1] == 3


def _existing(name: str, path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise UsageError(f"--{name}: there is no file {path}")


def _check(options: Any) -> None:
    known = contract()
    for name in options.profile:
        if name not in known.profiles:
            raise UsageError(f"--profile: no profile {name!r}{meant(name, known.profiles)}")
    for text in options.variant:
        name, _, reading = text.partition("=")
        if name not in known.variants:
            raise UsageError(f"--variant: no variant {name!r}{meant(name, known.variants)}")
        readings = known.variants[name].readings
        if reading not in readings:
            raise UsageError(f"--variant {name}: no reading {reading!r}{meant(reading, readings)}")
    if bool(options.client_cert) != bool(options.client_key):
        raise UsageError("--client-cert and --client-key go together")
    for name in ("ca", "code_points", "client_cert", "client_key"):
        _existing(name.replace("_", "-"), getattr(options, name))
    for path in options.endorsements:
        _existing("endorsements", path)
    for name, least in (("limit", 1), ("time", 1), ("pace", 0), ("patience", 1)):
        if getattr(options, name) < least:
            raise UsageError(f"--{name}: expected a number from {least}")


def own_ca(work: Path, folder: Path | None) -> None:
    """The CA of the client's keys, kept in FOLDER from one probe to the next."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.key").exists():
        make_credentials(folder)
    for name in CREDENTIALS:
        (work / name).unlink(missing_ok=True)
        shutil.copy2(folder / name, work / name)


def _trusted(options: Any, certificate: bytes, work: Path, notes: list[str]) -> Path:
    """Whom the client trusts for the server's X.509 certificate."""
    if options.ca:
        return Path(options.ca).resolve()
    if not certificate:
        notes.append(
            "X.509: it shows no certificate to a plain client; --ca FILE says whom to trust"
        )
        return work / "ca.pem"
    path = work / "shown.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(certificate), encoding="ascii")
    notes.append("X.509 of the server: not checked; what it showed first was taken (--ca FILE)")
    return path


def _play(options: Any, host: str, port: int) -> int:
    began = time.monotonic()
    started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    words, certificate = first_look(host, port, max(options.patience, FIRST_PATIENCE))
    build = (options.build or default_build()).resolve()
    build_programs(build)
    peers = load_peers([PEERS])
    missing = peers["atls"].missing("client", build)
    if missing:
        raise InfrastructureError(missing)
    folder = make_results(options.out, "probe")
    work = make_work()
    try:
        notes: list[str] = []
        own_ca(work, options.client_ca)
        roles = dict.fromkeys(usage.ROLES, "atls")
        run = Run(work, folder, build, options.seed, False, 1, roles, peers, "")
        seed = options.seed * SEEDS_PER_RUN + SEED_OFFSETS["client-device"]
        corim = folder / "device.corim"
        corim.write_bytes(run.endorsements(plain({"seed": seed})).read_bytes())
        target = Target(
            options.address,
            _trusted(options, certificate, work, notes),
            options.variant,
            options.code_points and options.code_points.resolve(),
            options.client_cert and (options.client_cert.resolve(), options.client_key.resolve()),
            [path.resolve() for path in options.endorsements],
            options.verifier,
            options.trust_verifier,
            options.patience,
        )
        bounds = Bounds(options.limit, options.time, options.pace)
        session = Session(run, target, bounds, folder, _teller(options.verbose))
        print(f"{options.address}: {words}", flush=True)
        profiles = list(dict.fromkeys(options.profile)) or list(contract().profiles)
        session.probe(profiles)
        notes += _notes(options, session, corim, folder)
        value = _value(session, profiles, notes, options.profile)
        value["probe"] = {
            "command": shlex.join(["./atls", "probe", *options.given]),
            "started": started,
            "seconds": round(time.monotonic() - began, 1),
            "atls": release.version(),
            "address": options.address,
            "answers": words,
            "root_of_trust": ROOT_OF_TRUST,
        }
    finally:
        remove_work(work)
    _write(options, folder, value)
    width = None if sys.stdout.isatty() else WIDTH
    show.show(Console(width=width, highlight=False), value, options.verbose)
    return 1 if value["failed"] else 0


def _teller(verbose: bool) -> Any:
    def tell(record: Mapping[str, Any]) -> None:
        if sys.stderr.isatty() and not verbose:
            print(f"\r\x1b[K{record['id'][:90]}", end="", file=sys.stderr, flush=True)

    return tell


def _notes(options: Any, session: Session, corim: Path, folder: Path) -> list[str]:
    if sys.stderr.isatty() and not options.verbose:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    notes = []
    if session.left_out:
        notes.append(
            f"not all was tried: --limit {options.limit} or --time {options.time:g} came first, "
            f"{session.left_out} connections were left out"
        )
    if not (options.endorsements or options.verifier):
        notes.append("signatures of evidence: not checked; --endorsements FILE or --verifier URL")
    notes.append(f"this side's device, for the server's verifier: {corim}")
    notes.append(f"results: {folder} (probe.json; *.cmw what it presented, *.txt decoded)")
    return notes


def _value(
    session: Session, profiles: Sequence[str], notes: list[str], named: Sequence[str]
) -> dict[str, Any]:
    records = ignorant(session.records)
    speaks = show.spoken(records)
    value: dict[str, Any] = {
        "version": VERSION,
        "probe": {},
        "documents": show.documents(profiles),
        "speaks": {name: speaks.get(name, []) for name in profiles},
        "requirements": show.requirements(records),
        "left_out": session.left_out,
        "notes": notes,
        "connections": records,
    }
    value["failed"] = show.complaints(value, named)
    return value


def _write(options: Any, folder: Path, value: dict[str, Any]) -> None:
    hold(value, PROBE_SCHEMA, "probe.json is not as its schema says")
    text = write_json(value)
    (folder / "probe.json").write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    if options.junit:
        options.junit.write_text(show.junit(value), encoding="utf-8")
    point_latest(folder, "latest-probe")


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = usage.probe().parse_args(argv)
    options.given = list(argv)
    host, port = address_of(options.address)
    _check(options)
    return _play(options, host, port)
