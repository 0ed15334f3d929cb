// The one namespace that the page's scripts share (`vlmeval`), and the small things that all of them need: the page's
// data, elements made from text (never from markup), names for files, and a file handed to the reader.
"use strict";
window.vlmeval = (() => {
  /** Parse the JSON that stands in the element of that id. */
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  /** Make an element with attributes; text and elements follow. Text stays text. */
  const make = (tag, attributes = {}, ...inside) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  };

  /** Make a button with what it says, what it does in words, and the deed. */
  const button = (text, label, deed) => {
    const made = make("button", { type: "button", "aria-label": label }, text);
    made.addEventListener("click", deed);
    return made;
  };

  /** Text on one line, without spaces at its ends. */
  const flat = (text) => text.replace(/\s+/g, " ").trim();

  /** Join words to the name of a file: plain letters, digits and dashes, whatever the words held. */
  const fileName = (words, ending) => {
    const slug = (word) => word.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "");
    const parts = words.map((word) => slug(word).slice(0, 60).replace(/-+$/, "")).filter((part) => part);
    return `${parts.join("-") || "page"}.${ending}`;
  };

  /** What files are named after: the page's title, the warning that holds for all of it, an element's section. */
  const title = () => flat(document.querySelector("h1").textContent);
  const named = () => [title(), ...[...document.querySelectorAll("body > .banner")].map((b) => flat(b.textContent).split(" ")[0])];
  const placeOf = (element) => element.closest("main section[id]")?.id || "page";

  /** Hand the reader a file. Nothing is sent: the link goes to the page's own memory. */
  const save = (blob, name) => {
    const address = URL.createObjectURL(blob);
    const link = make("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };

  return { read, make, button, flat, fileName, title, named, placeOf, save };
})();
