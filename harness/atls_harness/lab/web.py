# SPDX-License-Identifier: Apache-2.0
"""The lab's pages: each is whole without script; with it, what is new comes by itself."""

from __future__ import annotations

import asyncio
import datetime
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence, cast
from urllib.parse import quote

import jinja2
from aiohttp import web

from .. import ROOT_OF_TRUST, release
from ..errors import HarnessError
from ..report import render
from ..untrusted import cut
from . import downloads, guard, kit, matrix, prober, record
from .limits import source_of
from .places import Place
from .store import Row

if TYPE_CHECKING:
    from .table import Lab

TEMPLATES = Path(__file__).parent / "templates"
PAGE = 60  # rows of a list
NAME_MAX = 80
FORM_MAX = 1 << 20
SCRIPT_TYPE = "text/javascript; charset=utf-8"


@functools.lru_cache(maxsize=None)
def environment() -> jinja2.Environment:
    """Templates, those of the report among them."""
    made = render.environment(TEMPLATES)
    made.filters["moment"] = moment
    made.filters["clock"] = lambda when: moment(when)[11:]
    made.filters["segment"] = lambda text: quote(text, safe="")  # of a path
    return made


def moment(when: float | None) -> str:
    """Seconds since 1970, for people."""
    if when is None:
        return ""
    return f"{datetime.datetime.fromtimestamp(when, datetime.timezone.utc):%Y-%m-%d %H:%M:%S}"


def row_markup(lab: "Lab", row: Row) -> str:
    """A row of a list of connections."""
    template = environment().get_template("row.html.j2")
    return template.render(row=row, place=lab.place(row.place), **_words())


def _words() -> dict[str, Any]:
    return {"tones": record.TONES, "words": record.WORDS}


class Pages:
    """The handlers."""

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab

    def page(self, template: str, status: int = 200, **values: Any) -> web.Response:
        """A page."""
        made = environment().get_template(template)
        text = made.render(
            lab=self.lab,
            root_of_trust=ROOT_OF_TRUST,
            version=release.version(),
            **_words(),
            **values,
        )
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def placed(self, rows: Sequence[Row]) -> list[tuple[Row, Place | None]]:
        """Rows of a list, each with its port, where there is such a port still."""
        return [(row, self.lab.place(row.place)) for row in rows]

    def refusal(self, words: str, status: int = 400) -> web.Response:
        """A page that says what was expected, and what came."""
        return self.page("refusal.html.j2", status, title="Not done", said=cut(words))

    async def index(self, request: web.Request) -> web.Response:
        """Ports, and the newest connections."""
        before = request.query.get("before", "")
        number = int(before) if before.isdigit() and len(before) < 16 else None
        participant = request.query.get("participant") or None
        rows = await self.lab.stored(self.lab.store.rows, PAGE, number, participant)
        counts = await self.lab.stored(self.lab.store.counts)
        return self.page(
            "index.html.j2",
            title="Live",
            rows=self.placed(rows),
            counted=self.lab.counted(counts),
            older=rows[-1].number if len(rows) == PAGE else None,
            newest=number is None,
            participant=cut(participant, NAME_MAX) if participant else "",
        )

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Rows, as they change."""
        return await self.lab.hub.stream(request)

    async def _found(self, request: web.Request) -> tuple[Row, record.Told]:
        found = await self.lab.stored(self.lab.store.connection, request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(text="no such connection is kept (any longer)\n")
        row, body = found
        return row, record.Told(row.began, body, self.lab.place(row.place))

    async def connection(self, request: web.Request) -> web.Response:
        """All about one."""
        row, told = await self._found(request)
        evidence = await downloads.decoded(self.lab.run, row.id, told)
        showed, broke = told.clauses(row.outcome)
        return self.page(
            "connection.html.j2",
            title=f"{row.participant}: {record.WORDS.get(row.outcome, row.outcome)}",
            row=row,
            place=self.lab.place(row.place),
            told=told,
            evidence=evidence,
            diagram=told.diagram(),
            showed=showed,
            broke=broke,
        )

    async def bundle(self, request: web.Request) -> web.Response:
        """A connection as a zip."""
        row, told = await self._found(request)
        evidence = await downloads.decoded(self.lab.run, row.id, told)
        data = downloads.bundle(row, told, evidence, self.lab.url())
        return downloads.attachment(data, f"connection-{row.id}.zip", "application/zip")

    async def packets(self, request: web.Request) -> web.Response:
        """Its packets."""
        row, told = await self._found(request)
        if not told.chunks:
            raise web.HTTPNotFound(text="nothing went over the wire, or nothing of it is kept\n")
        return downloads.attachment(
            told.pcapng(), f"connection-{row.id}.pcapng", "application/x-pcapng"
        )

    async def as_json(self, request: web.Request) -> web.Response:
        """The same for programs."""
        row, told = await self._found(request)
        return web.json_response(downloads.value(row, told))

    async def participants(self, request: web.Request) -> web.Response:
        """The matrix."""
        rows = await self.lab.stored(self.lab.store.matrix)
        return self.page(
            "participants.html.j2",
            title="Participants",
            matrix=matrix.make(rows, list(self.lab.places.values())),
        )

    async def participant(self, request: web.Request) -> web.Response:
        """One participant: connections, endorsements, kit."""
        name = cut(request.match_info["name"], NAME_MAX)
        rows = await self.lab.stored(self.lab.store.rows, PAGE, None, name)
        kept = await self.lab.stored(self.lab.store.endorsements, name)
        return self.page(
            "participant.html.j2",
            title=name,
            name=name,
            rows=self.placed(rows),
            endorsements=kept,
        )

    async def ports(self, request: web.Request) -> web.Response:
        """What each port is for, and how to come to it."""
        instructions = [kit.instructions(self.lab, place) for place in self.lab.places.values()]
        return self.page("ports.html.j2", title="Ports", instructions=instructions)

    async def port(self, request: web.Request) -> web.Response:
        """One of them."""
        place = self.lab.place(request.match_info["place"])
        if place is None:
            raise web.HTTPNotFound(text="there is no such port\n")
        rows = await self.lab.stored(self.lab.store.rows, PAGE, None, None, place.name)
        return self.page(
            "port.html.j2",
            title=place.title,
            how=kit.instructions(self.lab, place),
            rows=self.placed(rows),
        )

    async def kit_page(self, request: web.Request) -> web.Response:
        """What the kit is."""
        return self.page("kit.html.j2", title="Kit", **kit.about(self.lab))

    async def kit_zip(self, request: web.Request) -> web.Response:
        """A kit, made for who asks."""
        data = await kit.make(self.lab)
        return downloads.attachment(data, "atls-lab-kit.zip", "application/zip")

    async def evidence(self, request: web.Request) -> web.Response:
        """Evidence of the lab's device for a nonce."""
        try:
            made = await kit.evidence(self.lab, request.query)
        except HarnessError as problem:
            return web.Response(text=f"{problem}\n", status=400)
        return web.Response(body=made.data, content_type=made.media_type)

    async def file(self, request: web.Request) -> web.Response:
        """One file of the kit that is nobody's secret."""
        found = kit.public_file(self.lab, request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound(text="there is no such file\n")
        return downloads.attachment(found, request.match_info["name"], "application/octet-stream")

    async def enrol(self, request: web.Request) -> web.Response:
        """A certificate for a request (PKCS#10, PEM)."""
        try:
            data = await _bounded(request.content, kit.REQUEST_MAX)
            made = await asyncio.to_thread(kit.certificate, self.lab, data)
        except HarnessError as problem:
            return web.Response(text=f"{cut(str(problem))}\n", status=400)
        return web.Response(body=made, content_type="application/x-pem-file")

    async def endorse(self, request: web.Request) -> web.StreamResponse:
        """Takes endorsements of a participant's own."""
        name = cut(request.match_info["name"], NAME_MAX)
        try:
            await kit.endorse(
                self.lab, name, source_of(str(request.remote)), await _upload(request)
            )
        except HarnessError as problem:
            return self.refusal(str(problem))
        raise web.HTTPSeeOther(location=request.path.removesuffix("/endorsements"))

    async def probe_form(self, request: web.Request) -> web.Response:
        """The form, and the probes that there were."""
        probes = await self.lab.stored(self.lab.store.probes, PAGE)
        return self.page(
            "probe.html.j2",
            title="Probe my server",
            probes=probes,
            profiles=list(dict.fromkeys(place.profile for place in self.lab.places.values())),
        )

    async def probe(self, request: web.Request) -> web.StreamResponse:
        """Begins one."""
        form = await request.post()
        address = str(form.get("address", ""))
        asker = str(request.remote)
        try:
            job = await self.lab.prober.begin(
                address, asker, source_of(asker), prober.options_of(form)
            )
        except HarnessError as problem:
            return self.refusal(str(problem))
        raise web.HTTPSeeOther(location=f"/probe/{job.id}")

    async def probed(self, request: web.Request) -> web.Response:
        """One probe, while it runs and behind."""
        found = await self.lab.stored(self.lab.store.probes, 1, request.match_info["id"])
        if not found:
            raise web.HTTPNotFound(text="no such probe is kept (any longer)\n")
        job = self.lab.prober.jobs.get(found[0]["id"])
        lines = job.lines if job is not None else found[0]["body"].get("lines", [])
        return self.page(
            "probed.html.j2",
            title=f"Probe of {cut(found[0]['address'], NAME_MAX)}",
            probe=found[0],
            lines=lines,
            running=job is not None,
            value=found[0]["body"].get("probe"),
        )

    async def probe_live(self, request: web.Request) -> web.StreamResponse:
        """Its lines, as they come."""
        job = self.lab.prober.jobs.get(request.match_info["id"])
        if job is None:
            raise web.HTTPNotFound(text="it has ended\n")
        return await job.hub.stream(request)

    async def probe_json(self, request: web.Request) -> web.Response:
        """probe.json."""
        found = await self.lab.stored(self.lab.store.probes, 1, request.match_info["id"])
        value = found[0]["body"].get("probe") if found else None
        if not value:
            raise web.HTTPNotFound(text="it has no result\n")
        return web.json_response(value, dumps=functools.partial(json.dumps, indent=1))

    async def style(self, request: web.Request) -> web.Response:
        """The report's style, and what the lab adds."""
        texts = [render.TEMPLATES / "style.css", TEMPLATES / "lab.css"]
        text = "".join(path.read_text(encoding="utf-8") for path in texts)
        return web.Response(text=text, content_type="text/css", charset="utf-8")

    async def script(self, request: web.Request) -> web.Response:
        """What keeps pages up to date."""
        text = (TEMPLATES / "lab.js").read_text(encoding="utf-8")
        return web.Response(text=text, headers={"Content-Type": SCRIPT_TYPE})


async def _upload(request: web.Request) -> tuple[str, bytes]:
    """The file of a form, or the body as it is; no more of it than a CoRIM may have."""
    if not request.content_type.startswith("multipart/"):
        return "endorsements.corim", await _bounded(request.content, kit.CORIM_MAX)
    form = await request.multipart()
    async for part in form:
        if getattr(part, "name", None) == "corim":
            name = cut(str(getattr(part, "filename", "") or "endorsements.corim"), NAME_MAX)
            data, reader = bytearray(), cast(Any, part)
            while chunk := await reader.read_chunk():
                data += chunk
                if len(data) > kit.CORIM_MAX:
                    raise kit.too_large(kit.CORIM_MAX)
            return name, bytes(data)
    raise kit.nothing_uploaded()


async def _bounded(content: Any, most: int) -> bytes:
    data = bytearray()
    async for chunk in content.iter_chunked(1 << 14):
        data += chunk
        if len(data) > most:
            raise kit.too_large(most)
    return bytes(data)


def application(lab: "Lab") -> web.Application:
    """The lab's page."""
    app = web.Application(middlewares=[guard.middleware(lab.settings)], client_max_size=FORM_MAX)
    app.on_response_prepare.append(guard.on_prepare)
    app["stopping"] = asyncio.Event()
    pages = Pages(lab)
    app.router.add_get("/", pages.index)
    app.router.add_get("/live", pages.live, allow_head=False)
    app.router.add_get("/connection/{id:[0-9a-f]{12}}", pages.connection)
    app.router.add_get("/connection/{id:[0-9a-f]{12}}.zip", pages.bundle)
    app.router.add_get("/connection/{id:[0-9a-f]{12}}.pcapng", pages.packets)
    app.router.add_get("/connection/{id:[0-9a-f]{12}}.json", pages.as_json)
    app.router.add_get("/participants", pages.participants)
    app.router.add_get("/participant/{name}", pages.participant)
    app.router.add_post("/participant/{name}/endorsements", pages.endorse)
    app.router.add_get("/ports", pages.ports)
    app.router.add_get("/port/{place}", pages.port)
    app.router.add_get("/kit", pages.kit_page)
    app.router.add_get("/kit.zip", pages.kit_zip, allow_head=False)
    app.router.add_get("/kit/{name}", pages.file)
    app.router.add_post("/enrol", pages.enrol)
    app.router.add_get("/evidence", pages.evidence, allow_head=False)
    app.router.add_get("/probe", pages.probe_form)
    app.router.add_post("/probe", pages.probe)
    app.router.add_get("/probe/{id:[0-9a-f]{12}}", pages.probed)
    app.router.add_get("/probe/{id:[0-9a-f]{12}}/live", pages.probe_live, allow_head=False)
    app.router.add_get("/probe/{id:[0-9a-f]{12}}.json", pages.probe_json)
    app.router.add_get("/style.css", pages.style)
    app.router.add_get("/script.js", pages.script)
    return app
