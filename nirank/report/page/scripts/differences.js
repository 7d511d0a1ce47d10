/* Query by query: two systems on one measure, what is odd about a query, and the way to it. */
const PAGE = 50; // queries of the list that are shown at first, and more with each press
const SIGNS = [
  ["unjudged", "Unjudged in the top 10", (n) => `${n} unjudged`, "One of the two has documents among its first 10 that nobody judged"],
  ["lost", "Lost on the way", (n) => `${n} lost`, "A list on the way of one of the two had relevant documents among its first 10 that its last list has not"],
  ["later", "Later than the query", (n) => `${n} later`, "One of the two has documents among its first 10 that are dated after the query"],
];
const queries = { choice: null, search: "", signs: new Set(), sort: "difference", turn: -1, shown: PAGE, order: [], parts: null };

function startDifferences() {
  const section = find("#queries");
  if (!section) return;
  queries.parts = {
    chooser: make("div", { class: "chooser" }),
    tally: make("p", { class: "tally", role: "status" }),
    figure: make("div", {}),
    filters: make("div", { class: "filters" }),
    table: make("div", { class: "scroll queries", tabindex: "0", role: "region", "aria-label": "Queries" }),
    more: make("p", { class: "more-rows" }),
  };
  section.append(...Object.values(queries.parts));
  makeFilters();
  showChoice(chooseSystems(0));
}

/* Show two systems on a measure; what has not changed stays. */
function showChoice({ set, measure, a, b }) {
  const before = queries.choice;
  queries.choice = { set, measure, a, b };
  queries.shown = PAGE;
  if (!before || before.set !== set) {
    queries.signs.clear();
    makeFilters();
  }
  fillChooser();
  fillTally();
  fillQueries();
  drawDifferences();
}

function change(values) {
  const choice = { ...queries.choice, ...values };
  history.replaceState(null, "", addressOfQueries(choice));
  showChoice(choice);
}

function fillChooser() {
  const { set: number, measure, a, b } = queries.choice;
  const set = page.sets[number];
  const fields = [];
  if (page.sets.length > 1) {
    const sets = page.sets.map((each, at) => [at, each.title]);
    fields.push(["on", makeSelect(sets, number, (chosen) => change(chooseSystems(Number(chosen), measure)))]);
  }
  fields.push(["A", makeSystemSelect(set, a, (system) => change({ a: system }))]);
  fields.push(["B", makeSystemSelect(set, b, (system) => change({ b: system }))]);
  const measures = measuresOf(set).map((at) => [at, page.measures[at].name]);
  if (isJudged()) fields.push(["by", makeSelect(measures, measure, (chosen) => change({ measure: Number(chosen) }))]);
  const focused = document.activeElement?.dataset?.field;
  const labels = fields.map(([name, select]) => {
    select.dataset.field = name;
    return make("label", { class: "field" }, name, select);
  });
  labels.splice(fields.findIndex(([name]) => name === "B") + 1, 0, make("button", {
    class: "button", type: "button", "data-field": "swap", "aria-label": "Exchange A and B", onclick: () => change({ a: queries.choice.b, b: queries.choice.a }),
  }, "⇄"));
  queries.parts.chooser.replaceChildren(...labels);
  if (focused) find(`[data-field="${focused}"]`, queries.parts.chooser)?.focus();
}

/* The gain of A over B on each query, in the direction that is better; null: a value is lacking. */
function listGains({ set, measure, a, b }) {
  const { ids, values } = page.sets[set];
  const sign = page.measures[measure]?.lower ? -1 : 1;
  return ids.map((_, at) => {
    const [value, other] = [a, b].map((system) => values[system][measure]?.[at] ?? null);
    return value === null || other === null ? null : sign * (value - other);
  });
}

const isJudged = () => queries.choice.measure >= 0;

function fillTally() {
  if (!isJudged()) {
    const isJudgedAtAll = page.sets[queries.choice.set].relevant.some((n) => n > 0);
    queries.parts.tally.replaceChildren(isJudgedAtAll
      ? "These measures are no means, so that no record has a value of its own. The lists of each can be looked at."
      : "These queries have no judgements: their lists can be looked at, and not be measured.");
    return;
  }
  const { set, measure, a, b } = queries.choice;
  const { systems, nouns } = page.sets[set];
  const gains = listGains(queries.choice).filter((gain) => gain !== null);
  const { format, name } = page.measures[measure];
  const [wins, losses] = [gains.filter((gain) => gain > 0).length, gains.filter((gain) => gain < 0).length];
  const parts = [
    make("strong", {}, quote(systems[a])), " is ",
    make("strong", { class: "gain" }, `better on ${wins.toLocaleString("en")}`), ", ",
    make("strong", { class: "loss" }, `worse on ${losses.toLocaleString("en")}`),
    ` and equal on ${(gains.length - wins - losses).toLocaleString("en")} of ${count(gains.length, ...nouns)} against `,
    make("strong", {}, quote(systems[b])), `. `,
  ];
  const board = boardOfSet(set);
  const found = compareSystems(board, measure, systems[a], systems[b]);
  if (found) {
    const [difference, low, high] = [found.difference, found.low, found.high].map((value) => formatNumber(format, value, true));
    parts.push(`${name}: ${difference} on average (${Math.round(100 * (1 - board.alpha))} % interval ${low} to ${high}; ${formatP(found.p)}).`);
  }
  queries.parts.tally.replaceChildren(...parts);
}

function countSigns(name, at) {
  const { set, a, b } = queries.choice;
  const { signs } = page.sets[set];
  return Math.max(...[a, b].map((system) => signs[system]?.[name]?.[at] ?? 0));
}

function makeFilters() {
  const search = make("input", { type: "search", placeholder: "Search in queries", "aria-label": "Search in queries", value: queries.search });
  search.addEventListener("input", () => {
    queries.search = search.value;
    queries.shown = PAGE;
    fillQueries();
  });
  const set = page.sets[queries.choice?.set ?? 0];
  const known = SIGNS.filter(([name]) => set.signs.some((signs) => signs?.[name]));
  const boxes = known.map(([name, words, , help]) => {
    const box = makeBox(words, queries.signs.has(name), (on) => {
      queries.signs[on ? "add" : "delete"](name);
      queries.shown = PAGE;
      fillQueries();
    });
    explain(find("input", box), () => [[`${help}.`]], box);
    return box;
  });
  queries.parts.filters.replaceChildren(search, ...boxes, make("span", { class: "count", role: "status" }));
}

/* The queries that the filters leave, sorted. */
function listOrder(choice) {
  const { set, measure, a, b } = queries.choice ?? {};
  const isShown = set === choice.set && measure === choice.measure && a === choice.a && b === choice.b;
  return isShown ? queries.order : [];
}

function orderQueries() {
  const set = page.sets[queries.choice.set];
  const gains = listGains(queries.choice);
  const words = queries.search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (at) => {
    if (![...queries.signs].every((name) => countSigns(name, at) > 0)) return false;
    const text = `${set.ids[at]} ${set.texts[at] ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const keys = {
    id: (one, other) => set.ids[one].localeCompare(set.ids[other], "en", { numeric: true }),
    difference: (one, other) => gains[one] - gains[other],
    a: (one, other) => valueOf("a", one) - valueOf("a", other),
    b: (one, other) => valueOf("b", one) - valueOf("b", other),
    relevant: (one, other) => (set.relevant[one] ?? 0) - (set.relevant[other] ?? 0),
  };
  const numbers = set.ids.map((_, at) => at).filter((at) => (gains[at] !== null || !isJudged()) && fits(at));
  return numbers.sort((one, other) => queries.turn * keys[queries.sort](one, other) || one - other);
}

function valueOf(side, at) {
  const { set, measure } = queries.choice;
  return page.sets[set].values[queries.choice[side]][measure][at];
}

function fillQueries() {
  const set = page.sets[queries.choice.set];
  const gains = listGains(queries.choice);
  const largest = Math.max(1e-12, ...gains.map((gain) => Math.abs(gain ?? 0)));
  queries.order = orderQueries();
  const telling = listTelling(set);
  const rows = queries.order.slice(0, queries.shown).map((at) => makeQueryRow(set, at, gains[at], largest, telling));
  const { table, more, filters } = queries.parts;
  const focused = table.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
  const kind = set.ids.some((id) => id.length > 12) ? "long-ids" : "";
  table.replaceChildren(make("table", { class: kind }, makeQueryHead(set), make("tbody", {}, ...rows)));
  if (!rows.length) table.append(make("p", { class: "empty" }, "No query is like that."));
  if (focused) find(`[data-sort="${focused}"]`, table)?.focus();
  find(".count", filters).textContent = queries.order.length < set.ids.length
    ? `${queries.order.length.toLocaleString("en")} of ${count(set.ids.length, ...set.nouns)}` : "";
  const left = queries.order.length - queries.shown;
  more.replaceChildren();
  if (left > 0) {
    more.append(make("button", { class: "button", type: "button", onclick: () => {
      queries.shown += 4 * PAGE;
      fillQueries();
    } }, `Show ${Math.min(left, 4 * PAGE)} more of ${left.toLocaleString("en")}`));
  }
}

function makeQueryHead(set) {
  const columns = [["id", set.nouns[0], "text"]];
  if (isJudged()) columns.push(["a", "A"], ["b", "B"], ["difference", "gain of A"]);
  if (set.relevant.length) columns.push(["relevant", "relevant"]);
  const headings = columns.map(([key, words, kind]) => {
    const sorted = queries.sort === key ? (queries.turn > 0 ? "ascending" : "descending") : null;
    const button = make("button", { class: "sort", type: "button", "data-sort": key, onclick: () => {
      queries.turn = queries.sort === key ? -queries.turn : key === "id" ? 1 : -1;
      queries.sort = key;
      fillQueries();
    } }, words);
    return make("th", { scope: "col", class: kind, "aria-sort": sorted }, button);
  });
  headings.splice(1, 0, make("th", { scope: "col", class: "text" }, "what it asks"));
  return make("thead", {}, make("tr", {}, ...headings));
}

/* What nearly all queries have says nothing of one, and stands there only if it was asked for. */
function listTelling(set) {
  const isRare = (name) => set.ids.filter((_, at) => countSigns(name, at) > 0).length < 0.8 * set.ids.length;
  return SIGNS.filter(([name]) => queries.signs.has(name) || isRare(name));
}

function makeQueryRow(set, at, gain, largest, telling) {
  const bar = make("span", { class: `bar ${gain > 0 ? "gain" : "loss"}`, "aria-hidden": "true" });
  bar.style.setProperty("--size", String(Math.abs(gain) / largest));
  const signs = telling.map(([name, , words]) => [countSigns(name, at), words]).filter(([n]) => n > 0);
  const link = make("a", { href: addressOfQueries(queries.choice, at) }, quote(set.ids[at]));
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window
    event.preventDefault();
    event.stopPropagation();
    link.focus();
    goTo(queries.choice, at);
  };
  link.addEventListener("click", open);
  return make(
    "tr", { onclick: open },
    make("td", { class: "id" }, link),
    make("td", { class: "text" }, make("bdi", { dir: "auto" }, set.texts[at] ?? ""), " ", ...signs.map(([n, words]) => make("span", { class: "sign" }, words(n)))),
    ...makeValueCells(at, gain, bar),
    set.relevant.length ? make("td", {}, String(set.relevant[at])) : null,
  );
}

function makeValueCells(at, gain, bar) {
  if (!isJudged()) return [];
  const { format } = page.measures[queries.choice.measure];
  return [
    make("td", {}, formatNumber(format, valueOf("a", at))),
    make("td", {}, formatNumber(format, valueOf("b", at))),
    make("td", {}, formatNumber(format, gain, true), bar),
  ];
}
