// Links into the page: one into what is folded opens it; what opens draws its charts; Escape folds it again; the
// contents mark the section being read.
"use strict";
(() => {
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
  for (const box of document.querySelectorAll("details")) {
    box.addEventListener("toggle", () => { if (box.open) vlmeval.charts.drawIn(box); });
  }
  window.addEventListener("hashchange", unfold);
  unfold();

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    const box = document.activeElement?.closest("details[open]");
    if (!box) return;
    box.open = false;
    box.querySelector("summary").focus();
  });

  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main section")];
  const mark = () => {
    const line = window.innerHeight * 0.3;
    const reading = sections.filter((s) => s.getBoundingClientRect().top <= line).pop() || sections[0];
    for (const [id, link] of links) {
      if (id === reading?.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  mark();
})();
