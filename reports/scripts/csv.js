// Every table as a CSV file: what is shown, in the order shown, numbers in full precision, intervals and remarks in
// columns of their own. Names from data are text: none can become a formula in a spreadsheet.
"use strict";
(() => {
  const { flat, make, button, save, fileName } = vlmeval;
  const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;
  const FORMULA = /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/; // what a spreadsheet reads as one, full-width signs too

  /** Rows of places: a cell that spans several stands in each; `first` where it begins. */
  const gridOf = (rows) => {
    const grid = rows.map(() => []);
    rows.forEach((row, r) => {
      let c = 0;
      for (const cell of row.cells) {
        while (grid[r][c]) c += 1;
        for (let down = 0; down < Math.min(cell.rowSpan, rows.length - r); down += 1) {
          for (let right = 0; right < cell.colSpan; right += 1) grid[r + down][c + right] = { cell, first: right === 0 };
        }
        c += cell.colSpan;
      }
    });
    return grid;
  };

  /** A cell's words: what stands first, and what stands small beneath it. Names that were cut stand in full. */
  const wordsOf = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll(".ask, .anchor, .ci, .strip, svg").forEach((one) => one.remove());
    for (const name of copy.querySelectorAll("bdi[title]")) name.textContent = name.title;
    const small = [...copy.querySelectorAll(".sub, .few, .tag")];
    const notes = small.map((one) => flat(one.matches(".few") ? one.title : one.textContent));
    small.forEach((one) => one.remove());
    return { text: flat(copy.textContent), notes: notes.filter((note) => note) };
  };
  const numeral = (text) => {
    const plain = text.replace("\u2212", "-").replace(/^\+/, "").replace(/(\d),(?=\d{3})/g, "$1");
    return NUMBER.test(plain) ? plain : null;
  };
  const safe = (text) => (FORMULA.test(text) ? `'${text}` : text);

  /** One cell of the table as the fields it fills: its value, the ends of its interval, its remarks. */
  const fieldsOf = (cell) => {
    const { text, notes } = wordsOf(cell);
    const ends = cell.querySelector("[data-low]")?.dataset;
    const made = { low: ends?.low ?? "", high: ends?.high ?? "", note: safe(notes.join("; ")) };
    if (!cell.matches(".num, .rank")) return { ...made, value: safe(text) };
    const exact = cell.querySelector("[data-value]")?.dataset.value ?? cell.dataset.sort;
    if (exact !== undefined && NUMBER.test(exact)) return { ...made, value: exact };
    return { ...made, value: text === "—" ? "" : numeral(text) ?? safe(text) };
  };

  const headsOf = (table) => {
    const grid = gridOf([...(table.tHead?.rows ?? [])]);
    const said = ({ text, notes }) => text + (notes.length ? ` (${notes.join("; ")})` : "");
    const heads = (grid.at(-1) ?? []).map((_, c) => {
      const cells = [...new Set(grid.map((row) => row[c]?.cell).filter((cell) => cell))];
      return { text: cells.map((cell) => said(wordsOf(cell))).filter((words) => words).join(", "), hidden: cells.at(-1).hidden };
    });
    const seen = new Map();
    return heads.map(({ text, hidden }) => {
      const times = (seen.get(text) ?? 0) + 1;
      seen.set(text, times);
      return { text: times === 1 ? text : `${text} (${times})`, hidden };
    });
  };

  /** A table as rows of fields, the first with the columns' names; rows and columns that are hidden are left out. */
  const rowsOf = (table) => {
    const shown = [...table.tBodies, ...(table.tFoot ? [table.tFoot] : [])].flatMap((part) => [...part.rows]);
    const grid = gridOf(shown.filter((row) => !row.hidden));
    const nothing = { value: "", low: "", high: "", note: "" };
    const body = grid.map((row) => row.map(({ cell, first }) => (first ? fieldsOf(cell) : nothing)));
    const heads = headsOf(table);
    const width = Math.max(heads.length, ...body.map((row) => row.length));
    const columns = [];
    for (let c = 0; c < width; c += 1) {
      if (heads[c]?.hidden) continue;
      const head = heads[c]?.text ?? "";
      const add = (part, name) => {
        const fields = body.map((row) => (row[c] ?? nothing)[part]);
        if (part === "value" || fields.some((field) => field)) columns.push([safe(name), ...fields]);
      };
      add("value", head);
      add("low", `${head} (95 % low)`.trim());
      add("high", `${head} (95 % high)`.trim());
      add("note", `${head} (note)`.trim());
    }
    return [heads, ...body].map((_, r) => columns.map((column) => column[r]));
  };

  const quoted = (field) => (/[",;\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
  /** The text of a table's file: commas, lines that end as RFC 4180 has them. */
  const textOf = (table) => rowsOf(table).map((row) => `${row.map(quoted).join(",")}\r\n`).join("");

  const nameOf = (table) => {
    const place = vlmeval.placeOf(table);
    const beside = [...document.querySelectorAll(`main section[id="${CSS.escape(place)}"] table`)];
    const number = beside.length > 1 ? String(beside.indexOf(table) + 1) : "";
    return fileName([...vlmeval.named(), place, number], "csv");
  };

  /** Give a table its button, after the box it scrolls in; inside, where that box stands in a grid of boxes. */
  const offer = (table) => {
    const caption = flat(table.caption?.textContent ?? "").slice(0, 80);
    const get = button("CSV", `Download as CSV: ${caption || "this table"}`, () => {
      // The mark in front tells spreadsheets that the text is UTF-8.
      save(new Blob(["\uFEFF", textOf(table)], { type: "text/csv;charset=utf-8" }), nameOf(table));
    });
    const box = table.closest(".scroll");
    const alone = box && getComputedStyle(box.parentElement).display === "block";
    (alone ? box : table).after(make("p", { class: "save" }, get));
  };

  vlmeval.csv = { offer, textOf };
  document.querySelectorAll("main table").forEach(offer);
})();
