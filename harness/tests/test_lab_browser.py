# SPDX-License-Identifier: Apache-2.0
"""The lab's page in Debian's Chromium, headless: rows come by themselves, nothing is wider than the
screen, and checks of accessibility, in both schemes and at two widths.

With $ATLS_SCREENSHOTS=DIR there are pictures to look at; with $ATLS_AXE=axe.min.js (npm's
axe-core) its rules are held as well: they are more than those below.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest
from lab_meeting import LIMIT, Lab

from atls_harness.run import Run

webdriver: Any = pytest.importorskip(
    "selenium.webdriver", reason="unsupported: python3-selenium is not there"
)
for program in ("chromium", "chromedriver"):
    if shutil.which(program) is None:
        reason = f"unsupported: no program {program} (Debian: chromium, chromium-driver)"
        pytest.skip(reason, allow_module_level=True)

WIDTHS = (1400, 400)
SCHEMES = ("light", "dark")
# What has to hold on every page, as a browser computes it; a sentence for each that does not.
# WCAG 2.1: 1.3.1, 1.4.3, 1.4.10, 2.4.1, 2.4.2, 2.4.4, 3.1.1, 3.3.2, 4.1.1, 4.1.2.
CHECKS = r"""
const found = [];
const say = (what, one) => found.push(what + (one ? ": " + one.outerHTML.slice(0, 120) : ""));
const shown = (one) => one.getClientRects().length > 0;
const name = (one) => (one.getAttribute("aria-label") || one.textContent || "").trim();
if (!document.documentElement.lang) say("no language");
if (!document.title) say("no title");
for (const [landmark, count] of [["main", 1], ["header", 1], ["nav", 1], ["h1", 1]])
  if (document.querySelectorAll(landmark).length !== count) say("expected one " + landmark);
let level = 0;
for (const one of document.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
  const now = Number(one.tagName[1]);
  if (now > level + 1) say("a level of headings is left out", one);
  if (!name(one)) say("a heading without words", one);
  level = now;
}
const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) say("id twice: " + id);
for (const one of document.querySelectorAll("input,select,textarea"))
  if (!one.labels || !one.labels.length) say("a field without a label", one);
for (const one of document.querySelectorAll("a,button,summary"))
  if (!name(one)) say("a link or button without words", one);
for (const one of document.querySelectorAll("img,svg"))
  if (!one.getAttribute("aria-label") && !one.alt) say("a picture without words", one);
for (const one of document.querySelectorAll("thead th, tbody th"))
  if (!one.getAttribute("scope")) say("a heading of a table without scope", one);
for (const attribute of ["aria-labelledby", "aria-describedby", "for"])
  for (const one of document.querySelectorAll(`[${attribute}]`))
    if (!document.getElementById(one.getAttribute(attribute))) say("points nowhere", one);
for (const one of document.querySelectorAll("*")) {
  const style = getComputedStyle(one);
  const scrolls = /auto|scroll/.test(style.overflowX) && one.scrollWidth > one.clientWidth + 1;
  if (scrolls && shown(one) && one.tabIndex < 0) say("scrolls, and no key reaches it", one);
}
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
if (wide > 1) say("wider than the screen by " + wide);
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgba = (text) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, below) =>
  top.slice(0, 3).map((one, i) => one * top[3] + below[i] * (1 - top[3]));
const background = (one) => {
  if (!one) return rgba(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  const own = rgba(getComputedStyle(one).backgroundColor);
  return own[3] === 1 ? own.slice(0, 3) : over(own, background(one.parentElement));
};
const luminance = (color) => {
  const [r, g, b] = color.map((one) => one / 255).map(
    (one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const one = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !shown(one)) continue;
  if (one.closest("svg,script,noscript")) continue;
  const style = getComputedStyle(one), below = background(one);
  const [a, b] = [luminance(over(rgba(style.color), below)), luminance(below)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) say("contrast of " + ratio.toFixed(2), one);
}
return [...new Set(found)].slice(0, 20);
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(prefix="atls-b", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(flag)
        options.add_argument("--no-proxy-server")
        options.add_argument(f"--user-data-dir={profile}")
        made = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        made.set_page_load_timeout(LIMIT)
        yield made
        made.quit()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="atls-lab-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Lab]]:
    found: dict[str, Lab] = {}
    yield found
    for one in found.values():
        one.stop()


@pytest.fixture
def lab(real: Run, folder: Path, opened: dict[str, Lab]) -> Lab:
    """A lab to which a few have come."""
    if "lab" not in opened:
        made = opened["lab"] = Lab(real, folder)
        verifier = made.verifier()
        flags = ["--relying-party", "background-check", "--verifier", verifier]
        made.client("seat-06-server-attests", *flags)
        made.client("ta-07-server-attests", *flags)
        made.client("seat-06-client-attests")
        made.raw("ta-07-client-attests", b"GET /<script>alert(1)</script> HTTP/1.1\r\n\r\n")
        made.s_client("ta-07-client-attests", "ada.client")
        made.s_client("ta-07-server-attests", "ada.client")
        path = folder / "own.corim"
        argv = real.command("device", "provision") + ["--seed", "5", "--output", str(path)]
        subprocess.run(argv, check=True, capture_output=True)
        assert made.status("participant/ada/endorsements", path.read_bytes())[0] == 200
        form = f"address=127.0.0.1:{made.ports['ta-03-client-attests']}&profile=ta-03"
        assert made.status("probe", form.encode())[0] == 200
        made.await_(lambda: " ended <" in made.page("probe"))
    return opened["lab"]


def set_screen(browser: Any, width: int, height: int, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700},
    )


def by_axe(browser: Any) -> list[str]:
    """What axe-core finds, where it is there."""
    path = os.environ.get("ATLS_AXE")
    if not path:
        return []
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(path).read_text("utf-8")})
    ask = "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
    found = browser.execute_async_script(ask)
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def pages(lab: Lab) -> dict[str, str]:
    """Each kind of page once."""
    (refused, *_), (attested, *_) = lab.outcome("refused"), lab.outcome("attested")
    return {
        "live": "",
        "refused": f"connection/{refused}",
        "attested": f"connection/{attested}",
        "no-tls": f"connection/{lab.outcome('no-tls')[0]}",
        "participants": "participants",
        "participant": "participant/ada",
        "ports": "ports",
        "port": "port/x509-cmw-client-attests",
        "kit": "kit",
        "probe": "probe",
        "probed": lab.probes()[0],
    }


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_can_be_read_by_everybody(lab: Lab, browser: Any, width: int, scheme: str) -> None:
    pictures = os.environ.get("ATLS_SCREENSHOTS")
    for name, path in pages(lab).items():
        set_screen(browser, width, 800, scheme)
        browser.get(lab.url + path)
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.execute_script(CHECKS) == [], (name, width, scheme)
        assert by_axe(browser) == [], (name, width, scheme)
        if pictures:
            height = browser.execute_script("return document.documentElement.scrollHeight")
            set_screen(browser, width, min(height, 3000), scheme)
            browser.save_screenshot(f"{pictures}/{name}-{width}-{scheme}.png")


def test_rows_come_by_themselves_and_nothing_in_them_is_markup(lab: Lab, browser: Any) -> None:
    set_screen(browser, 1400, 900, "light")
    browser.get(lab.url)
    rows = "return document.querySelectorAll('#visits tbody tr').length"
    lab.await_(lambda: "by themselves" in browser.page_source)
    before = browser.execute_script(rows)
    lab.raw("ta-02-client-attests", b"GET /<img src=x onerror=alert(1)> HTTP/1.1\r\n\r\n")
    lab.await_(lambda: browser.execute_script(rows) == before + 1)
    first = "return document.querySelector('#visits tbody tr').textContent"
    lab.await_(lambda: "no TLS" in browser.execute_script(first))
    assert "<img src=x" in browser.execute_script(first)
    assert browser.execute_script("return document.querySelectorAll('#visits img').length") == 0


def test_without_script_the_page_is_whole(lab: Lab, browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(lab.url)
        assert "Without script" in browser.page_source
        assert "refused by the lab" in browser.page_source
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
