# SPDX-License-Identifier: Apache-2.0
"""The report: everything in it is reached, nothing in it is believed."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import json
import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Callable, Iterator
from xml.etree import ElementTree

import jsonschema
import pytest

from atls_harness import RESULT_VERSION, outcome, report, results
from atls_harness.document import validator_for
from atls_harness.errors import HarnessError, UsageError
from atls_harness.paths import RESULT_SCHEMA
from atls_harness.report import publish, render, view
from atls_harness.report.cases import roles, tally
from atls_harness.report.cells import Cell

from conftest import OUTCOMES

Result = dict[str, Any]
PEERS = {role: "atls" for role in ("client", "server", "device", "verifier")}
VOID = {"meta", "br", "input", "path", "rect"}
TAGS = set(
    "html head title style body header main section div p h1 h2 h3 h5 nav a b i small".split()
)
TAGS |= set("span table thead tbody tr th td form label input select option button output".split())
TAGS |= set("details summary ul li dl dt dd code pre svg path rect text br script meta".split())
HOSTILE = (
    "</script></style></pre></title><script>alert(1)</script><img src=x onerror=alert(1)>"
    "\" onload=alert(1) x='\" ' --> ]]> {{ 7*7 }} {% raw %} javascript:alert(1) | `x` "
    "\u202e\u0000\u001b[31m\ud800\nend"
)


def case(number: int = 1, **changes: Any) -> Result:
    """A case that has everything."""
    alert = {"direction": "sent", "code": 226, "name": "attestation_failed"}
    handshake = {"t": 0.2, "conn": 1, "outcome": "failed", "reason": "nonce-mismatch"}
    handshake.update({"detail": "another nonce", "clause": "RFC 9783", "alert": alert})
    mismatch = {"component": "FW", "expected": ["00"], "measured": "01"}
    verdict = {"conn": 1, "tier": "none", "accepted": False, "reason": "nonce-mismatch"}
    verdict.update({"detail": "d", "clause": "c", "mismatches": [mismatch]})
    events = [
        {"t": 0.1, "party": "client", "event": "offer", "conn": 1, "direction": "sent", "pair": 1},
        {"t": 0.1, "party": "server", "event": "offer", "direction": "received", "pair": 1},
        {"t": 0.1, "party": "server-device", "event": "request", "operation": "sign"},
        {"t": 0.1, "party": "verifier", "event": "request", "method": "GET", "path": "/x"},
        {"t": 0.2, "party": "server", "event": "fault", "name": "stale-nonce"},
        {"t": 0.2, "party": "client", "event": "verdict", "accepted": False, "reason": "r"},
        {"t": 0.3, "party": "client", "event": "handshake", "outcome": "failed", "alert": alert},
        {"t": 0.3, "party": "client", "event": "something-new", "text": "x"},
    ]
    difference = {"party": "client", "what": "alert", "expected": "a", "observed": "b"}
    made = {
        "id": f"story[{number}]",
        "scenario": "story",
        "group": "handshakes",
        "title": "A story",
        "description": "What it is about.",
        "case": f"c{number}",
        "clauses": ["R-TA-01"],
        "parameters": {"attester": "server"},
        "profile": "ta-07",
        "attested": {"client": "none", "server": "background-check"},
        "expected": {"outcome": "refused", "by": "client", "reason": "nonce-mismatch"},
        "peers": PEERS,
        "outcome": "fail",
        "reason": "client: alert",
        "seconds": 0.5,
        "attempts": [{"outcome": "fail", "seconds": 0.5}],
        "columns": {"conforms": "fail", "withstood": "pass"},
        "differences": [{**difference, "column": "conforms"}],
        "observed": {
            "client": {"exit": 1, "handshake": [handshake], "verdict": [verdict]},
            "verifier": {"exit": 0, "appraisal": [{"status": "none", "reason": "r"}]},
        },
        "timeline": {"started": {"client": 0.0}, "events": events, "left_out": 2},
        "bundle": f"bundles/c{number}",
        "repeat": f"./atls run 'scenarios/x.yaml::c{number}' --seed 1",
    }
    made.update(changes)
    return made


def result(*cases: Result, **changes: Any) -> Result:
    """A result with these cases."""
    counted = {name: 0 for name in outcome.OUTCOMES}
    for one in cases:
        if one.get("outcome") in counted:
            counted[one["outcome"]] += 1
    run = {"command": "./atls run", "started": "2026-01-02T03:04:05+00:00", "seconds": 1.5}
    run |= {
        "seed": 1,
        "repeat": 1,
        "atls": "1.2.3",
        "revision": "abc+",
        "system": "Linux",
        "cpus": 2,
    }
    made = {
        "version": RESULT_VERSION,
        "root_of_trust": "Simulated root of trust.",
        "run": {**run, "peers": PEERS, "programs": {role: f"{role} 0.1" for role in PEERS}},
        "totals": counted,
        "clauses": [
            {
                "id": "R-TA-01",
                "document": "draft-fossati-tls-attestation-07",
                "section": "4",
                "level": "MUST",
                "observed": "wire",
                "text": "Something.",
                "scenarios": ["handshakes/story"],
                "unit_tests": ["tls/test-x.c"],
                "cases": {"fail": 1},
                "outcome": "fail",
                "reason": "",
            }
        ],
        "cases": list(cases),
    }
    made.update(changes)
    return made


class Page(HTMLParser):
    """A page taken apart; fails on what it may not have."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.parents: dict[str, list[str]] = {}
        self.cases: list[str] = []
        self.text: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.policy = ""
        self._open: list[tuple[str, str]] = []
        self.feed(words)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert tag in TAGS, tag
        assert len(values) == len(attrs)
        assert not any(name.startswith("on") or name in ("src", "style") for name in values)
        name = values.get("id") or ""
        if name:
            self.ids.append(name)
            self.parents[name] = [one for _, one in self._open if one]
        if "href" in values:
            self.links.append(values["href"] or "")
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        if "case" in (values.get("class") or "").split():
            self.cases.append(name)
        if tag in self.raw:
            self.raw[tag].append("")
        if tag not in VOID:
            self._open.append((tag, name))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        inside = self._open[-1][0] if self._open else ""
        if inside in self.raw:
            self.raw[inside][-1] += data
        else:
            self.text.append(data)


def page(raw: Result, folder: Path) -> tuple[Page, str]:
    words = render.html(view.make(raw), folder, folder)
    return Page(words), words


def bundle(folder: Path, name: str = "bundles/c1", words: str = "KAT, decoded\n") -> Path:
    artifacts = folder / name / "client.artifacts"
    artifacts.mkdir(parents=True)
    for one in ("sent.cbor.txt", "received.cbor.txt"):
        (artifacts / one).write_text(words, encoding="utf-8")
    return folder / name


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a value."""
    yield path
    below: Any = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else below:
        yield from places(one, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of VALUE with something else at PATH."""
    made = copy.deepcopy(value)
    at = made
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return made


def test_the_sample_of_these_tests_is_a_result() -> None:
    validator_for(RESULT_SCHEMA).validate(result(case()))


def test_what_a_person_wants_to_see_is_there(tmp_path: Path) -> None:
    bundle(tmp_path)
    seen, words = page(result(case(1), case(2, outcome="pass")), tmp_path)
    text = " ".join(seen.text)
    for wanted in (
        "imulated root of trust",
        "conform on the wire",
        "refused as it must",
        "KAT, decoded",
        "client: received.cbor, client: sent.cbor",
        "Expected against observed",
        "refused by the client",
        "alert attestation_failed (226)",
        "something-new",
        "2 later events",
        "./atls run 'scenarios/x.yaml::c1' --seed 1",
        "bundles/c1",
        "draft-fossati-tls-attestation-07",
        "tls/test-x.c",
        "2026-01-02 03:04 UTC",
        "client 0.1",
    ):
        assert wanted in text, wanted
    assert "prefers-color-scheme: dark" in words
    assert '<meta name="viewport"' in words
    assert text.count("KAT, decoded") == 1


def test_every_case_is_reached_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    cases = [case(n, scenario=f"s{n % 3}", group=f"g{n % 2}") for n in range(1, 30)]
    cases += [case(99), case(99)]  # even where two have the same id
    bundle(tmp_path, "bundles/c1")
    seen, _ = page(result(*cases), tmp_path)
    assert len(seen.cases) == len(cases)
    assert len(set(seen.ids)) == len(seen.ids)
    assert all("cases" in seen.parents[name] for name in seen.cases)
    assert set(seen.cases) <= {link[1:] for link in seen.links}  # they failed: they are listed
    for link in seen.links:
        if link.startswith("#"):
            assert link[1:] in seen.ids, link
        else:
            assert link.startswith("./") and (tmp_path / link).is_dir(), link


def test_nothing_is_fetched_and_the_policy_says_so(tmp_path: Path) -> None:
    seen, words = page(result(case()), tmp_path)
    for sign in ("http://", "https://", "url(", "@import", "//cdn", "srcset"):
        assert sign not in words
    assert "default-src 'none'" in seen.policy
    for kind in ("script", "style"):
        (source,) = seen.raw[kind]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in seen.policy


def test_hostile_text_anywhere_stays_text(tmp_path: Path) -> None:
    good = result(case())
    bundle(tmp_path, words=HOSTILE.replace("\ud800", ""))
    _, plain_words = page(good, tmp_path)
    tried = 0
    everything = good
    for path in places(good):
        at: Any = good
        for key in path:
            at = at[key]
        if isinstance(at, str) and path[0] != "version":
            everything = put(everything, path, HOSTILE)
            tried += 1
            if path[0] != "run":
                Page(render.html(view.make(put(good, path, HOSTILE)), tmp_path, tmp_path))
    assert tried > 70
    seen, words = page(everything, tmp_path)
    assert len(seen.raw["script"]) == len(seen.raw["style"]) == 1
    assert plain_words.count("<script") == words.count("<script") == 1
    assert "<script>alert(1)</script>" in "".join(seen.text)
    assert not set("\u202e\x00\x1b\ud800") & set(words)
    words.encode("utf-8")
    assert "49" not in "".join(seen.text).split("{{ 7*7 }}")[1][:20]


def test_hostile_text_in_the_summary_of_a_run() -> None:
    raw = result(case(reason=HOSTILE), case(2, outcome="skipped", reason=HOSTILE))
    words = results.summary(raw)
    assert "\\<script\\>" in words
    assert "<script" not in words.replace("\\<", "")


def test_hostile_text_in_the_other_forms(tmp_path: Path) -> None:
    made = view.make(result(case(reason=HOSTILE, id=HOSTILE, repeat=HOSTILE, profile=HOSTILE)))
    markdown = render.markdown(made)
    markdown.encode("utf-8")
    assert "\n" + "end" not in markdown
    outside = [line for line in markdown.split("\n") if not line.startswith("  `")]
    assert "<script" not in "\n".join(outside).replace("\\<", "")
    (inside,) = (line for line in markdown.split("\n") if line.startswith("  `"))
    assert inside.strip().startswith("``<") and inside.endswith("end``")
    assert "``" not in inside.strip()[2:-2]
    assert "\\<script\\>" in markdown
    tree = ElementTree.fromstring(render.junit(made).encode("utf-8"))
    (failure,) = tree.iter("failure")
    assert "<script>alert(1)</script>" in str(failure.get("message"))
    json.dumps(render.badge(made)).encode("utf-8")


@pytest.mark.parametrize("value", [None, -1e300, True, [], {"x": {}}, [[None]]])
def test_any_field_may_be_missing_or_of_another_kind(tmp_path: Path, value: Any) -> None:
    good = result(case())
    for path in places(good):
        if path and path not in (("version",), ("cases",)):
            made = view.make(put(good, path, value))
            Page(render.html(made, tmp_path, tmp_path))
            render.markdown(made)
            ElementTree.fromstring(render.junit(made))


def test_unknown_fields_and_outcomes(tmp_path: Path) -> None:
    odd = case(1, outcome="splendid", something={"deep": [1]}, columns={"safe": "yes"})
    made = view.make(result(odd, news=[1, 2]))
    assert [one.outcome for one in made.bad] == ["error"]
    assert "splendid" in made.cases[0].reason
    Page(render.html(made, tmp_path, tmp_path))


def test_an_empty_result(tmp_path: Path) -> None:
    for raw in (result(), {"version": RESULT_VERSION, "cases": []}):
        seen, _ = page(raw, tmp_path)
        assert "no cases" in " ".join(seen.text)
        assert render.badge(view.make(raw))["message"] == "nothing was run"
        assert "no cases" in render.markdown(view.make(raw))
        assert all(link[1:] in seen.ids for link in seen.links)


def test_an_old_result_without_timelines_and_clauses(tmp_path: Path) -> None:
    old = case(1)
    for name in ("timeline", "expected", "attested", "description"):
        del old[name]
    raw = result(old)
    del raw["clauses"]
    made = view.make(raw)
    assert made.cases[0].attester == "server"
    assert [clause["id"] for clause in made.clauses] == ["R-TA-01"]
    assert made.clauses[0]["outcome"] == "fail"
    Page(render.html(made, tmp_path, tmp_path))


@pytest.mark.parametrize(
    "given",
    [
        "../outside",
        "/etc",
        "bundles/../../outside",
        "javascript:alert(1)",
        "bundles/gone",
        "\0",
        "",
    ],
)
def test_bundles_elsewhere_are_not_read(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    bundle(tmp_path, "outside", "a secret")
    (folder / "link").symlink_to(tmp_path / "outside")
    for name in (given, "link"):
        seen, words = page(result(case(bundle=name)), folder)
        assert "a secret" not in words
        assert all(link.startswith("#") for link in seen.links)


def test_evidence_is_bounded(tmp_path: Path) -> None:
    bundle(tmp_path, words="x" * 1_000_000)
    _, words = page(result(case()), tmp_path)
    assert len(words) < 200_000
    assert "the bundle has the rest" in words


@pytest.mark.parametrize(
    "outcomes, message, color",
    [
        (["pass", "pass"], "2/2 pass", "brightgreen"),
        (["pass", "unsupported"], "1/1 pass, 1 not played", "brightgreen"),
        (["pass", "xfail"], "1/1 pass, 1 expected to fail", "yellow"),
        (["pass", "skipped", "fail"], "1/2 pass, 1 not played", "red"),
        (["pass", "not-played"], "1/1 pass, 1 not played", "yellow"),
        (["not-played"], "0/0 pass, 1 not played", "yellow"),
        (["flaky"], "0/1 pass", "red"),
        (["error"], "0/1 pass", "red"),
        (["xpass"], "0/1 pass", "red"),
    ],
)
def test_badge(outcomes: list[str], message: str, color: str) -> None:
    badge = render.badge(view.make(result(*(case(outcome=outcome) for outcome in outcomes))))
    assert badge == {
        "schemaVersion": 1,
        "label": "attested TLS interop",
        "message": message,
        "color": color,
    }


def test_columns_are_two(tmp_path: Path) -> None:
    cases = [
        case(1, columns={"conforms": "fail", "withstood": "pass"}),
        case(2, columns={"conforms": "pass", "withstood": "fail"}),
        case(3, columns={"conforms": "pass", "withstood": "not-asked"}),
        case(4, columns={"conforms": "unknown", "withstood": "unknown"}),
    ]
    cell = view.make(result(*cases)).matrix.profiles["ta-07"]["background-check"]["server"]
    assert (str(cell.conforms), cell.conforms.tone) == ("2/3", "bad")
    assert (str(cell.withstood), cell.withstood.tone) == ("1/2", "bad")
    assert Cell(cases=[]).tone == "none"
    assert str(tally(view.make(result(cases[3])).cases, "conforms")) == "?"


@pytest.mark.parametrize(
    "attested, model, attester",
    [
        ({"client": "none", "server": "passport"}, "passport", "server"),
        ({"client": "passport", "server": "none"}, "passport", "client"),
        ({"client": "passport", "server": "passport"}, "passport", "both"),
        ({"client": "passport", "server": "background-check"}, "mixed", "both"),
        ({"client": "none", "server": "none"}, "none", "neither"),
        ({"client": "none"}, "?", "server"),
    ],
)
def test_where_a_case_stands_in_the_matrix(
    attested: dict[str, str], model: str, attester: str
) -> None:
    assert roles(case(attested=attested)) == (model, attester)


def test_what_is_published_is_a_result_without_places(tmp_path: Path) -> None:
    where = "unix:/tmp/atls-abcd/c123-0/client-device.sock"
    one = case(1, outcome="pass", reason=f"cannot reach {where}: no such file")
    one["repeat"] += " --build '/home/me/build dir' --peers /srv/peers"
    one["observed"]["client"]["handshake"][0]["signed_with"] = "30" * 91
    raw = result(one, case(2, outcome="pass"), case(3))
    run = tmp_path / "run"
    bundle(run)
    (run / "results.json").write_text(json.dumps(raw))
    before = (run / "results.json").read_text()
    report.write_published(run, tmp_path / "out")
    assert (run / "results.json").read_text() == before
    made = json.loads((tmp_path / "out" / "results.json").read_text())
    validator_for(RESULT_SCHEMA).validate(made)
    assert [bool(one["timeline"]) for one in made["cases"]] == [False, False, True]
    assert "expected" not in made["cases"][0]
    assert [bool(one["observed"]) for one in made["cases"]] == [False, False, True]
    for path in (tmp_path / "out").iterdir():
        words = path.read_text()
        for sign in ("/tmp/", "/home/", "/srv/", "atls-abcd", "30" * 91):
            assert sign not in words, (path, sign)
    words = (tmp_path / "out" / "report.html").read_text()
    assert "KAT, decoded" in words
    seen = Page(words)
    assert len(seen.cases) == 3
    assert [len(re.findall("<svg", part)) for part in words.split('class="case"')[1:]] == [1, 0, 1]
    assert "As expected: refused by the client, reason nonce-mismatch" in " ".join(seen.text)
    assert all(link.startswith("#") and link[1:] in seen.ids for link in seen.links)


def test_published_json_reads_back() -> None:
    raw = publish.trim(result(case(1), case(2), odd=[], text=HOSTILE.replace("\ud800", "")))
    assert json.loads(publish.dump(raw)) == raw
    assert publish.dump(raw).count("\n") < 40


def test_nothing_is_published_against_the_schema(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(result(case(outcome="maybe"))))
    with pytest.raises(HarnessError, match="not published"):
        report.write_published(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words, complaint",
    [
        (None, "no such result"),
        ("", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ("[]", "not a result"),
        ('{"cases": {}}', "not a result"),
        ('{"cases": []}', "version"),
        ('{"cases": [], "version": 99}', "99"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, words: str | None, complaint: str) -> None:
    if words is not None:
        (tmp_path / "results.json").write_text(words)
    with pytest.raises(HarnessError, match=complaint):
        report.write(tmp_path, tmp_path)


def test_a_run_and_its_report(
    fake: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    names = ["accepted", "wrong-alert", "undeclared", "bad-event"]
    fake(*[str(OUTCOMES / f"{name}.yaml") for name in names])
    run = tmp_path / "latest"
    junit = (run / "junit.xml").read_text()
    assert report.main([str(run)]) == 0
    assert (run / "junit.xml").read_text() == junit
    assert json.loads((run / "badge.json").read_text())["color"] == "red"
    raw = json.loads((run / "results.json").read_text())
    seen = Page((run / "report.html").read_text())
    assert len(seen.cases) == len(raw["cases"])
    bundles = [link for link in seen.links if link.startswith("./")]
    assert bundles and all((run / link).is_dir() for link in bundles)
    assert report.main([str(run / "results.json"), "--output", str(tmp_path / "else")]) == 0
    elsewhere = Page((tmp_path / "else" / "report.html").read_text())
    assert all(link.startswith("#") for link in elsewhere.links)
    suite = ElementTree.parse(tmp_path / "else" / "junit.xml").getroot()[0]
    assert int(suite.get("tests", "0")) == len(raw["cases"])


def test_the_schema_knows_what_the_timeline_is() -> None:
    validator = validator_for(RESULT_SCHEMA)
    for path, value in (
        (("cases", 0, "timeline"), []),
        (("cases", 0, "timeline", "events"), {}),
        (("cases", 0, "timeline", "events", 0, "t"), "soon"),
        (("cases", 0, "timeline", "left_out"), -1),
        (("cases", 0, "expected"), {}),
        (("cases", 0, "attested"), {"client": "none"}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(put(result(case()), path, value))


CHROMIUM = shutil.which("chromium")
HEADLESS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
DARK = "--blink-settings=preferredColorScheme=0"
# Appended to a copy of the page: what a person would find out with its help is left in the title.
PROBE = """<script>addEventListener("load", () => {
  const root = document.documentElement, shown = (one) => one.checkVisibility();
  for (const one of document.querySelectorAll("details")) one.open = true;
  root.style.width = "WIDTHpx";  // the window itself is never narrower than 500
  const inside = [...document.querySelectorAll("body *")]
    .filter((one) => !one.closest("svg, .kinds, pre"));
  const wide = Math.max(...inside.map((one) => one.getBoundingClientRect().right));
  root.style.width = "";
  for (const one of document.querySelectorAll("details")) one.open = false;
  document.querySelector("#matrix td.cell a").click();
  const cases = [...document.querySelectorAll(".case")];
  const kept = cases.filter((one) => !one.hidden).length;
  location.hash = cases[0].id;
  setTimeout(() => { document.title = JSON.stringify({ wide, kept, all: cases.length,
    reached: shown(cases[0].querySelector("svg")), hidden: shown(cases[1].querySelector("svg")),
    paper: getComputedStyle(document.body).backgroundColor }); }, 50);
});</script>"""


def chromium(page_file: Path, *flags: str) -> bytes:
    """What headless Chromium prints of a page."""
    profile = f"--user-data-dir={page_file.parent / 'profile'}"
    return subprocess.run(
        [str(CHROMIUM), *HEADLESS, profile, "--hide-scrollbars", *flags, page_file.as_uri()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")
@pytest.mark.parametrize(
    "width, flags, paper",
    [(1280, [], (255, 255, 255)), (390, [], (255, 255, 255)), (390, [DARK], (17, 22, 28))],
    ids=["desktop", "phone", "phone-dark"],
)
def test_in_a_browser(
    tmp_path: Path, width: int, flags: list[str], paper: tuple[int, int, int]
) -> None:
    passport = {"client": "passport", "server": "none"}
    cases = [case(1), case(2), case(3, attested=passport, outcome="pass", reason="")]
    cases[1]["id"] = "word" * 60
    bundle(tmp_path, words="long line " * 60)
    _, words = page(result(*cases), tmp_path)
    (tmp_path / "report.html").write_text(words, encoding="utf-8")
    size = f"--window-size={width},1000"
    picture = tmp_path / "page.png"
    chromium(tmp_path / "report.html", size, *flags, f"--screenshot={picture}")
    seen = picture.read_bytes()
    assert seen[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", seen[16:24]) == (width, 1000)
    assert len(seen) > 20_000  # an empty page has a tenth of that
    policy = words.index('<meta http-equiv="Content-Security-Policy"')
    without = words[:policy] + words[words.index(">", policy) + 1 :]
    (tmp_path / "probed.html").write_text(
        without + PROBE.replace("WIDTH", str(width)), encoding="utf-8"
    )
    wait = "--virtual-time-budget=2000"
    dom = chromium(tmp_path / "probed.html", size, *flags, wait, "--dump-dom").decode()
    title = html.unescape(dom[dom.index("<title>") + 7 : dom.index("</title>")])
    found = json.loads(title)
    assert found["wide"] <= width
    assert (found["kept"], found["all"]) == (2, 3)
    assert (found["reached"], found["hidden"]) == (True, False)
    assert found["paper"] == f"rgb{paper}"


def test_where_nothing_can_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(result(case())), encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="--output: .* cannot be written"):
        report.main([str(tmp_path / "results.json"), "--output", str(tmp_path / "file" / "below")])
