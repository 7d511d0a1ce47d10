/* One query: its text, its judgements, two systems' lists side by side. What it shows is what the address says. */
const view = { dialog: null, head: null, body: null, opener: null, number: 0 };

function startQueryView() {
  view.head = make("div", { class: "query-head" });
  view.body = make("div", { class: "query-body", tabindex: "-1" });
  view.dialog = make("dialog", { "aria-labelledby": "query-title" }, view.head, view.body);
  view.dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leaveQuery();
  });
  view.dialog.addEventListener("click", (event) => event.target === view.dialog && leaveQuery());
  document.body.append(view.dialog);
}

/* Back to where the query was opened from, so that the back button does not open it again. */
function leaveQuery() {
  const choice = readChoice();
  if (history.state?.opened) history.back();
  else location.replace(choice ? addressOfQueries(choice) : "#queries");
}

function goTo(choice, query) {
  const opened = view.dialog.open ? history.state?.opened : true;
  const address = addressOfQueries(choice, query);
  if (view.dialog.open) history.replaceState({ opened }, "", address);
  else history.pushState({ opened }, "", address);
  followAddress();
}

function closeQuery() {
  if (!view.dialog?.open) return;
  view.dialog.close();
  view.opener?.focus?.();
}

async function showQuery(choice) {
  const set = page.sets[choice.set];
  const turn = ++view.number;
  const isNew = !view.dialog.open;
  fillHead(set, choice);
  view.body.replaceChildren(make("p", { class: "faint" }, "…"));
  if (isNew) {
    view.opener = document.activeElement;
    view.dialog.showModal();
  }
  view.body.scrollTop = 0;
  const known = choice.query >= 0 ? set.texts[choice.query] ?? "" : "";
  let details = null;
  try {
    if (choice.query < 0) throw new Error("no such query");
    if (set.folder === null) throw new Error("no details");
    details = await loadQuery(set, choice.query);
  } catch (error) {
    if (turn === view.number) view.body.replaceChildren(...describeAbsence(set, choice, known, error));
    return;
  }
  if (turn === view.number) fillView(set, choice, details);
}

function fillHead(set, choice) {
  const order = listOrder(choice);
  const at = order.indexOf(choice.query);
  const step = (to, words, sign) => make("button", {
    class: "button", type: "button", "aria-label": words, disabled: at < 0 || order[to] === undefined,
    onclick: () => goTo(choice, order[to]),
  }, sign);
  const title = choice.query < 0 ? "No such query" : set.ids[choice.query];
  view.head.replaceChildren(
    make("h2", { id: "query-title" }, make("span", { class: "faint" }, set.unit === "pair" ? "Record " : "Query "), quote(title)),
    step(at - 1, "Previous query of the list", "←"),
    step(at + 1, "Next query of the list", "→"),
    make("button", { class: "button", type: "button", onclick: leaveQuery, "aria-label": "Close" }, "✕"),
  );
}

function describeAbsence(set, choice, known, error) {
  if (choice.query < 0) return [make("p", { class: "message" }, "This leaderboard has no such query.")];
  let words = `Details were written for ${(set.detailed ?? []).length} of ${count(set.ids.length, ...set.nouns)}, and not for this one.`;
  if (set.folder === null) words = "No details of single queries were written for this leaderboard.";
  else if (error.file) {
    words = `The lists of this query are in ${error.file}, beside this page, which is not there or not whole. Copy the whole folder of results.`;
  }
  return [
    make("p", { class: "query-text", dir: "auto" }, known),
    make("p", { class: "message" }, words),
    make("div", { class: "versus" }, makeSide(set, choice, "a", null), makeSide(set, choice, "b", null)),
  ];
}

function fillView(set, choice, { query, documents }) {
  const context = { set, query, documents, stems: listStems(query.text) };
  const judged = Object.values(query.judged ?? {});
  const relevant = judged.filter((grade) => grade > 0).length;
  const facts = [count(judged.length, "judgement"), `${relevant} relevant`];
  if (query.date) facts.push(query.date);
  const cut = query.characters - query.text.length;
  const text = make("p", { class: "query-text", dir: "auto" }, query.text);
  if (cut > 0) text.append(make("span", { class: "faint" }, ` … ${count(cut, "more character")}`));
  view.body.replaceChildren(
    text,
    make("p", { class: "query-facts" }, facts.join(" · ")),
    make("div", { class: "versus" }, makeSide(set, choice, "a", context), makeSide(set, choice, "b", context)),
  );
}

/* One half: which system, its values for the query, its list. */
function makeSide(set, choice, side, context) {
  const other = side === "a" ? "b" : "a";
  const select = makeSystemSelect(set, choice[side], (system) => goTo({ ...choice, [side]: system }, choice.query));
  select.setAttribute("aria-label", `System ${side.toUpperCase()}`);
  const values = measuresOf(set).map((measure) => make(
    "span", {}, `${page.measures[measure].name} `,
    make("b", {}, formatNumber(page.measures[measure].format, set.values[choice[side]][measure][choice.query] ?? null)),
  ));
  return make(
    "section", { class: "side", "aria-label": `System ${side.toUpperCase()}: ${set.systems[choice[side]]}` },
    make("h3", {}, select),
    make("p", { class: "values" }, ...values),
    context && makeList(set.systems[choice[side]], set.systems[choice[other]], context),
  );
}

/* The systems of a set; single seeds stand in groups. */
function makeSystemSelect(set, value, onchange) {
  const select = makeSelect([], value, (chosen) => onchange(Number(chosen)));
  const groups = new Map();
  const main = new Set(mainSystems(set));
  set.systems.forEach((name, at) => {
    const option = make("option", { value: String(at) }, name);
    if (main.has(at)) {
      select.append(option);
      return;
    }
    if (!groups.has(set.seedOf[at])) groups.set(set.seedOf[at], make("optgroup", { label: `Seeds of ${set.seedOf[at]}` }));
    groups.get(set.seedOf[at]).append(option);
  });
  select.append(...groups.values());
  select.value = String(value);
  return select;
}
