// Ticked rows of the leaderboard side by side: their cells, the paired differences that the page holds, and the command
// that computes all others. Only rows of one table answer the same question.
"use strict";
(() => {
  const { make, button } = vlmeval;
  const { state, tables, known } = vlmeval.board;
  const section = document.getElementById("compared");
  const inside = section.querySelector(".inside");
  const MINUS = "\u2212";

  const number = (value) => value.toFixed(3).replace("-", MINUS);
  const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));
  const rowOf = (id) => document.getElementById(id);

  /** Ticked rows of the table that most of them stand in (the first such one), and the number of others. */
  const together = () => {
    const found = [...state.rows].map((id) => ({ id, ...known.rows.get(id) }));
    const first = found[0]?.table;
    const alike = found.filter((one) => one.table === first);
    return { table: tables[first], alike, others: found.length - alike.length };
  };

  const heading = ({ id }) => {
    const names = [...rowOf(id).querySelector("th").childNodes].map((node) => node.cloneNode(true));
    const away = button("Remove", "Remove from the comparison", () => vlmeval.board.untick(id));
    return make("th", { scope: "col" }, ...names, make("span", { class: "sub" }, away));
  };

  const cellLine = (table, alike, column, c) => {
    const head = rowOf(alike[0].id).closest("table").tHead.rows[0].cells[c];
    const title = head.querySelector("button")?.firstChild.textContent ?? head.textContent;
    const cells = alike.map(({ id }) => {
      const cell = rowOf(id).cells[c].cloneNode(true);
      cell.hidden = false;
      cell.querySelectorAll("input, label").forEach((one) => one.remove());
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, title.trim()), ...cells);
  };

  /** The difference of two rows in one metric, second minus first; undefined where the page does not hold it. */
  const differenceOf = (pairs, first, second) => {
    const found = pairs.rows.find(([i, j]) => (i === first && j === second) || (i === second && j === first));
    if (!found) return undefined;
    const [i, , value, low, high] = found;
    const turned = (one) => (one === null ? null : -one);
    return i === second ? { value, low, high } : { value: turned(value), low: turned(high), high: turned(low) };
  };
  const verdict = ({ low, high }, lower) => {
    if (low === null || high === null) return "no interval";
    if (low <= 0 && high >= 0) return "not separable";
    return (high < 0) === lower ? "clearly better" : "clearly worse";
  };
  const differenceCell = (pairs, first, { row }) => {
    const found = differenceOf(pairs, first.row, row);
    if (!found) return make("td", { class: "num" }, "—", make("span", { class: "sub" }, "not in this page"));
    const joint = found.low < 0 || found.high < 0 ? " to " : "\u2013";
    const ends = found.low === null ? "" : `${number(found.low)}${joint}${number(found.high)}`;
    return make("td", { class: "num" }, make("span", { class: "value" }, signed(found.value)),
      make("span", { class: "sub ci" }, ends), make("span", { class: "sub" }, verdict(found, pairs.lower)));
  };
  const differenceLines = (table, alike) => table.pairs.map((pairs) => make("tr", {},
    make("th", { scope: "row" }, `Difference in ${pairs.name}`, make("span", { class: "sub" }, `from ${table.rows[alike[0].row].label}`)),
    make("td", { class: "num" }, "—"),
    ...alike.slice(1).map((one) => differenceCell(pairs, alike[0], one))));

  /** Whether the ranks tell two rows apart: known of every two ranked rows, however many there are. */
  const apart = (table, one, two) => {
    const [a, b] = [table.rows[one.row], table.rows[two.row]];
    if (!a.ranked || !b.ranked) return "is not ranked beside it";
    return a.ties.some(([first, last]) => first <= two.row && two.row <= last) ? "cannot be told apart from it" : "is clearly apart from it";
  };
  const byRanks = (table, alike) => make("p", { class: "note" }, "This table is too long for the page to hold the differences of every two rows. By the ranks: ",
    ...alike.slice(1).map((one, i) => `${i ? "; " : ""}${table.rows[one.row].label} ${apart(table, alike[0], one)}`), ".");

  const commandOf = (table, alike) => {
    const [first, ...rest] = alike.map(({ row }) => table.rows[row]);
    const runs = [...new Set([first, ...rest].map((row) => row.run))];
    const methods = [...new Set([first, ...rest].map((row) => row.method))];
    if (runs.length === 1) return `vlmeval compare ${first.run}${methods.map((m) => ` --method ${m}`).join("")}`;
    if (methods.length === 1) return `vlmeval compare ${runs.join(" ")} --method ${first.method}`;
    return rest.filter((row) => row.run !== first.run || row.method !== first.method).map((row) => (row.run === first.run
      ? `vlmeval compare ${first.run} --method ${first.method} --method ${row.method}`
      : `vlmeval compare ${first.run} ${row.run} --method ${first.method}=${row.method}`)).join("\n");
  };

  const fill = () => {
    const { table, alike, others } = together();
    inside.replaceChildren();
    if (others) {
      inside.append(make("p", { class: "alert" }, `${others} ticked row${others === 1 ? " stands" : "s stand"} in another table. Numbers of different tables answer different questions and are not put side by side.`));
    }
    if (alike.length < 2) {
      inside.append(make("p", { class: "note" }, "Tick two or more rows of one table."));
      return;
    }
    const first = rowOf(alike[0].id);
    const lines = ["rank", null, ...table.columns].map((column, c) => column && cellLine(table, alike, column, c)).filter((line) => line);
    const shown = make("table", { class: "board sides" }, make("caption", {}, "The ticked rows, and how far they lie from the first in paired differences on the same samples."),
      make("thead", {}, make("tr", {}, make("td", {}), ...alike.map(heading))), make("tbody", {}, ...lines, ...differenceLines(table, alike)));
    const name = first.closest("section").querySelector("h2").firstChild.textContent;
    inside.append(make("h3", {}, name), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table: ticked rows" }, shown));
    if (!table.pairs.length) inside.append(byRanks(table, alike));
    inside.append(make("p", { class: "note" }, "Every metric, condition and skin tone, with tests, and which cases the two answer differently:"),
      make("pre", { tabindex: "0" }, make("code", {}, commandOf(table, alike))));
  };

  /** Show the ticked rows side by side, or fold the section away. */
  const show = (open) => {
    section.hidden = !open || state.rows.size < 2;
    if (!section.hidden) fill();
  };
  vlmeval.board.compare = { show, isOpen: () => !section.hidden };
})();
