// The leaderboard's columns: headings that sort, and columns of single conditions, which a reader asks for.
"use strict";
(() => {
  const { make, button } = vlmeval;
  const { state } = vlmeval.board;

  // ---- columns of single conditions, on demand
  const classCell = (metric, r, i) => {
    const cell = metric.cells[r][i];
    if (cell === null || cell === undefined) return make("td", { class: "num hidden-cell", "data-sort": "" }, "—", make("span", { class: "sub" }, "not computed"));
    if (typeof cell === "number") return make("td", { class: "num hidden-cell", "data-sort": "" }, "—", make("span", { class: "sub" }, metric.reasons[cell]));
    const [value, low, high] = cell;
    const ends = low === null ? [] : [make("span", { class: "sub ci", "data-low": low, "data-high": high }, `${low.toFixed(3)}\u2013${high.toFixed(3)}`)];
    return make("td", { class: "num", "data-sort": value }, make("span", { class: "value" }, value.toFixed(3)), ...ends);
  };
  const showClasses = (board) => {
    const wanted = [...state.classes].filter((column) => column.startsWith(`${board.data.id}~`));
    const have = board.heads.slice(board.own).map((head) => head.dataset.column);
    if (wanted.length === have.length && wanted.every((column, i) => column === have[i])) return;
    for (const head of board.heads.splice(board.own)) head.remove();
    for (const row of board.rows) while (row.cells.length > board.own) row.lastElementChild.remove();
    for (const column of wanted) {
      const [, metricId, i] = column.split("~");
      const metric = board.data.classes.find((one) => one.id === metricId);
      const away = button("×", `Remove ${metric.name}, ${metric.names[i]}`, () => { state.classes.delete(column); forget(column); vlmeval.board.update(); });
      away.className = "away";
      const head = make("th", { scope: "col", class: "num", "data-column": column });
      if (metric.lower) head.dataset.lower = "";
      head.append(make("bdi", {}, metric.names[i]), " ", make("span", { class: "sub" }, metric.name));
      sortable(head);
      head.append(" ", away);
      board.table.tHead.rows[0].append(head);
      board.heads.push(head);
      board.rows.forEach((row, r) => row.append(classCell(metric, r, Number(i))));
    }
  };
  const forget = (column) => { if (state.sort?.column === column) state.sort = null; };
  const offerClasses = (board) => {
    if (!board.data.classes.length) return;
    const select = make("select", {}, make("option", { value: "" }, "choose a condition"));
    for (const metric of board.data.classes) {
      const group = make("optgroup", { label: metric.name });
      metric.names.forEach((name, i) => group.append(make("option", { value: `${board.data.id}~${metric.id}~${i}` }, name.slice(0, 90))));
      select.append(group);
    }
    select.addEventListener("change", () => {
      if (select.value) state.classes.add(select.value);
      select.value = "";
      vlmeval.board.update();
    });
    const place = board.section.querySelector(".class-columns");
    place.append(make("label", {}, "Add a column: ", select));
    place.hidden = false;
  };

  // ---- headings that sort: the better first, then the other way, then the ranks' order again
  const sortBy = (head) => {
    const column = head.dataset.column;
    const first = column === "name" || column === "rank" || head.dataset.lower !== undefined;
    if (state.sort?.column !== column) state.sort = { column, up: first };
    else state.sort = state.sort.up === first ? { column, up: !first } : null;
    vlmeval.board.update();
  };
  function sortable(head) {
    const link = head.querySelector("a"); // a link cannot stand in a button: it follows it as a question mark
    if (link) link.replaceWith(...link.childNodes);
    const scale = head.querySelector(".scale");
    scale?.remove();
    const made = make("button", { type: "button" }, ...head.childNodes);
    made.addEventListener("click", () => sortBy(head));
    head.append(made);
    if (link) {
      link.setAttribute("aria-label", `How it is computed: ${link.hash.replace("#metric-", "")}`);
      link.textContent = "?";
      link.className = "ask";
      head.append(" ", link);
    }
    if (scale) head.append(scale);
  }

  vlmeval.board.columns = { show: showClasses, offer: offerClasses, sortable };
})();
