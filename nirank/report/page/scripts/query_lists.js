/* The list of a system for a query: each document with its judgement, its way, and where the other list has it. */
function makeList(name, otherName, context) {
  const list = lookUp(context.query.lists, name);
  if (!list) return make("p", { class: "message" }, noList(name, context));
  const other = otherName === name ? undefined : lookUp(context.query.lists, otherName);
  const items = list.documents.map((id, at) => make(
    "li",
    { class: lookUp(context.query.judged, id) > 0 ? "relevant" : "" },
    make("span", { class: "rank" }, isOrdered(list) ? String(at + 1) : "·"),
    makeDocument(id, context, ...listFacts(list, at, other, otherName, context)),
  ));
  const whole = make("div", {});
  if (!isOrdered(list) && items.length) whole.append(make("p", { class: "faint" }, "Candidates without order."));
  if (items.length) whole.append(make(isOrdered(list) ? "ol" : "ul", { class: "list" }, ...items));
  else whole.append(make("p", { class: "faint" }, "Nothing was found."));
  if (list.missed?.length) whole.append(makeMissed(list, context));
  return whole;
}

/* Candidates of a blocker have no scores, and their places mean nothing. */
const isOrdered = (list) => (list.scores ?? []).some((score) => score !== null && score !== undefined);

function listFacts(list, at, other, otherName, context) {
  const id = list.documents[at];
  const score = list.scores?.[at];
  const facts = [makeGrade(context.query.judged, id)];
  if (score !== null && score !== undefined) facts.push(make("span", {}, `score ${formatScore(score)}`));
  if (other) {
    const isComparable = isOrdered(list) && isOrdered(other);
    const rank = other.documents.indexOf(id) + 1;
    if (!rank) facts.push(make("span", {}, `not in the first ${other.documents.length} of `, quote(otherName)));
    else facts.push(isComparable ? describeMove(at + 1, rank, otherName) : make("span", {}, "also in ", quote(otherName)));
  }
  return [...facts, ...(list.stages ?? []).map((stage) => describeStage(stage, at, context.set))];
}

function noList(name, { set }) {
  const seeds = set.systems.filter((_, at) => set.seedOf[at] === name);
  return seeds.length
    ? "This is the mean over seeds, which has no list of its own: choose one of its seeds."
    : "The details beside this page have no list of this system.";
}

const formatScore = (score) => String(Number(score.toPrecision(5)));

/* Where the other list has a document, and how far up or down it is here. */
function describeMove(rank, otherRank, otherName) {
  const moved = otherRank - rank;
  const sign = moved > 0 ? ` (↑ ${moved})` : moved < 0 ? ` (↓ ${-moved})` : " (same)";
  return make("span", {}, quote(otherName), ` ${otherRank}${sign}`);
}

const nameStage = (label, set) => set.stageNames.get(label) ?? label;

function describeStage(stage, at, set) {
  const rank = stage.ranks?.[at];
  const score = stage.scores?.[at];
  const words = rank === null || rank === undefined ? "not in it" : rank ? `rank ${rank}` : "in it, without order";
  const more = score === null || score === undefined ? "" : `, ${formatScore(score)}`;
  return make("span", {}, quote(nameStage(stage.stage, set)), `: ${words}${more}`);
}

function makeMissed(list, context) {
  const items = list.missed.map((each) => {
    const facts = [makeGrade({ x: each.grade }, "x")];
    facts.push(make("span", {}, each.rank ? `rank ${each.rank.toLocaleString("en")}` : "not in the list"));
    facts.push(
      each.last_in
        ? make("span", {}, "last seen in ", quote(nameStage(each.last_in, context.set)), each.last_rank ? ` at rank ${each.last_rank}` : "")
        : make("span", {}, "no list on the way had it"),
    );
    return make("li", {}, make("span", { class: "rank" }, "–"), makeDocument(each.document, context, ...facts));
  });
  const where = isOrdered(list) ? `among the first ${list.documents.length}` : "among the candidates";
  const title = make("h4", {}, `Relevant, not ${where} (${list.missed.length})`);
  return make("div", { class: "missed" }, title, make("ul", { class: "list" }, ...items));
}
