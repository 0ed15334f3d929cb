// Print: what is folded opens and its charts are drawn before the page goes to paper, and folds again after.
"use strict";
(() => {
  let opened = []; // the style opens them in print as well, but only script draws their charts
  const unfold = () => {
    if (opened.length) return Promise.resolve();
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const box of opened) box.open = true;
    return vlmeval.charts.drawIn(document);
  };
  const fold = () => {
    for (const box of opened) box.open = false;
    opened = [];
  };
  window.addEventListener("beforeprint", unfold);
  window.addEventListener("afterprint", fold);
  const print = document.getElementById("print");
  if (!print) return;
  print.hidden = false;
  print.addEventListener("click", () => unfold().then(() => window.print()));
})();
