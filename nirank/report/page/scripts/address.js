/* What is shown stands in the address, so that it can be linked to and the back button works. */
function readAddress() {
  return location.hash.includes("=") ? new URLSearchParams(location.hash.slice(1)) : new URLSearchParams();
}

function formatAddress(values) {
  return `#${new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined))}`;
}

/* The address of two systems on a set, query by query, or of one query. */
function addressOfQueries(choice, query = null) {
  const set = page.sets[choice.set];
  const systems = { a: set.systems[choice.a], b: set.systems[choice.b], measure: page.measures[choice.measure]?.name };
  if (query === null) return formatAddress({ queries: set.key, ...systems });
  return formatAddress({ query: `${set.key}/${set.ids[query]}`, ...systems });
}

/* Read {set, a, b, measure, query} out of the address; null: it says nothing of queries. */
function readChoice() {
  const address = readAddress();
  const [key, id] = splitQuery(address);
  const number = setNumber(key);
  if (number < 0) return null;
  const set = page.sets[number];
  const choice = chooseSystems(number, measureNumber(address.get("measure")));
  const [a, b] = ["a", "b"].map((name) => systemNumber(set, address.get(name)));
  if (a >= 0) choice.a = a;
  if (b >= 0) choice.b = b;
  return { ...choice, query: id === null ? null : set.places.get(id) ?? -1 };
}

/* Names of folders have no slash, ids may; titles of sets without details may too, and are tried whole. */
function splitQuery(address) {
  const text = address.get("query");
  if (text === null) return [address.get("queries"), null];
  const known = page.sets.map((set) => wellFormed(set.key)).filter((key) => text.startsWith(`${key}/`));
  const key = known.sort((one, other) => other.length - one.length)[0] ?? "";
  return [key, text.slice(key.length + 1)];
}

/* The two systems that are worth a look first: the best one and the next. Without judgements, measure is -1. */
function chooseSystems(number, wanted = -1) {
  const set = page.sets[number];
  const measures = measuresOf(set);
  const measure = measures.includes(wanted) ? wanted : measures[0] ?? -1;
  const means = listMeans(set, measure);
  const turn = page.measures[measure]?.lower ? -1 : 1;
  const last = (at) => (Number.isNaN(means[at]) ? -Infinity : turn * means[at]);
  const order = mainSystems(set).sort((one, other) => last(other) - last(one) || one - other);
  const a = order[0] ?? 0;
  return { set: number, measure, a, b: order[1] ?? a };
}

/* The systems' means on a measure, computed once. */
function listMeans(set, measure) {
  set.means ??= new Map();
  if (!set.means.has(measure)) set.means.set(measure, set.values.map((values) => meanOf(values[measure] ?? [])));
  return set.means.get(measure);
}

function meanOf(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : NaN;
}
