// Single cases: filters over the cards, and the cases behind a cell of the confusion matrix. Without script all are shown.
"use strict";
(() => {
  const STEP = 8;
  const form = document.getElementById("case-filters");
  if (!form) return;
  const cards = [...document.querySelectorAll("#case-cards > .case")];
  const more = document.getElementById("more-cases");
  let shown = STEP;

  const fits = (card) => {
    const { "class": k, kind, tone } = Object.fromEntries(new FormData(form));
    if (k && card.dataset.class !== k) return false;
    if (kind && card.dataset.kind !== kind) return false;
    if (!tone) return true;
    const [source, level] = tone.split(":");
    return card.dataset.tones.split(" ")[Number(source)] === level;
  };
  const show = () => {
    const fitting = cards.filter(fits);
    const visible = new Set(fitting.slice(0, shown));
    for (const card of cards) card.hidden = !visible.has(card);
    form.querySelector("output").textContent = `${visible.size} of ${fitting.length} cases`;
    more.hidden = fitting.length <= visible.size;
  };
  form.addEventListener("change", () => { shown = STEP; show(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => {
    const next = cards.filter(fits)[shown];
    shown += STEP;
    show();
    if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
  });
  // What went wrong is what most readers look for first.
  if (form.elements.kind.querySelector('[value="miss"]')) form.elements.kind.value = "miss";
  form.hidden = false;
  show();
  let before = null;
  window.addEventListener("beforeprint", () => { before = cards.map((card) => card.hidden); });
  window.addEventListener("afterprint", () => { if (before) cards.forEach((card, i) => { card.hidden = before[i]; }); });

  // ---- the cells of the confusion matrix
  const source = document.getElementById("cell-data");
  const box = document.getElementById("cell-cases");
  if (!source) return;
  const all = JSON.parse(source.textContent);
  const className = (k) => form.elements.class.options[k + 1].textContent;
  const element = (tag, text, parent) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const LISTED = 200;
  const open = (truth, called) => {
    const rows = all.ids.map((id, i) => [id, all.score[i], i]).filter(([, , i]) => all.truth[i] === truth && all.called[i] === called);
    rows.sort((a, b) => b[1] - a[1]);
    box.replaceChildren();
    const heading = element("h3", `${className(truth)}, called ${className(called)}: ${rows.length}`, box);
    heading.tabIndex = -1;
    const close = element("button", "Close", box);
    close.type = "button";
    close.className = "plain-button";
    close.addEventListener("click", () => { box.hidden = true; });
    const scroll = element("div", undefined, box);
    scroll.className = "scroll";
    const table = element("table", undefined, scroll);
    table.className = "compact sortable";
    element("caption", rows.length > LISTED ? `The ${LISTED} with the highest scores; all are in predictions.parquet.` : "By the score of the class called.", table);
    const head = element("tr", undefined, element("thead", undefined, table));
    for (const title of ["Case", "Score"]) element("th", title, head).scope = "col";
    const body = element("tbody", undefined, table);
    for (const [id, score] of rows.slice(0, LISTED)) {
      const row = element("tr", undefined, body);
      element("bdi", id, element("td", undefined, row));
      const cell = element("td", score.toFixed(3), row);
      cell.className = "num";
      cell.dataset.sort = score;
    }
    vlmeval.tables.sortable(table);
    box.hidden = false;
    heading.focus({ preventScroll: true });
    box.scrollIntoView({ block: "start" });
  };
  for (const link of document.querySelectorAll("a[data-cell]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const [truth, called] = link.dataset.cell.split(":").map(Number);
      form.elements.class.value = String(truth);
      form.elements.kind.value = "";
      shown = STEP;
      show();
      open(truth, called);
    });
  }
})();

// How the confusion matrix is shown: counts, shares of the true class or of the class called.
(() => {
  const form = document.getElementById("matrix-shares");
  const table = document.getElementById("matrix");
  if (!form || !table) return;
  const show = () => { table.dataset.by = new FormData(form).get("by"); };
  form.addEventListener("change", show);
  form.hidden = false;
  show();
})();
