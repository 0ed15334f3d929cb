// Tables: a heading's button sorts by its column; cells without a number go last either way.
"use strict";
(() => {
  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (cell === undefined) return "";
    const key = cell.dataset.sort;
    if (key === undefined) return cell.textContent.trim().toLowerCase();
    return key === "" || key === "None" ? "" : Number(key);
  };
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };
  const sortBy = (table, heading, wanted) => {
    const column = heading.cellIndex;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
    rows.sort(([a], [b]) => compare(a, b, wanted === "ascending" ? 1 : -1));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", wanted);
    body.append(...rows.map(([, row]) => row));
  };
  const other = (heading) => (heading.getAttribute("aria-sort") === "descending" ? "ascending" : "descending");

  /** Make a table's headings into buttons that sort it: the largest first, then the smallest. */
  const sortable = (table) => {
    for (const heading of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      const link = heading.querySelector("a"); // a link cannot stand in a button: it follows it as a question mark
      if (link) link.replaceWith(...link.childNodes);
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      if (link) {
        link.setAttribute("aria-label", `How it is computed: ${link.hash.replace("#metric-", "")}`);
        link.textContent = "?";
        link.className = "ask";
        heading.append(" ", link);
      }
      button.addEventListener("click", () => sortBy(table, heading, other(heading)));
    }
  };

  vlmeval.tables = { sortable, sortBy };
  document.querySelectorAll("table.sortable").forEach(sortable);
})();
