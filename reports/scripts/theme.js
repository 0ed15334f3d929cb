// The theme: light, dark, or the system's until the reader chooses; the choice is remembered. Stands in the head, so
// that a page of a chosen theme never flashes in the other one.
"use strict";
(() => {
  const root = document.documentElement;
  const KEY = "vlmeval-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const recall = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const remember = (value) => { try { localStorage.setItem(KEY, value); } catch { /* private window: not remembered */ } };
  const chosen = recall();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  const current = () => root.dataset.theme || (system.matches ? "dark" : "light");
  document.addEventListener("DOMContentLoaded", () => {
    const toggle = document.getElementById("theme");
    if (!toggle) return;
    const label = () => { toggle.textContent = current() === "dark" ? "Light theme" : "Dark theme"; };
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      root.dataset.theme = current() === "dark" ? "light" : "dark";
      remember(root.dataset.theme);
      label();
    });
    system.addEventListener("change", label);
    label();
  });
})();
