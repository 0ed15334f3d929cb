// On a phone a long report is a list of its sections: the first stands open, each other opens at a touch, by a link into
// it, or when the browser finds a word in it. On wider screens, on paper and without script everything is open.
"use strict";
(() => {
  if (!window.matchMedia("(max-width: 36rem)").matches) return;
  const { make } = vlmeval;
  const parts = new Map();

  const show = (section, open) => {
    const { body, button } = parts.get(section);
    if (open) body.removeAttribute("hidden");
    else body.setAttribute("hidden", "until-found");
    button.setAttribute("aria-expanded", String(open));
    if (open) vlmeval.charts.drawIn(body);
  };
  const fold = (section) => {
    const heading = section.querySelector(":scope > h2");
    if (!heading) return;
    const body = make("div", { class: "body", id: `${section.id}-body` });
    const kept = section.querySelector(":scope > .takeaway") || heading; // the answer stays in sight
    while (kept.nextSibling) body.append(kept.nextSibling);
    section.append(body);
    const button = make("button", { type: "button", class: "fold", "aria-controls": body.id });
    button.append(...[...heading.childNodes].filter((node) => !node.classList?.contains("anchor")));
    heading.prepend(button);
    parts.set(section, { body, button });
    button.addEventListener("click", () => show(section, button.getAttribute("aria-expanded") !== "true"));
    body.addEventListener("beforematch", () => show(section, true));
    show(section, false);
  };
  const all = [...document.querySelectorAll("main > section[id]")].slice(1);
  all.forEach(fold);

  // A link may point to a section or to anything in one; following the same link twice opens it twice.
  const reveal = (hash) => {
    let id = "";
    try { id = decodeURIComponent(hash.slice(1)); } catch { return; }
    const target = id && document.getElementById(id);
    const section = target && target.closest("main > section");
    if (!parts.has(section)) return;
    show(section, true);
    target.scrollIntoView({ behavior: "instant" });
  };
  window.addEventListener("hashchange", () => reveal(location.hash));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link) setTimeout(() => reveal(link.hash));
  });
  reveal(location.hash);

  const every = make("button", { type: "button", class: "every" }, "Open all sections");
  every.addEventListener("click", () => {
    const open = every.textContent.startsWith("Open");
    for (const section of parts.keys()) show(section, open);
    every.textContent = open ? "Fold all sections" : "Open all sections";
  });
  document.querySelector(".contents").append(every);
})();
