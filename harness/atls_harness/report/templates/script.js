/* SPDX-License-Identifier: Apache-2.0 */
/* Filters the cases and opens what a link leads to. The page is whole without it. */
"use strict";
(function () {
  const form = document.querySelector(".filter");
  const cases = [...document.querySelectorAll(".case")];
  const scenarios = [...document.querySelectorAll("#cases .scenario")];
  const output = form.querySelector("output");
  const named = (one) => (one.closest(".scenario").firstElementChild.textContent + " " + one.firstElementChild.textContent).toLowerCase();
  const fields = ["outcome", "profile", "model", "attester", "client", "server"];
  function apply() {
    const words = form.elements.text.value.trim().toLowerCase();
    const chosen = fields.map((name) => form.elements[name] ? form.elements[name].value : "");
    let count = 0;
    for (const one of cases) {
      const fits = (!words || named(one).includes(words)) && chosen.every((value, index) => !value || one.dataset.is.split("|")[index] === value);
      one.hidden = !fits;
      count += fits;
    }
    for (const one of scenarios) one.hidden = !one.querySelector(".case:not([hidden])");
    output.textContent = count === cases.length ? "" : count + " of " + cases.length + " cases";
  }
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") { one.open = true; one.hidden = false; }
    target.scrollIntoView();
  }
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  for (const link of document.querySelectorAll("[data-filter]")) link.addEventListener("click", () => {
    form.reset();
    const values = link.dataset.filter.split("|");
    fields.slice(1).forEach((name, index) => { if (form.elements[name]) form.elements[name].value = values[index] || ""; });
    apply();
  });
  addEventListener("hashchange", reveal);
  reveal();
})();
