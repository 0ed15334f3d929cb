// Every chart as SVG or PNG: what is drawn, in the colours of the theme, with its background, its legend, and the page's
// banner where the page has one; what it shows stands in the file's title and description.
"use strict";
(() => {
  const { make, button, flat, save, fileName } = vlmeval;
  const SVG = "http://www.w3.org/2000/svg";
  const SCALE = 2;
  const LINE = 20;
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

  const draw = (name, attributes, text = "") => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };

  /** Put plain colours where the chart names the page's variables. */
  const plainColours = (svg) => {
    const probe = make("i", { hidden: "" });
    document.body.append(probe);
    const plain = (value) => {
      probe.style.color = value;
      return getComputedStyle(probe).color;
    };
    for (const one of svg.querySelectorAll("*")) {
      for (const { name, value } of [...one.attributes]) {
        if (value.includes("var(")) one.setAttribute(name, plain(value));
      }
    }
    const colours = { paper: plain("var(--paper)"), ink: plain("var(--ink)"), warn: plain("var(--warn)") };
    probe.remove();
    return colours;
  };

  /** The legend that explains a chart: its figure's own, else the last one before it that stands for several charts. */
  const legendOf = (box) => {
    const own = box.closest("figure")?.querySelector(".legend");
    if (own) return own;
    const shared = [...(box.closest("section") ?? document).querySelectorAll(".legend")].filter((one) => !one.closest("figure"));
    return shared.filter((one) => one.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
  };

  /** Draw a legend's entries side by side below the chart, as many lines as it takes; return the height used. */
  const drawLegend = (svg, legend, width, top, ink) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `12px ${FONT}`;
    let [x, y] = [4, top];
    for (const entry of legend.querySelectorAll("li")) {
      const key = entry.querySelector("svg");
      const words = flat(entry.textContent);
      const wide = 40 + pen.measureText(words).width + 14;
      if (x > 4 && x + wide > width) [x, y] = [4, y + LINE];
      const group = draw("g", { transform: `translate(${x},${y})` });
      for (const shape of key?.children ?? []) {
        const copy = shape.cloneNode(true);
        const look = getComputedStyle(shape);
        copy.removeAttribute("class");
        for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity"]) {
          copy.setAttribute(name, look.getPropertyValue(name));
        }
        group.append(copy);
      }
      group.append(draw("text", { x: 40, y: 11, "font-size": 12, "font-family": FONT, fill: ink }, words));
      svg.append(group);
      x += wide;
    }
    return y + LINE - top;
  };

  /** A chart as an SVG element that needs nothing of the page. */
  const standalone = async (box) => {
    const drawn = await vlmeval.charts.viewOf(box).toSVG();
    const svg = new DOMParser().parseFromString(drawn, "image/svg+xml").documentElement;
    const { paper, ink, warn } = plainColours(svg);
    const [width, chart] = ["width", "height"].map((side) => Number.parseFloat(svg.getAttribute(side)));
    const legend = legendOf(box);
    let height = chart;
    if (legend) height += drawLegend(svg, legend, width, height + 4, ink) + 4;
    const banner = document.querySelector("body > .banner");
    if (banner) {
      height += LINE;
      const look = { x: 4, y: height - 6, "font-size": 11, "font-weight": 600, "font-family": FONT, fill: warn };
      svg.append(draw("text", look, flat(banner.textContent)));
    }
    svg.setAttribute("height", height);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const maker = document.querySelector("meta[name=generator]").content;
    svg.prepend(
      draw("title", {}, nameIn(box)),
      draw("desc", {}, [vlmeval.title(), flat(banner?.textContent ?? ""), maker].filter((part) => part).join(". ")),
      draw("rect", { width, height, fill: paper }),
    );
    return { svg, width, height };
  };
  const nameIn = (box) => box.getAttribute("aria-label").replace(/; the table .*$/, "");
  const markup = (svg) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;

  const png = async ({ svg, width, height }) => {
    const picture = new Image();
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(markup(svg))}`;
    await picture.decode();
    const canvas = make("canvas", { width: Math.ceil(width * SCALE), height: Math.ceil(height * SCALE) });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, "image/png"); });
  };

  const deeds = {
    svg: async (box) => new Blob([markup((await standalone(box)).svg)], { type: "image/svg+xml" }),
    png: async (box) => png(await standalone(box)),
  };
  const offer = (box) => {
    const made = Object.entries(deeds).map(([ending, deed]) => {
      const name = fileName([...vlmeval.named(), vlmeval.placeOf(box), box.dataset.chart], ending);
      const kind = ending.toUpperCase();
      return button(kind, `Download as ${kind}: ${nameIn(box)}`, async () => save(await deed(box), name));
    });
    box.before(make("div", { class: "chart-tools" }, make("div", { class: "save" }, ...made)));
  };

  vlmeval.pictures = { standalone };
  document.addEventListener("drawn", (event) => offer(event.target));
})();
