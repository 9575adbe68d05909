// SPDX-License-Identifier: Apache-2.0
// Keeps a page up to date. Rows come from the lab as it renders them itself; the text of a probe is
// set as text. Without this everything can still be read.
"use strict";
const KEPT = 200;

function watch(table) {
  const body = table.tBodies[0];
  const state = document.getElementById("state");
  const source = new EventSource(table.dataset.live);
  const say = (words) => { if (state) state.textContent = words; };
  source.onopen = () => say("New ones come by themselves.");
  source.onerror = () => say("The lab does not answer; trying again.");
  source.addEventListener("again", () => location.reload());
  source.addEventListener("end", () => { source.close(); say("The lab has closed."); });
  source.addEventListener("rows", (event) => {
    const told = JSON.parse(event.data);
    document.getElementById("counted").textContent = told.counts;
    document.getElementById("none")?.remove();
    for (const row of told.rows) {
      const holder = document.createElement("template");
      holder.innerHTML = row;
      const made = holder.content.firstElementChild;
      const old = document.getElementById(made.id);
      if (old) old.replaceWith(made);
      else body.prepend(made);
    }
    while (body.rows.length > KEPT) body.lastElementChild.remove();
  });
}

function follow(place) {
  const source = new EventSource(place.dataset.lines);
  source.addEventListener("line", (event) => place.append(JSON.parse(event.data) + "\n"));
  source.addEventListener("again", () => { source.close(); location.reload(); });
  source.addEventListener("end", () => source.close());
}

document.querySelectorAll("[data-live]").forEach(watch);
document.querySelectorAll("[data-lines]").forEach(follow);
const again = document.querySelector("[data-reload]");
if (again) setTimeout(() => location.reload(), 1000 * Number(again.dataset.reload));
