# SPDX-License-Identifier: Apache-2.0
"""What a connection can be taken along as: a bundle, its packets, JSON; and its evidence decoded,
by the project's decoder, when somebody looks."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import zipfile
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Any, Mapping

from aiohttp import web

from .. import ROOT_OF_TRUST
from ..errors import InfrastructureError
from ..markdown import visible
from ..process import to_its_end
from ..release import version
from ..run import Run
from ..untrusted import write_json
from .record import Told
from .store import Row

DECODE_LIMIT = 20.0
DECODERS = 2  # at once
KEPT = 256  # connections whose decoded evidence is remembered
TEXT_MAX = 60_000

_decoding = asyncio.Semaphore(DECODERS)
_kept: OrderedDict[str, dict[str, str]] = OrderedDict()


def attachment(data: bytes, name: str, kind: str) -> web.Response:
    """A file to be kept, not looked at in place."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type=kind, headers=headers)


async def decoded(run: Run, identity: str, told: Told) -> dict[str, str]:
    """Each artifact as the decoder prints it, by its name."""
    if identity in _kept:
        _kept.move_to_end(identity)
        return _kept[identity]
    made = {}
    for name, data in told.artifacts.items():
        async with _decoding:
            made[name] = await asyncio.to_thread(_decode, run, data)
    if told.body:
        _kept[identity] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def _decode(run: Run, data: bytes) -> str:
    with tempfile.NamedTemporaryFile(dir=run.work) as file:
        file.write(data)
        file.flush()
        argv = [*run.command("device", "decode"), "--format", "binary", file.name]
        try:
            done = to_its_end(argv, "the decoder", DECODE_LIMIT)
        except InfrastructureError as problem:
            return str(problem)
    text = visible(done.stdout + done.stderr).replace(file.name, "evidence")
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "\n… and more\n"


def value(row: Row, told: Told) -> dict[str, Any]:
    """A connection for programs."""
    showed, broke = told.clauses(row.outcome)
    return {
        "connection": asdict(row),
        "facts": [list(one) for one in told.facts],
        "diagnosis": told.diagnosis,
        "showed": [one.id for one in showed],
        "broke": [one.id for one in broke],
        "hello": asdict(told.hello) if told.hello else None,
        "events": told.events,
        "verifier": told.verifier,
        "root_of_trust": ROOT_OF_TRUST,
    }


def bundle(row: Row, told: Told, evidence: Mapping[str, str], url: str) -> bytes:
    """Everything that a person needs who was not there."""
    files: dict[str, bytes] = {
        "server.events.jsonl": _lines(told.events),
        "verifier.events.jsonl": _lines(told.verifier),
        "connection.json": write_json(value(row, told)).encode("utf-8"),
    }
    if told.chunks:
        files["connection.pcapng"] = told.pcapng()
    for side, name in ((True, "from-client.bin"), (False, "from-server.bin")):
        files[name] = b"".join(data for _, from_client, data in told.chunks if from_client == side)
    if told.body.get("secrets"):
        files["server.keylog"] = "".join(f"{one}\n" for one in told.body["secrets"]).encode()
    for name, data in told.artifacts.items():
        plain = Path(name).name
        files[f"artifacts/{plain}"] = data
        files[f"artifacts/{plain}.txt"] = evidence.get(name, "").encode("utf-8", "replace")
    manifest = {
        "root_of_trust": ROOT_OF_TRUST,
        "atls": version(),
        "link": f"{url}connection/{row.id}",
        "outcome": row.outcome,
        "reason": row.reason,
        "summary": row.summary,
        "not_kept_bytes": told.body.get("cut", 0),
        "files": sorted(files),
    }
    files["manifest.json"] = write_json(manifest).encode("utf-8")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(f"connection-{row.id}/{name}", data)
    return out.getvalue()


def _lines(events: Any) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode("utf-8")
