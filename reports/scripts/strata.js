// Skin tone: the levels over all classes, or over the classes that every level has. Without script both are shown.
"use strict";
(() => {
  const form = document.getElementById("tone-switch");
  if (!form) return;
  const parts = [...document.querySelectorAll("[data-standard]")];
  const chosen = () => new FormData(form).get("classes");
  const show = () => {
    for (const part of parts) part.hidden = part.dataset.standard !== chosen();
    for (const part of parts) if (!part.hidden) vlmeval.charts.drawIn(part);
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
  // Paper has no switch: both stand there, each under its own words.
  const all = () => {
    for (const part of parts) part.hidden = false;
    return vlmeval.charts.drawIn(document.getElementById("skin-tone"));
  };
  window.addEventListener("beforeprint", all);
  window.addEventListener("afterprint", show);
})();
