// Charts: specifications are data, expressions are interpreted, nothing is evaluated or loaded. What is in sight is drawn
// first, the rest when the browser is idle: a page of 150 panels opens at once and prints whole.
"use strict";
(() => {
  const root = document.documentElement;
  const { config, families, charts } = vlmeval.read("chart-data");
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  const loader = window.vega && Object.assign(vega.loader(), { load: refuse, sanitize: refuse, http: refuse, file: refuse });
  const views = new Map(); // what is drawn, by its box

  const points = (pairs) => pairs.map(([x, y], i) => ({ x, y, i }));
  const specOf = (chart) => {
    if (!chart.family) return chart.spec;
    if (chart.datasets) return { ...families[chart.family], datasets: chart.datasets };
    const level = chart.chance;
    const chance = level === undefined ? [[0, 0], [1, 1]] : [[0, level], [1, level]];
    return { ...families[chart.family], datasets: { points: points(chart.points), chance: points(chance), marks: chart.marks || [] } };
  };
  const compiled = (box) => {
    // Names may take 260 px, and half of the width at most, on a phone less: the numbers need the rest.
    const width = box.clientWidth;
    const labelLimit = Math.min(260, Math.max(90, (width < 420 ? 0.42 : 0.5) * width));
    const fitted = { ...config, axisY: { ...config.axisY, labelLimit } };
    return vegaLite.compile(specOf(charts[box.dataset.chart]), { config: fitted, logger: vega.logger(vega.Error) }).spec;
  };
  const draw = async (box) => {
    const runtime = vega.parse(compiled(box), null, { ast: true });
    const label = box.getAttribute("aria-label");
    const options = { container: box, renderer: "svg", loader, expr: vegaInterpreter.expressionInterpreter };
    const view = await new vega.View(runtime, options).logLevel(vega.Error).runAsync();
    const svg = box.querySelector("svg");
    svg.setAttribute("aria-hidden", "true"); // the box has the name, the table the numbers
    svg.setAttribute("focusable", "false");
    box.setAttribute("role", "img"); // Vega puts words of its own there
    box.setAttribute("aria-label", label);
    box.removeAttribute("aria-roledescription");
    views.set(box, view);
    box.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  };

  const boxes = [...document.querySelectorAll("[data-chart]")];
  const begun = new Map();
  const visible = (box) => box.clientWidth > 0;
  const drawOnce = (box) => {
    if (!begun.has(box)) begun.set(box, draw(box).catch(() => box.classList.add("failed")));
    return begun.get(box);
  };
  const drawIn = (element) => Promise.all([...element.querySelectorAll("[data-chart]")].filter(visible).map(drawOnce));

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) drawOnce(entry.target);
  }, { rootMargin: "300px" });
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 16));
  const drawRest = () => {
    const box = boxes.find((b) => !begun.has(b) && visible(b));
    if (box) drawOnce(box).then(() => idle(drawRest));
    else settle(3);
  };
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

  vlmeval.charts = { viewOf: (box) => views.get(box), drawIn, draw: drawOnce };
  boxes.forEach((box) => near.observe(box));
  idle(drawRest);
})();
