// The leaderboard: rows stand in the page and are hidden, shown and put in order. State and links: board-state.js;
// columns: board-columns.js; rows side by side: board-compare.js.
"use strict";
(() => {
  const { make, button } = vlmeval;
  const { state, tables, toHash, fromHash, columns, MOST_ROWS } = vlmeval.board;
  const CAP = 100; // rows of a table that are shown at first
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;

  const boards = [...document.querySelectorAll("table.board[data-table]")].map((table, t) => ({
    table, data: tables[t], section: table.closest("section"), body: table.tBodies[0], heads: [...table.tHead.rows[0].cells],
    rows: [...table.tBodies[0].rows], own: table.tHead.rows[0].cells.length, cap: CAP, order: null, more: null,
    charts: [...table.closest("section").querySelectorAll("[data-chart]")],
  }));

  // ---- which rows: all words of the search, and of every facet one of its ticked options
  const chosen = (row, words) => words.every((word) => row.words.includes(word))
    && state.facets.every((ticked, f) => ticked.size === 0 || row.facets[f].some((option) => ticked.has(option)));
  const wordsOf = (text) => text.normalize("NFKC").toLowerCase().split(/\s+/).filter((word) => word);

  // ---- in which order: what has no value goes last either way; the ranks' own order among equals
  const keyOf = (board, r, c) => {
    const cell = board.rows[r].cells[c];
    if (cell.dataset.sort !== undefined) return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
    return cell.textContent.trim().toLowerCase();
  };
  const compare = (a, b, up) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const found = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
    return up ? found : -found;
  };
  const orderOf = (board) => {
    const plain = board.rows.map((_, r) => r);
    const c = state.sort ? board.heads.findIndex((head) => head.dataset.column === state.sort.column) : -1;
    if (c < 0) return plain;
    const keys = plain.map((r) => keyOf(board, r, c));
    return plain.sort((a, b) => compare(keys[a], keys[b], state.sort.up) || a - b);
  };
  const arrange = (board) => {
    const order = orderOf(board);
    if (!board.order || order.some((r, i) => r !== board.order[i])) board.body.append(...order.map((r) => board.rows[r]));
    board.order = order;
    for (const head of board.heads) {
      if (state.sort && head.dataset.column === state.sort.column) head.setAttribute("aria-sort", state.sort.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };

  // ---- what is shown
  const showRows = (board, words) => {
    board.shown = board.data.rows.map((row) => chosen(row, words));
    let count = 0;
    for (const r of board.order) {
      count += board.shown[r] ? 1 : 0;
      board.rows[r].hidden = !board.shown[r] || count > board.cap;
    }
    board.count = count;
    board.section.hidden = Boolean(state.table) && state.table !== board.data.id;
    board.more.parentElement.hidden = count <= board.cap;
    board.more.textContent = `Show all ${count.toLocaleString("en")} rows`;
    board.empty.hidden = count > 0;
  };
  const showColumns = (board) => {
    board.heads.forEach((head, c) => {
      const hidden = state.hidden.has(head.dataset.column);
      if (head.hidden === hidden) return;
      head.hidden = hidden;
      for (const row of board.rows) row.cells[c].hidden = hidden;
    });
  };
  const draw = (board) => {
    const picked = board.data.rows.map((row) => state.rows.has(`${board.data.id}.${row.id}`));
    for (const box of board.charts) {
      const view = vlmeval.charts.viewOf(box);
      if (view) view.signal("shown", board.shown).signal("chosen", picked).runAsync();
    }
  };
  // The plots follow a moment later: rows answer every letter of a search at once.
  const plot = (board) => {
    clearTimeout(board.waiting);
    board.waiting = setTimeout(() => draw(board), 120);
  };
  const tell = (unknown) => {
    const inSight = boards.filter((board) => !board.section.hidden);
    const [count, all] = [inSight.reduce((n, b) => n + b.count, 0), inSight.reduce((n, b) => n + b.rows.length, 0)];
    const rest = unknown ? ` ${unknown} part${unknown === 1 ? "" : "s"} of the link mean${unknown === 1 ? "s" : ""} nothing on this page and ${unknown === 1 ? "was" : "were"} left out.` : "";
    const text = `${count === all ? "" : `${count.toLocaleString("en")} of `}${all.toLocaleString("en")} row${all === 1 ? "" : "s"}${count === all ? "" : " shown"}.${rest}`;
    if ($("board-count").textContent !== text) $("board-count").textContent = text;
  };
  const remember = () => {
    const hash = toHash();
    if (hash === location.hash || (!hash && !location.hash.startsWith("#view"))) return;
    try { history.replaceState(null, "", hash || "#summary"); } catch { /* a page inside another may not: no link then */ }
  };

  /** Bring the page to the state; `kept`: the link already says it. */
  const update = ({ kept = false, unknown = 0 } = {}) => {
    const words = wordsOf(state.search);
    for (const board of boards) {
      columns.show(board);
      arrange(board);
      showRows(board, words);
      showColumns(board);
      plot(board);
    }
    for (const [id, box] of ticks) box.checked = state.rows.has(id);
    $("picked").hidden = state.rows.size === 0;
    $("picked").querySelector("output").textContent = `${state.rows.size} row${state.rows.size === 1 ? "" : "s"} ticked${state.rows.size >= MOST_ROWS ? ", no more fit side by side" : ""}`;
    $("picked-compare").disabled = state.rows.size < 2;
    vlmeval.board.compare.show(vlmeval.board.compare.isOpen());
    tell(unknown);
    if (!kept) remember();
  };

  // ---- ticks
  const ticks = new Map();
  const tick = (id, on) => {
    if (on && state.rows.size < MOST_ROWS) state.rows.add(id);
    else state.rows.delete(id);
    update();
  };
  vlmeval.board.update = update;
  vlmeval.board.untick = (id) => tick(id, false);
  const tickable = (board) => board.rows.forEach((row, r) => {
    const id = `${board.data.id}.${board.data.rows[r].id}`;
    const box = make("input", { type: "checkbox", class: "tick", "aria-label": `Compare ${board.data.rows[r].label}` });
    box.addEventListener("change", () => tick(id, box.checked));
    row.cells[0].prepend(box);
    ticks.set(id, box);
  });

  // ---- rows that cannot be told apart from the one that is pointed at
  const link = (board) => {
    let marked = [];
    const mark = (row) => {
      for (const one of marked) one.classList.remove("tied");
      const r = row ? board.rows.indexOf(row) : -1;
      marked = r < 0 ? [] : board.data.rows[r].ties.flatMap(([first, last]) => board.rows.slice(first, last + 1));
      for (const one of marked) one.classList.add("tied");
    };
    for (const sign of ["mouseover", "focusin"]) board.body.addEventListener(sign, (event) => mark(event.target.closest("tr")));
    for (const sign of ["mouseleave", "focusout"]) board.body.addEventListener(sign, () => mark(null));
  };

  // ---- controls
  const boxes = [...document.querySelectorAll("input[data-facet]")];
  const labelPicked = () => {
    for (const facet of document.querySelectorAll(".facet")) {
      const boxes = [...facet.querySelectorAll("input")];
      const all = facet.id === "board-columns";
      const count = boxes.filter((box) => box.checked !== all).length;
      facet.querySelector(".picked").textContent = count ? (all ? ` (${count} hidden)` : ` (${count})`) : "";
    }
  };
  const offerColumns = () => {
    const place = $("board-columns").querySelector("fieldset");
    const seen = new Map(boards.flatMap((board) => board.heads.slice(2).map((head) => [head.dataset.column, head.querySelector("button").firstChild.textContent.trim()])));
    for (const [column, name] of seen) {
      const box = make("input", { type: "checkbox" });
      box.dataset.hides = column;
      box.addEventListener("change", () => { state.hidden[box.checked ? "delete" : "add"](column); labelPicked(); update(); });
      place.append(make("label", {}, box, ` ${name}`));
    }
  };
  const fillControls = () => {
    $("board-search").value = state.search;
    if ($("board-table")) $("board-table").value = state.table;
    for (const box of boxes) box.checked = state.facets[Number(box.dataset.facet)].has(Number(box.value));
    for (const box of document.querySelectorAll("input[data-hides]")) box.checked = !state.hidden.has(box.dataset.hides);
    labelPicked();
  };
  const listen = () => {
    $("board-search").addEventListener("input", (event) => { state.search = event.target.value.slice(0, 200); update(); });
    $("board-table")?.addEventListener("change", (event) => { state.table = event.target.value; update(); boards.find((b) => b.data.id === state.table)?.section.querySelectorAll("[data-chart]").forEach((box) => box.clientWidth && vlmeval.charts.draw(box)); });
    for (const box of boxes) {
      box.addEventListener("change", () => {
        state.facets[Number(box.dataset.facet)][box.checked ? "add" : "delete"](Number(box.value));
        labelPicked();
        update();
      });
    }
    $("board-reset").addEventListener("click", () => { vlmeval.board.reset(); fillControls(); update(); });
    $("board-link").addEventListener("click", async () => {
      const address = location.href.split("#")[0] + (toHash() || "");
      let done = true;
      try { await navigator.clipboard.writeText(address); } catch { done = false; }
      $("board-link").textContent = done ? "Link copied" : "The link stands in the address bar";
      setTimeout(() => { $("board-link").textContent = "Copy link to this view"; }, 2500);
    });
    $("picked-clear").addEventListener("click", () => { state.rows.clear(); update(); });
    $("picked-compare").addEventListener("click", () => {
      vlmeval.board.compare.show(true);
      $("compared-title").focus({ preventScroll: true });
      $("compared").scrollIntoView({ block: "start" });
    });
    window.addEventListener("hashchange", () => become(location.hash));
    document.addEventListener("click", (event) => { // one list is open at a time, none behind the reader's back
      for (const facet of document.querySelectorAll(".facet[open]")) if (!facet.contains(event.target)) facet.open = false;
    });
  };
  /** Show what a link says, if it is one to a view; say whether it was. */
  const become = (hash) => {
    const unknown = fromHash(hash);
    if (unknown === null) return false;
    fillControls();
    vlmeval.board.compare.show(state.rows.size > 1);
    update({ kept: true, unknown });
    return true;
  };

  // ---- plots: a click on a point goes to its row
  const follow = (board) => board.charts.forEach((box) => box.addEventListener("drawn", () => {
    plot(board);
    vlmeval.charts.viewOf(box).addEventListener("click", (_, item) => {
      const row = board.rows[item?.datum?.i];
      if (!row) return;
      if (row.hidden) { board.cap = Infinity; update(); }
      row.scrollIntoView({ block: "center" });
      row.querySelector("input").focus({ preventScroll: true });
    });
  }));

  for (const board of boards) {
    board.heads.forEach(columns.sortable);
    for (const row of board.rows) row.classList.remove("late"); // from here on `hidden` says what is shown
    board.more = button("", "", () => { board.cap = Infinity; update(); });
    board.more.removeAttribute("aria-label");
    board.empty = make("p", { class: "note", hidden: "" }, "No row of this table is like that.");
    board.table.closest(".scroll").after(make("p", { class: "more", hidden: "" }, board.more), board.empty);
    board.table.querySelector(".with-script").hidden = false;
    tickable(board);
    columns.offer(board);
    link(board);
    follow(board);
  }
  offerColumns();
  listen();
  $("choose").hidden = false;
  fillControls();
  if (!become(location.hash)) update({ kept: true });
  root.dataset.board = "done";
})();
