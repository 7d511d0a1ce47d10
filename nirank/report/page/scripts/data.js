/* What Python wrote into the page. Names of systems and queries are values here and never keys. */
const page = JSON.parse(document.getElementById("page-data").textContent);

/* A text as addresses can hold it: half a character becomes U+FFFD. */
const wellFormed = (text) => new URLSearchParams([["x", text]]).get("x");

for (const set of page.sets) {
  set.key = set.folder ?? set.title;
  set.nouns = set.unit === "pair" ? ["record", "records"] : ["query", "queries"];
  set.stageNames = new Map(set.stages);
  set.places = new Map(set.ids.map((id, at) => [wellFormed(id), at]));
}

const measureNumber = (name) => page.measures.findIndex((measure) => measure.name === name);
const setNumber = (key) => page.sets.findIndex((set) => wellFormed(set.key) === key);
const systemNumber = (set, name) => set.systems.findIndex((system) => wellFormed(system) === name);
const boardOfSet = (number) => page.boards.find((board) => board.set === number);

/* The systems of a set that its leaderboard shows, without single seeds where their mean is there too. */
function mainSystems(set) {
  const numbers = set.systems.map((_, at) => at);
  return numbers.filter((at) => set.seedOf[at] === null || !set.systems.includes(set.seedOf[at]));
}

/* The measures that a set has values of. */
function measuresOf(set) {
  const numbers = page.measures.map((_, at) => at);
  return numbers.filter((at) => set.values.some((values) => values[at].some((value) => value !== null)));
}

/* How far system a is ahead of system b on a measure, as the tests found it; null: not compared. */
function compareSystems(board, measure, a, b) {
  if (!board) return null;
  for (const [of, first, second, difference, low, high, p] of board.pairs) {
    if (of !== measure) continue;
    if (board.systems[first] === b && board.systems[second] === a) return { difference, low, high, p };
    if (board.systems[first] === a && board.systems[second] === b) {
      return { difference: -difference, low: -high, high: -low, p };
    }
  }
  return null;
}
