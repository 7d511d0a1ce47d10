"use strict";

// Everything that comes from documents, queries and names is set as text, never as HTML.

const byId = (id) => document.getElementById(id);
const state = { served: null, asked: 0 };

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

async function ask(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer; was it stopped?");
  }
  const body = await reply.json().catch(() => ({ error: `the server answered with status ${reply.status}` }));
  if (!reply.ok) throw new Error(body.error);
  return body;
}

function say(text, isError = false) {
  byId("status").textContent = text;
  byId("status").className = isError ? "error" : "";
}

function getCollection() {
  return state.served.collections.find((one) => one.name === byId("collection").value);
}

function fillSystems() {
  const systems = getCollection().systems;
  for (const [id, first] of [["system-a", []], ["system-b", [new Option("none", "")]]]) {
    const select = byId(id);
    const chosen = select.value;
    const options = systems.map((system) => {
      const option = new Option(system.refusal ? `${system.name} (cannot be asked)` : system.name, system.name);
      option.disabled = system.refusal !== null;
      option.title = system.refusal ?? "";
      return option;
    });
    select.replaceChildren(...first, ...options);
    const isThere = [...select.options].some((option) => option.value === chosen && !option.disabled);
    select.value = isThere ? chosen : ([...select.options].find((option) => !option.disabled)?.value ?? "");
  }
}

function formatMilliseconds(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function describeMove(answer, at) {
  const lists = answer.stages.slice(0, -1);
  return lists.map((list) => `${list.stage} ${list.ranks[at] ?? "–"}`).join(", ") + ` → ${at + 1}`;
}

function describeOther(other, id, rank) {
  if (!other) return null;
  const place = other.documents.findIndex((one) => one.id === id) + 1;
  const letter = other.letter;
  if (!place) return element("span", { textContent: `${letter}: –`, title: `not among the first of ${other.system}` });
  const moved = place - rank;
  const sign = moved > 0 ? "▲" : moved < 0 ? "▼" : "=";
  const kind = moved > 0 ? "up" : moved < 0 ? "down" : "";
  return element("span", { textContent: `${letter}: ${place} ${sign}`, className: kind, title: `rank ${place} in ${other.system}` });
}

async function openText(item, answer, at, button) {
  const open = item.querySelector(".text");
  if (open) {
    open.remove();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  button.setAttribute("aria-expanded", "true");
  const box = element("div", { className: "text", tabIndex: 0, textContent: answer.documents[at].text });
  item.lastElementChild.append(box);
  for (const passage of answer.passages[at]) {
    box.append(element("h3", { textContent: `${passage.fold}: ${passage.score.toPrecision(5)}` }), passage.text);
  }
  if (answer.documents[at].characters <= answer.documents[at].text.length) return;
  const id = encodeURIComponent(answer.documents[at].id);
  try {
    const whole = await ask(`api/documents/${id}?collection=${encodeURIComponent(answer.collection)}`);
    box.firstChild.data = whole.text;
  } catch (error) {
    box.append(element("p", { className: "down", textContent: error.message }));
  }
}

function makeItem(answer, other, at) {
  const one = answer.documents[at];
  const title = element("button", { type: "button", className: "title", textContent: one.title.trim() || one.text.slice(0, 120).trim() || "(no text)" });
  title.setAttribute("aria-expanded", "false");
  const facts = element(
    "div", { className: "facts" },
    element("span", { textContent: one.id }),
    element("span", { textContent: answer.scores[at].toPrecision(6), title: "score" }),
    one.date ? element("span", { textContent: one.date }) : null,
    answer.stages.length > 1 ? element("span", { textContent: describeMove(answer, at), title: "rank in each list on the way" }) : null,
    answer.matches[at].length ? element("span", { textContent: answer.matches[at].join(" "), title: "terms of the query" }) : null,
    describeOther(other, one.id, at + 1),
  );
  const item = element("li", {}, element("span", { className: "rank", textContent: String(at + 1) }), element("div", {}, title, facts));
  title.addEventListener("click", () => openText(item, answer, at, title));
  return item;
}

function makeStages(answer) {
  const head = ["stage", "in", "out", "time", "terms and texts"].map((text, at) => element("th", { textContent: text, className: at && at < 4 ? "number" : "" }));
  const rows = answer.trace.map((trace) => {
    const terms = trace.terms.map((term) => `${term.term} ${term.documents ? term.idf.toFixed(1) : "–"}`).join(", ");
    const cells = [trace.candidates_in, trace.candidates_out].map((n) => element("td", { className: "number", textContent: n === null ? "" : n.toLocaleString("en") }));
    return element(
      "tr", {},
      element("td", { textContent: trace.stage, title: trace.label }), ...cells,
      element("td", { className: "number", textContent: formatMilliseconds(trace.ms) }),
      element("td", { className: "note", textContent: terms || trace.text || "" }),
    );
  });
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  return element("details", {}, element("summary", { textContent: "Stage by stage" }), element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: `stages of ${answer.system}` }, table));
}

function makeList(answer, other) {
  const items = answer.documents.map((_, at) => makeItem(answer, other, at));
  const shared = other ? answer.documents.filter((one) => other.documents.some((its) => its.id === one.id)).length : null;
  const facts = `${answer.found.toLocaleString("en")} documents, ${formatMilliseconds(answer.ms)}` + (other ? `, ${shared} in both lists` : "");
  return element("section", {}, element("h2", { textContent: `${other ? answer.letter + ": " : ""}${answer.system}` }), element("p", { textContent: facts }), element("ol", {}, ...items), makeStages(answer));
}

async function search(event) {
  event?.preventDefault();
  const query = byId("query").value;
  if (!query.trim()) return byId("query").focus();
  const asked = ++state.asked;
  const systems = [byId("system-a").value, byId("system-b").value].filter(Boolean);
  const collection = byId("collection").value;
  const k = Number(byId("k").value) || 10;
  const address = new URLSearchParams({ q: query.slice(0, 1500), collection, a: systems[0] ?? "", b: systems[1] ?? "", k });
  history.replaceState(null, "", `?${address}`);
  say("searching…");
  try {
    const answers = await Promise.all(systems.map((system) => ask("api/search", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ system, query, collection, k }),
    })));
    if (asked !== state.asked) return;
    answers.forEach((answer, at) => { answer.letter = "AB"[at]; });
    byId("lists").replaceChildren(...answers.map((answer, at) => makeList(answer, answers[1 - at])));
    say(answers.every((answer) => !answer.documents.length) ? "no document" : "");
  } catch (error) {
    if (asked === state.asked) say(error.message, true);
  }
}

function move(by) {
  const titles = [...document.querySelectorAll("button.title")];
  if (!titles.length) return;
  const at = titles.indexOf(document.activeElement);
  titles[at < 0 ? 0 : Math.min(Math.max(at + by, 0), titles.length - 1)].focus();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("textarea, input, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const actions = { "/": () => byId("query").focus(), j: () => move(1), k: () => move(-1) };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  }
}

async function start() {
  byId("form").addEventListener("submit", search);
  byId("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) search(event);
  });
  document.addEventListener("keydown", onKey);
  try {
    state.served = await ask("api/systems");
  } catch (error) {
    return say(error.message, true);
  }
  const names = state.served.collections.map((one) => one.name);
  byId("collection").replaceChildren(...names.map((name) => new Option(name, name)));
  byId("collection-label").hidden = names.length < 2;
  byId("k").max = state.served.limits.k;
  byId("query").maxLength = state.served.limits.characters;
  const given = new URLSearchParams(location.search);
  if (names.includes(given.get("collection"))) byId("collection").value = given.get("collection");
  fillSystems();
  for (const [id, key] of [["system-a", "a"], ["system-b", "b"]]) {
    const option = [...byId(id).options].find((one) => one.value === given.get(key) && !one.disabled);
    if (option) byId(id).value = option.value;
  }
  if (Number(given.get("k")) > 0) byId("k").value = given.get("k");
  byId("collection").addEventListener("change", fillSystems);
  if (given.get("q")) {
    byId("query").value = given.get("q");
    search();
  }
}

start();
