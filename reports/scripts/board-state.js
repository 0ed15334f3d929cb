// What a reader has chosen on the leaderboard, and the same as a link: `#view&search=...&family=...&sort=...`. A link is
// somebody else's text: only what this page knows is taken from it, the rest is counted and left out.
"use strict";
(() => {
  const MARK = "#view";
  const LONGEST = 20000;
  const MOST_ROWS = 8; // side by side
  const { facets, tables } = vlmeval.read("board-data");

  const known = {
    tables: new Map(tables.map((table) => [table.id, table])),
    columns: new Set(tables.flatMap((table) => ["rank", "name", ...table.columns])),
    rows: new Map(tables.flatMap((table, t) => table.rows.map((row, r) => [`${table.id}.${row.id}`, { table: t, row: r }]))),
    classes: new Set(tables.flatMap((table) => table.classes.flatMap((m) => m.ids.map((_, i) => `${table.id}~${m.id}~${i}`)))),
  };
  const places = facets.map((facet) => new Map(facet.options.map((option, i) => [option, i])));

  /** Nothing chosen: everything is shown in the order of the ranks. */
  const nothing = () => ({
    search: "", table: "", facets: facets.map(() => new Set()), sort: null, hidden: new Set(), classes: new Set(), rows: new Set(),
  });
  const state = nothing();

  /** What the state says, as the part of a link after the page's address; empty where nothing is chosen. */
  const toHash = () => {
    const said = new URLSearchParams();
    if (state.search) said.set("search", state.search);
    if (state.table) said.set("table", state.table);
    facets.forEach((facet, f) => { for (const o of state.facets[f]) said.append(facet.id, facet.options[o]); });
    if (state.sort) said.set("sort", `${state.sort.column}.${state.sort.up ? "up" : "down"}`);
    for (const column of state.hidden) said.append("without", column);
    for (const column of state.classes) said.append("class", column);
    for (const row of state.rows) said.append("row", row);
    const text = said.toString();
    return text ? `${MARK}&${text}` : "";
  };

  const sortOf = (text) => {
    const [, column, way] = /^(.{1,80})\.(up|down)$/s.exec(text) ?? [];
    return known.columns.has(column) ? { column, up: way === "up" } : null;
  };
  /** Take one part of a link; say whether it means something here. */
  const take = (key, value) => {
    const add = (set, known) => known && Boolean(set.add(value));
    if (key === "search") { state.search = value.slice(0, 200); return true; }
    if (key === "table") { if (known.tables.has(value)) state.table = value; return known.tables.has(value); }
    if (key === "sort") { state.sort = sortOf(value); return state.sort !== null; }
    if (key === "without") return add(state.hidden, known.columns.has(value));
    if (key === "class") return add(state.classes, known.classes.has(value));
    if (key === "row") return state.rows.size < MOST_ROWS && add(state.rows, known.rows.has(value));
    const f = facets.findIndex((facet) => facet.id === key);
    const option = f < 0 ? undefined : places[f].get(value);
    if (option !== undefined) state.facets[f].add(option);
    return option !== undefined;
  };

  /** Become what a link says. Return null for a link that is none of ours, else how many of its parts mean nothing. */
  const fromHash = (hash) => {
    if (hash !== MARK && !hash.startsWith(`${MARK}&`)) return null;
    Object.assign(state, nothing());
    if (hash.length > LONGEST) return 1;
    let unknown = 0;
    for (const [key, value] of new URLSearchParams(hash.slice(MARK.length))) unknown += take(key, value) ? 0 : 1;
    return unknown;
  };

  const reset = () => Object.assign(state, nothing());
  vlmeval.board = { state, facets, tables, known, toHash, fromHash, reset, MOST_ROWS };
})();
