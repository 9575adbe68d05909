# SPDX-License-Identifier: Apache-2.0
"""A report as HTML, Markdown, JUnit and a badge. What a peer said is never taken for markup."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import Any, Iterator, Mapping
from xml.etree import ElementTree

import jinja2
from markupsafe import Markup

from .. import ambiguities, extent
from .. import coverage as requirements
from ..markdown import code, plain, visible
from ..profiles import document
from ..shown_by import texts
from . import beyond, evidence, sequence, view
from .cases import Case, tally
from .cells import Cell
from .clauses import coverage
from .paging import LISTED, runs, split
from .values import BAD, OK, WARN, anchor, mapping, moment, text
from .view import Report, facts

TEMPLATES = Path(__file__).parent / "templates"
BADGE_COLORS = {OK: "brightgreen", WARN: "yellow", BAD: "red"}


def _visible(value: Any) -> Any:
    """A value for a template; markup of our own as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(source: str) -> str:
    """An inline script or style, as Content-Security-Policy names it."""
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@functools.lru_cache(maxsize=None)
def environment(*folders: Path) -> jinja2.Environment:
    """Templates of FOLDERS, and the report's own: nothing that a peer sent is markup."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


def page(template: str, *scripts: str, **values: Any) -> str:
    """A page that is one file: TEMPLATE with the style of all, and with SCRIPTS, which alone may
    run in it."""
    style, script = _source("style.css"), "".join(map(_source, scripts))
    policy = f"default-src 'none'; style-src {_hash(style)}; "
    policy += f"script-src {_hash(script)}; " if scripts else ""
    policy += "base-uri 'none'; form-action 'none'"
    made = environment().get_template(template)
    return made.render(style=Markup(style), script=Markup(script), policy=policy, **values)


def html(report: Report, folder: Path, target: Path) -> str:
    """The first page of pages(), alone."""
    return next(pages(report, folder, target))[1]


def pages(
    report: Report,
    folder: Path,
    target: Path,
    kept: Mapping[str, list[evidence.Evidence]] | None = None,
    attacks: Mapping[str, Any] | None = None,
) -> Iterator[tuple[str, str]]:
    """The page, and those behind it where there are many cases, each with its name. FOLDER is that
    of the results and their bundles, TARGET that of the page; KEPT has the evidence where that is
    not in the bundles, ATTACKS what came of attacks (attacks/page.py).
    """
    links = {}
    scenarios = [one for many in report.groups.values() for one in many]
    paging = split([one.cases for one in scenarios])
    told = paging.first(report.cases)
    for case in report.cases:
        bundle = evidence.bundle_of(case, folder)
        if bundle is not None:
            links[case.anchor] = evidence.link(bundle, target)
    documents: dict[str, list[Mapping[str, Any]]] = {}
    for clause in report.clauses:
        documents.setdefault(clause["document"], []).append(clause)
    raw = {case.anchor: case.raw for case in report.cases}
    common: dict[str, Any] = {
        "report": report,
        "run": _run(report),
        "evidence": evidence.gather(told, folder) if kept is None else kept,
        "links": links,
        "diagram": lambda name: sequence.draw(raw[name]),
        "said_by": lambda case: _texts(case, report),
        "paging": paging,
    }
    yield "report.html", page(
        "report.html.j2",
        "script.js",
        **common,
        alike=_alike(report),
        listed=LISTED,
        tally=tally,
        grouped={
            group: [case for one in many for case in one.cases]
            for group, many in report.groups.items()
        },
        group_anchors={group: anchor("group", group) for group in report.groups},
        choices=_choices(report),
        coverage=_coverage(report),
        documents=documents,
        follows=document,
        document_anchors={name: anchor("document", name) for name in documents},
        scenario_anchors={f"{one.group}/{one.name}": one.anchor for one in scenarios},
        clause_anchors={clause["id"]: clause["anchor"] for clause in report.clauses},
        badge=badge(report),
        part=extent.words(extent.of(report.raw)),
        baseline=beyond.baseline(report),
        required=beyond.required(report),
        readings=beyond.readings(report),
        not_shown=ambiguities.unseen(map(mapping, report.raw["cases"])),
        attacks=attacks,
    )
    for name in paging.pages:
        yield name, page("more.html.j2", **common, name=name, runs=runs)


def _run(report: Report) -> dict[str, Any]:
    """What is said of a run at the top and at the bottom."""
    peers = mapping(report.run.get("peers"))
    ends = [text(peers[side]) for side in ("client", "server") if peers.get(side)]
    pair = f"client {ends[0]}, server {ends[1]}" if len(ends) == 2 else ""
    who = {"title": view.title(report), "versions": view.versions(report)}
    if report.pairs:
        stacks = {*report.pairs.clients, *report.pairs.servers}
        pair = f"{len({(c.client, c.server) for c in report.cases})} pairs of {len(stacks)} stacks"
    about = {
        "started": moment(report.run.get("started")),
        "atls": text(report.run.get("atls")),
        "revision": text(report.run.get("revision")),
    }
    return {**about, **who, "pair": pair, "facts": facts(report)}


def _alike(report: Report) -> dict[str, str]:
    """By a scenario's anchor, that of its first case that is told in full."""
    return {
        one.anchor: next((case for case in one.cases if not case.brief), one.cases[0]).anchor
        for many in report.groups.values()
        for one in many
    }


def _choices(report: Report) -> dict[str, list[str]]:
    """The values by which cases can be chosen."""
    names: tuple[str, ...] = ("outcome", "profile", "model", "attester")
    names += ("client", "server") if report.pairs else ()
    return {name: sorted({getattr(case, name) for case in report.cases}) for name in names}


def _coverage(report: Report) -> dict[str, Any]:
    whole, documents = coverage(report.clauses)
    words = requirements.in_short(report.clauses)
    if not whole.musts:
        words = "named by the cases of this run"
    rows = [{**vars(one), "anchor": anchor("document", name)} for name, one in documents.items()]
    return {
        "shown": whole.passed,
        "all": whole.all,
        "tone": whole.tone,
        "words": words,
        "rows": rows,
    }


def badge(report: Report) -> dict[str, Any]:
    """A badge, as shields.io reads it from an endpoint."""
    made: dict[str, Any] = {"schemaVersion": 1, "label": "attested TLS interop"}
    if not report.cases:
        return {**made, "message": "nothing was run", "color": "lightgrey"}
    passed = sum(case.outcome == "pass" for case in report.cases)
    message = f"{passed}/{report.whole.played.asked} pass"
    if report.whole.not_played:
        message += f", {report.whole.not_played} not played"
    if report.whole.expected_to_fail:
        message += f", {report.whole.expected_to_fail} expected to fail"
    if report.whole.withstood.missed:
        message += f", {report.whole.withstood.missed} not reached"
    color = BADGE_COLORS[report.whole.tone]
    part = extent.words(extent.of(report.raw))
    if part:  # green is for the whole
        message += f" ({part})"
        color = "yellow" if extent.is_partial(extent.of(report.raw)) and color != "red" else color
        color = "green" if color == "brightgreen" else color
    return {**made, "message": message, "color": color}


def markdown(report: Report) -> str:
    """The summary for a CI job's page."""
    run = report.run
    seconds = run.get("seconds")
    about = [f"{seconds:.1f} s" if isinstance(seconds, (int, float)) else ""]
    about += [
        f"{key} {plain(str(run[key]))}" for key in ("atls", "revision", "seed") if run.get(key)
    ]
    whole = report.whole
    missed = whole.withstood.missed
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "# Attested TLS interop report",
        "",
        f"**{whole.outcomes or 'no cases'}** ({', '.join(filter(None, about))}): "
        f"conforms on the wire {whole.conforms}, refused as it must {whole.withstood}"
        f"{f', {missed} not reached' if missed else ''}.",
        "",
        plain(report.root_of_trust),
        "",
    ]
    part = extent.words(extent.of(report.raw))
    if part:
        lines += [f"**{part[0].upper()}{part[1:]}.**", ""]
    for profile, models in report.matrix.profiles.items():
        heads = [f"{name} attests" for name in report.matrix.attesters]
        lines += [f"| {plain(profile)} | " + " | ".join(map(plain, heads)) + " |"]
        lines += ["|---" * (len(heads) + 1) + "|"]
        for model, cells in models.items():
            row = [
                f"{cell.conforms}, {cell.withstood}{'' if cell.tone == OK else ' ⚠'}"
                if cell.cases
                else ""
                for cell in cells.values()
            ]
            lines.append(f"| {plain(model)} | " + " | ".join(row) + " |")
        lines.append("")
    lines += ["In a cell: conforms on the wire, refused as it must (– where none was tried).", ""]
    lines += _pairs(report)
    lines += [
        "| scenarios | cases | conforms on the wire | refused as it must |",
        "|---|---|---|---|",
    ]
    for group, scenarios in report.groups.items():
        cases = [case for scenario in scenarios for case in scenario.cases]
        row = [f"{plain(group)} ({len(scenarios)})", outcomes_of(cases)]
        row += [str(tally(cases, "conforms")), str(tally(cases, "withstood"))]
        lines.append("| " + " | ".join(row) + " |")
    for title, chosen in (("What did not pass", report.bad), ("Not counted", report.others)):
        if chosen:
            lines += ["", f"## {title}", ""]
        for case in chosen:
            lines.append(f"- **{plain(case.id)}** ({case.outcome}): {plain(case.reason)}")
            if not case.good and case.raw.get("repeat"):
                lines.append(f"  {code(str(case.raw['repeat']))}")
            lines += [f"  - {plain(words)}" for words in _texts(case, report)]
    if report.clauses:
        words = requirements.in_short(report.clauses)
        lines += ["", f"{words}; {requirements.outcome_line(report.clauses)}."]
    return "\n".join(lines) + "\n"


def _texts(case: Case, report: Report) -> list[str]:
    """What the requirements of a case that did not pass say."""
    return [] if case.good else texts({**case.raw, "clauses": case.clauses}, report.clauses)


def _pairs(report: Report) -> list[str]:
    """Client against server, in Markdown."""
    if not report.pairs:
        return []
    lines = ["Client (rows) against server: passed/played, +n not played.", ""]
    for profile, rows in report.pairs.profiles.items():
        lines += [f"| {plain(profile)} | " + " | ".join(map(plain, report.pairs.servers)) + " |"]
        lines += ["|---" * (len(report.pairs.servers) + 1) + "|"]
        for client, cells in rows.items():
            lines += [f"| {plain(client)} | " + " | ".join(map(_pair, cells.values())) + " |"]
        lines.append("")
    for reason, count, where in report.pairs.reasons:
        lines.append(f"- not played: {plain(reason)} ({count}: {plain(text(where, 160))})")
    return [*lines, ""]


def _pair(cell: Cell) -> str:
    if not cell.cases:
        return ""
    more = f" +{cell.not_played}" if cell.played.asked and cell.not_played else ""
    return f"{cell.played}{more}{' ⚠' if cell.tone in (BAD, WARN) else ''}"


def outcomes_of(cases: list[Any]) -> str:
    """ "24 pass, 1 fail" """
    counted: dict[str, int] = {}
    for case in cases:
        counted[case.outcome] = counted.get(case.outcome, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counted.items())


def junit(report: Report) -> str:
    """The cases as JUnit's XML, for results that came without it."""
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", name="atls", tests=str(len(report.cases)))
    kinds = {"failure": 0, "error": 0, "skipped": 0}
    for case in report.cases:
        one = ElementTree.SubElement(
            suite,
            "testcase",
            classname=visible(f"{case.group}.{case.scenario}"),
            name=visible(case.id),  # with its pair, where it has one
            time=f"{case.seconds:.3f}",
        )
        if case.outcome == "pass":
            continue
        kind = "skipped" if case.good else "error" if case.outcome == "error" else "failure"
        kinds[kind] += 1
        reason = visible(case.reason) or case.outcome
        what = ElementTree.SubElement(one, kind, message=f"{case.outcome}: {reason}")
        words = [str(case.raw.get("repeat") or ""), *_texts(case, report)]
        what.text = visible("\n".join(words))
    suite.set("failures", str(kinds["failure"]))
    suite.set("errors", str(kinds["error"]))
    suite.set("skipped", str(kinds["skipped"]))
    if report.run.get("atls"):
        properties = ElementTree.Element("properties")
        ElementTree.SubElement(properties, "property", name="atls", value=text(report.run["atls"]))
        suite.insert(0, properties)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, "unicode") + "\n"
    )
