/* The list of a system for a query: each document with its judgement, its way, and where the other list has it. */
function makeList(name, otherName, context) {
  const { query } = context;
  const list = lookUp(query.lists, name);
  if (!list) return make("p", { class: "message" }, noList(name, context));
  const other = lookUp(query.lists, otherName);
  const stages = (list.stages ?? []).filter((stage) => !isItself(stage));
  const items = list.documents.map((id, at) => {
    const facts = [makeGrade(query.judged, id)];
    const score = list.scores?.[at];
    if (score !== null && score !== undefined) facts.push(make("span", {}, `score ${formatScore(score)}`));
    if (other && otherName !== name) facts.push(describeMove(at + 1, other.documents.indexOf(id) + 1, other, otherName));
    for (const stage of stages) facts.push(describeStage(stage, at, context.set));
    return make(
      "li",
      { class: lookUp(query.judged, id) > 0 ? "relevant" : "" },
      make("span", { class: "rank" }, String(at + 1)),
      makeDocument(id, context, ...facts),
    );
  });
  const whole = make("div", {});
  if (items.length) whole.append(make("ol", { class: "list" }, ...items));
  else whole.append(make("p", { class: "faint" }, "Nothing was found."));
  if (list.missed?.length) whole.append(makeMissed(list.missed, list.documents.length, context));
  return whole;
}

function noList(name, { set }) {
  const seeds = set.systems.filter((_, at) => set.seedOf[at] === name);
  return seeds.length
    ? "This is the mean over seeds, which has no list of its own: choose one of its seeds."
    : "The details beside this page have no list of this system.";
}

const formatScore = (score) => String(Number(score.toPrecision(5)));

/* Where the other list has a document, and how far up or down it is here. */
function describeMove(rank, otherRank, other, otherName) {
  if (!otherRank) return make("span", {}, `not in the first ${other.documents.length} of `, quote(otherName));
  const moved = otherRank - rank;
  const sign = moved > 0 ? ` (↑ ${moved})` : moved < 0 ? ` (↓ ${-moved})` : " (same)";
  return make("span", {}, quote(otherName), ` ${otherRank}${sign}`);
}

/* The last list of a system's way is its own. */
const isItself = (stage) => stage.ranks?.every((rank, at) => rank === at + 1);

const nameStage = (label, set) => set.stageNames.get(label) ?? label;

function describeStage(stage, at, set) {
  const rank = stage.ranks?.[at];
  const score = stage.scores?.[at];
  const words = rank === null || rank === undefined ? "not in it" : rank ? `rank ${rank}` : "in it, without order";
  const more = score === null || score === undefined ? "" : `, ${formatScore(score)}`;
  return make("span", {}, quote(nameStage(stage.stage, set)), `: ${words}${more}`);
}

function makeMissed(missed, length, context) {
  const items = missed.map((each) => {
    const facts = [makeGrade({ x: each.grade }, "x")];
    facts.push(make("span", {}, each.rank ? `rank ${each.rank.toLocaleString("en")}` : "not in the list"));
    facts.push(
      each.last_in
        ? make("span", {}, "last seen in ", quote(nameStage(each.last_in, context.set)), each.last_rank ? ` at rank ${each.last_rank}` : "")
        : make("span", {}, "no list on the way had it"),
    );
    return make("li", {}, make("span", { class: "rank" }, "–"), makeDocument(each.document, context, ...facts));
  });
  const title = make("h4", {}, `Relevant, not among the first ${length} (${missed.length})`);
  return make("div", { class: "missed" }, title, make("ul", { class: "list" }, ...items));
}
