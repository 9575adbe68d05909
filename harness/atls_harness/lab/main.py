# SPDX-License-Identifier: Apache-2.0
"""`./atls lab`: the command."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any, Sequence

from aiohttp import web

from .. import usage
from ..build import build_programs
from ..errors import InfrastructureError, UsageError
from ..paths import PEERS, default_build
from ..peer import load_peers
from ..run import Run, make_work, remove_work
from . import settings as settings_of
from .settings import Settings
from .store import Limits
from .table import Lab

MEBIBYTE = 1 << 20
FROM_ONE = ("keep-connections", "keep-mib", "source-mib", "at-once", "per-source")
BOUNDS = (("keep-days", 0, None), *((name, 1, None) for name in FROM_ONE))  # least and most


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        (line, *_) = path.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"--token {path}: {problem}") from problem
    if len(line.strip()) < 8:
        raise UsageError(f"--token {path}: expected at least 8 characters in its first line")
    return line.strip()


def settings(options: Any) -> Settings:
    """From the command line. UsageError where it makes no sense."""
    host, port = settings_of.listen_at(options.listen)
    usage.check_numbers(options, BOUNDS)
    return Settings(
        host=host,
        port=port,
        name=options.name.lower(),
        state=options.state,
        allowed=settings_of.networks(options.allow_probe),
        token=_token(options.token),
        limits=Limits(
            options.keep_days,
            options.keep_connections,
            options.keep_mib * MEBIBYTE,
            options.source_mib * MEBIBYTE,
        ),
        at_once=options.at_once,
        per_source=options.per_source,
    )


async def serve(lab: Lab) -> None:
    """Until it is told to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = None
    try:
        await lab.start()
        runner = web.AppRunner(lab.app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, lab.settings.host, lab.settings.port, backlog=1024)
        await site.start()
        (address,) = runner.addresses[:1]
        lab.page_port = int(address[1])
        print(lab.greeting(), flush=True)
        await stop.wait()
    finally:
        lab.stopping()
        if runner is not None:
            await runner.cleanup()
        await lab.stop()


def main(argv: Sequence[str]) -> int:
    """The command."""
    options = usage.lab().parse_args(argv)
    chosen = settings(options)
    build = (options.build or default_build()).resolve()
    build_programs(build)
    peers = load_peers([PEERS])
    for program in ("server", "device", "verifier", "decode"):
        missing = peers["atls"].missing(program, build)
        if missing:
            raise InfrastructureError(missing)
    with contextlib.ExitStack() as stack:
        stack.enter_context(settings_of.hold(chosen.state))
        settings_of.prepare(chosen)
        work = make_work()
        stack.callback(remove_work, work)
        run = Run.of_own(work, chosen.state, build, options.seed, peers)
        try:
            asyncio.run(serve(Lab(chosen, run)))
        except OSError as problem:
            raise InfrastructureError(f"--listen {options.listen}: {problem.strerror}") from problem
    return 0
