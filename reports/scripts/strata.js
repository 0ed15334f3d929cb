// Skin tone: the levels over all classes, or over the classes that every level has. Without script both are shown, and on
// paper too: what is away only takes no room, so that its charts are drawn before anybody prints.
"use strict";
(() => {
  const form = document.getElementById("tone-switch");
  if (!form) return;
  const parts = [...document.querySelectorAll("[data-standard]")];
  const show = () => {
    const chosen = new FormData(form).get("classes");
    for (const part of parts) part.classList.toggle("away", part.dataset.standard !== chosen);
  };
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
