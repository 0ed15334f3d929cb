// The command that makes this run again: a button that copies it; where the browser forbids that, it is selected.
"use strict";
(() => {
  for (const block of document.querySelectorAll("pre.command")) {
    const select = () => {
      const range = document.createRange();
      range.selectNodeContents(block);
      const chosen = window.getSelection();
      chosen.removeAllRanges();
      chosen.addRange(range);
    };
    const said = vlmeval.make("output", { "aria-live": "polite" });
    const done = (words) => { said.textContent = words; };
    const copy = () => {
      select();
      const byHand = () => done(document.execCommand?.("copy") ? "Copied." : "Selected: press Ctrl+C (⌘C on a Mac) to copy it.");
      if (!navigator.clipboard?.writeText) { byHand(); return; }
      navigator.clipboard.writeText(block.textContent.trim()).then(() => done("Copied."), byHand);
    };
    const line = vlmeval.make("p", { class: "copy-line" });
    line.append(vlmeval.button("Copy the command", "Copy the command", copy), said);
    block.after(line);
  }
})();
