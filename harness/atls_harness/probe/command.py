# SPDX-License-Identifier: Apache-2.0
"""`./atls probe`: the command."""

from __future__ import annotations

import contextlib
import datetime
import functools
import shutil
import ssl
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from rich.console import Console

from .. import release, usage
from ..build import build_programs
from ..contract import contract
from ..credentials import make_credentials
from ..document import hold
from ..errors import InfrastructureError, UsageError
from ..flags import device_seed, plain
from ..nearest import meant
from ..paths import PEERS, PROBE_SCHEMA, default_build, shown
from ..peer import load_peers
from ..roots import PSA
from ..run import Run, make_results, make_work, point_latest, remove_work
from ..scenario import other
from ..untrusted import write_json
from . import page, show
from .capabilities import capabilities, settled
from .exchange import Target, meet
from .listening import Door, Hosting
from .look import address_of, first_look, listen_of
from .plan import CLIENT, SERVER, Step
from .session import Bounds, Session, Wanted

VERSION = 1
WIDTH = 110  # where there is no terminal
FIRST_PATIENCE = 10  # seconds
CREDENTIALS = ("ca.pem", "ca.key", "client.pem", "client.key", "server.pem", "server.key")
CONNECT_TIME, LISTEN_TIME = 600.0, 86400.0  # seconds; whom one waits for may take a day
# Of options: least and most.
BOUNDS = (("limit", 1, None), ("time", 1, None), ("pace", 0, None), ("patience", 1, None))


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
    if options.root not in known.roots:
        words = f"no root of trust {options.root!r}{meant(options.root, known.roots)}"
        raise UsageError(f"--root: {words}")
    if bool(options.client_cert) != bool(options.client_key):
        raise UsageError("--client-cert and --client-key go together")
    for name in ("ca", "code_points", "client_cert", "client_key"):
        _existing(name.replace("_", "-"), getattr(options, name))
    for path in options.endorsements:
        _existing("endorsements", path)
    usage.check_numbers(options, BOUNDS)
    if bool(options.address) == bool(options.listen):
        raise UsageError("expected either HOST:PORT of a server, or --listen PORT for a client")
    if options.listen and options.sni:
        raise UsageError("--sni is what a client asks a server for; with --listen the peer asks")


def own_ca(work: Path, folder: Path | None) -> None:
    """The CA of our keys, kept in FOLDER from one probe to the next."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.key").exists():
        make_credentials(folder)
    for name in CREDENTIALS:
        if (folder / name).exists():
            (work / name).unlink(missing_ok=True)
            shutil.copy2(folder / name, work / name)


def _trusted(options: Any, certificate: bytes, work: Path, notes: list[str]) -> Path:
    """Whom our side trusts for the peer's X.509 certificate."""
    if options.ca:
        return Path(options.ca).resolve()
    if options.listen:
        notes.append("X.509 of the client: it has to be of our own CA (--client-ca), or --ca FILE")
        return work / "ca.pem"
    if not certificate:
        notes.append(
            "X.509: it shows no certificate to a plain client; --ca FILE says whom to trust"
        )
        return work / "ca.pem"
    path = work / "shown.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(certificate), encoding="ascii")
    notes.append("X.509 of the server: not checked; what it showed first was taken (--ca FILE)")
    return path


class Probe:
    """One call of the command: what it needs, does and leaves."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.began = time.monotonic()
        self.started = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        self.notes: list[str] = []
        self.probed = CLIENT if options.listen else SERVER

    def play(self) -> int:
        """All of it. The exit status."""
        options = self.options
        words, certificate = "", b""
        if options.address:
            where = address_of(options.address)
            patient = max(options.patience, FIRST_PATIENCE)
            words, certificate = first_look(*where, patient, options.sni)
        build = (options.build or default_build()).resolve()
        build_programs(build)
        peers = load_peers([PEERS])
        missing = peers["atls"].missing("client", build)
        if missing:
            raise InfrastructureError(missing)
        folder = make_results(options.out, "probe")
        work = make_work()
        try:
            own_ca(work, options.client_ca)
            run = Run.of_own(work, folder, build, options.seed, peers, options.root)
            corims = _device(run, folder, self.probed)
            with self._peer(run, folder, certificate) as (address, meeting):
                if options.listen:
                    words = f"clients are awaited at {address}"
                session = self._session(meeting)
                print(words if options.listen else f"{address}: {words}", flush=True)
                profiles = list(dict.fromkeys(options.profile)) or list(contract().profiles)
                try:
                    session.probe(profiles)
                except KeyboardInterrupt:
                    self.notes.append("ended by control-C: what was seen until then")
            value = self._value(session, profiles, address, words)
            value["notes"] += self._more_notes(session, corims, folder)
        finally:
            remove_work(work)
        return self._finish(folder, value)

    @contextlib.contextmanager
    def _peer(
        self, run: Run, folder: Path, certificate: bytes
    ) -> Iterator[tuple[str, Callable[[Step, int], Any]]]:
        """The peer's address, or ours for it, and what makes a connection with it."""
        options = self.options
        if options.address:
            target = self._target(options.address, run.work, certificate)
            yield options.address, lambda step, number: meet(step, run, number, target, folder)
            return
        with Door(*listen_of(options.listen)) as door:
            target = self._target(door.address, run.work, certificate)
            make = functools.partial(Hosting, door)
            yield door.address, lambda step, number: meet(step, run, number, target, folder, make)

    def _target(self, address: str, work: Path, certificate: bytes) -> Target:
        options = self.options
        return Target(
            address,
            _trusted(options, certificate, work, self.notes),
            options.variant,
            options.code_points and options.code_points.resolve(),
            options.client_cert and (options.client_cert.resolve(), options.client_key.resolve()),
            [path.resolve() for path in options.endorsements],
            options.verifier,
            options.trust_verifier,
            options.patience,
            options.sni,
        )

    def _session(self, meeting: Callable[[Step, int], Any]) -> Session:
        options = self.options
        longest = LISTEN_TIME if options.listen else CONNECT_TIME
        bounds = Bounds(options.limit, options.time or longest, options.pace)
        wanted = Wanted(
            bool(options.endorsements or options.verifier or options.trust_verifier),
            self.probed,
            options.root,
            not options.honest,
            options.variant,
            not options.listen,  # whom a person has to start is not asked to come for nothing
        )
        session = Session(meeting, bounds, wanted, _teller(options))
        if options.listen:
            session.meet = functools.partial(_awaited, session, meeting)
        return session

    def _more_notes(self, session: Session, corims: Sequence[Path], folder: Path) -> list[str]:
        options = self.options
        if sys.stderr.isatty() and not options.verbose:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        notes = []
        if session.left_out:
            notes.append(
                f"not all was tried: --limit {options.limit} or --time came first, "
                f"{session.left_out} connections were left out"
            )
        if not (options.endorsements or options.verifier):
            notes.append(
                "signatures of evidence: not checked; --endorsements FILE or --verifier URL"
            )
        device = ", ".join(map(shown, corims))
        notes.append(f"this side's device, for the {self.probed}'s verifier: {device}")
        notes.append(f"results: {shown(folder)} (probe.html, probe.json; *.cmw what it presented)")
        return notes

    def _value(
        self, session: Session, profiles: Sequence[str], address: str, words: str
    ) -> dict[str, Any]:
        options = self.options
        records = settled(session.records, self.probed)
        speaks = show.spoken(records)
        value: dict[str, Any] = {
            "version": VERSION,
            "probe": {
                **release.told_of("probe", options.given, self.started, self.began),
                "address": address,
                "probed": self.probed,
                "answers": words,
            },
            "documents": show.documents(profiles),
            "speaks": {name: speaks.get(name, []) for name in profiles},
            "capabilities": capabilities(records, self.probed),
            "requirements": show.requirements(records),
            "left_out": session.left_out,
            "notes": list(self.notes),
            "connections": records,
        }
        value["failed"] = show.complaints(value, options.profile)
        return value

    def _finish(self, folder: Path, value: dict[str, Any]) -> int:
        options = self.options
        hold(value, PROBE_SCHEMA, "probe.json is not as its schema says")
        text, html = write_json(value), page.html(value, folder)
        (folder / "probe.json").write_text(text, encoding="utf-8")
        (folder / "probe.html").write_text(html, encoding="utf-8")
        for path, what in (
            (options.json, text),
            (options.html, html),
            (options.junit, show.junit(value)),
        ):
            if path:
                path.write_text(what, encoding="utf-8")
        point_latest(folder, "latest-probe")
        width = None if sys.stdout.isatty() else WIDTH
        show.show(Console(width=width, highlight=False), value, options.verbose)
        return 1 if value["failed"] else 0


def _device(run: Run, folder: Path, probed: str) -> list[Path]:
    """What endorses our device, for the peer's verifier."""
    seed = {"seed": device_seed(run, f"{other(probed)}-device")}
    root = {} if run.root == PSA else {"root": run.root}
    made = []
    for part in contract().roots[run.root].get("endorsements", ["all"]):
        flags = plain({**seed, **root, **({} if part == "all" else {"part": part})})
        name = "device.corim" if part == "all" else f"device-{part}.corim"
        made.append(folder / name)
        made[-1].write_bytes(run.endorsements(flags).read_bytes())
    return made


def _teller(options: Any) -> Callable[[Mapping[str, Any]], None]:
    def tell(record: Mapping[str, Any]) -> None:
        if options.listen:
            print(f"   {record['outcome']}: {record['words']}", flush=True)
        elif sys.stderr.isatty() and not options.verbose:
            print(f"\r\x1b[K{record['id'][:90]}", end="", file=sys.stderr, flush=True)

    return tell


def _awaited(session: Session, meeting: Callable[[Step, int], Any], step: Step, number: int) -> Any:
    """A connection with a client, whose owner is told what it will meet."""
    left = f", {session.ahead} more of its kind are planned" if session.ahead else ""
    print(f"{number}. connect now: {show.told(step)}{left}", flush=True)
    return meeting(step, number)


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = usage.probe().parse_args(argv)
    options.given = list(argv)
    if options.address:
        address_of(options.address)
    _check(options)
    return Probe(options).play()
