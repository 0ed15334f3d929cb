// The report's behaviour: draws the charts, sorts tables, switches the theme, marks the current section.
// Everything works without it but the charts, and each chart has its table.
"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  // ---- charts: specifications are data, expressions are interpreted, nothing is evaluated or loaded
  const { config, families, charts } = read("chart-data");
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  const loader = window.vega && Object.assign(vega.loader(), { load: refuse, sanitize: refuse, http: refuse, file: refuse });

  const points = (pairs) => pairs.map(([x, y], i) => ({ x, y, i }));
  const specOf = (chart) => {
    if (!chart.family) return chart.spec;
    if (chart.datasets) return { ...families[chart.family], datasets: chart.datasets };
    const level = chart.chance;
    const chance = level === undefined ? [[0, 0], [1, 1]] : [[0, level], [1, level]];
    return { ...families[chart.family], datasets: { points: points(chart.points), chance: points(chance) } };
  };
  const draw = (box) => {
    // Names may take 260 px, and half of the width at most, on a phone less: the numbers need the rest.
    const width = box.clientWidth;
    const labelLimit = Math.min(260, Math.max(90, (width < 420 ? 0.42 : 0.5) * width));
    const fitted = { ...config, axisY: { ...config.axisY, labelLimit } };
    const compiled = vegaLite.compile(specOf(charts[box.dataset.chart]), { config: fitted, logger: vega.logger(vega.Error) }).spec;
    const runtime = vega.parse(compiled, null, { ast: true });
    const options = { container: box, renderer: "svg", loader, expr: vegaInterpreter.expressionInterpreter };
    return new vega.View(runtime, options).logLevel(vega.Error).runAsync().then(() => {
      const svg = box.querySelector("svg");
      svg.setAttribute("aria-hidden", "true");
      svg.setAttribute("focusable", "false");
      box.firstElementChild.removeAttribute("role");
    });
  };
  const waiting = [...document.querySelectorAll("[data-chart]")];
  const drawn = new Set();
  const drawOnce = (box) => {
    if (drawn.has(box)) return Promise.resolve();
    drawn.add(box);
    try {
      return draw(box).catch(() => box.classList.add("failed"));
    } catch {
      box.classList.add("failed");
      return Promise.resolve();
    }
  };
  // What is in sight first, the rest when the browser is idle: a page of 150 panels opens at once and prints whole.
  const eager = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) drawOnce(entry.target);
  }, { rootMargin: "300px" });
  // Charts above a deep link's section may shift it while they are drawn: go there again, unless the reader went elsewhere.
  let moved = false;
  for (const sign of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    window.addEventListener(sign, () => { moved = true; }, { once: true, passive: true });
  }
  const settle = (frames) => {
    const target = document.querySelector(":target");
    if (target && !moved) target.scrollIntoView({ behavior: "instant" });
    if (frames) requestAnimationFrame(() => settle(frames - 1)); // the last charts may still be growing
    else root.dataset.charts = "done";
  };
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 16));
  const drawRest = () => {
    const box = waiting.find((b) => !drawn.has(b) && b.clientWidth > 0);
    if (box) drawOnce(box).then(() => idle(drawRest));
    else settle(3);
  };
  waiting.forEach((box) => eager.observe(box));
  idle(drawRest);

  // ---- what is folded: a link into it opens it; what opens draws its charts
  const unfold = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = id && document.getElementById(id);
    if (!target) return;
    let box = target.closest("details");
    if (!box) return;
    for (; box; box = box.parentElement.closest("details")) box.open = true;
    target.scrollIntoView({ behavior: "instant" });
  };
  const drawIn = (box) => { for (const one of box.querySelectorAll("[data-chart]")) if (one.clientWidth > 0) drawOnce(one); };
  for (const box of document.querySelectorAll("details")) {
    box.addEventListener("toggle", () => { if (box.open) drawIn(box); });
  }
  window.addEventListener("hashchange", unfold);
  unfold();

  // ---- tables: a click on a heading sorts; cells without a number go last either way
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (cell === undefined) return "";
    const key = cell.dataset.sort;
    if (key === undefined) return cell.textContent.trim().toLowerCase();
    return key === "" || key === "None" ? "" : Number(key);
  };
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };
  const sortBy = (table, heading) => {
    const column = heading.cellIndex;
    const wanted = heading.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
    rows.sort(([a], [b]) => compare(a, b, wanted === "ascending" ? 1 : -1));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", wanted);
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      const link = heading.querySelector("a"); // a link cannot stand in a button: it follows it as a question mark
      if (link) link.replaceWith(...link.childNodes);
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      if (link) {
        link.setAttribute("aria-label", `How it is computed: ${link.hash.replace("#metric-", "")}`);
        link.textContent = "?";
        link.className = "ask";
        heading.append(" ", link);
      }
      button.addEventListener("click", () => sortBy(table, heading));
    }
  }

  // ---- theme and print
  const store = { get: () => { try { return localStorage.getItem("vlmeval-theme"); } catch { return null; } },
    set: (v) => { try { localStorage.setItem("vlmeval-theme", v); } catch { /* private window: not remembered */ } } };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const toggle = document.getElementById("theme");
  const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const label = () => { toggle.textContent = current() === "dark" ? "Light theme" : "Dark theme"; };
  const remembered = store.get();
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    store.set(root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  label();
  const print = document.getElementById("print");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
  let opened = []; // the style opens them in print as well, but only script draws their charts
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const box of opened) box.open = true;
    drawIn(document);
  });
  window.addEventListener("afterprint", () => { for (const box of opened) box.open = false; });

  // ---- contents: mark the section being read
  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main section")];
  const mark = () => {
    const line = window.innerHeight * 0.3;
    const reading = sections.filter((s) => s.getBoundingClientRect().top <= line).pop() || sections[0];
    for (const [id, link] of links) {
      if (id === reading.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  mark();
})();
