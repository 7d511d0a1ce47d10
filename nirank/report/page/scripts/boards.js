/* Leaderboards: sorted by a click on a heading, single seeds unfolded, every value a way to its queries. */
function startBoards() {
  for (const section of findAll(".board")) {
    const board = page.boards[Number(section.dataset.board)];
    const table = find("table", section);
    const headings = findAll("thead th", table);
    const systems = groupLines(table);
    headings.forEach((heading, at) => makeSortable(table, heading, at, systems));
    systems.forEach(([line, ...seeds]) => seeds.length && makeFold(line, seeds));
    findAll("tbody tr", table).forEach((line, at) => linkValues(line, board, at));
  }
}

/* The lines of each system: its own, then those of its seeds. */
function groupLines(table) {
  const systems = [];
  for (const line of findAll("tbody tr", table)) {
    if (line.classList.contains("seed") && systems.length) systems[systems.length - 1].push(line);
    else systems.push([line]);
  }
  return systems;
}

/* The first click puts the best first, the second the worst, the third the order of the configuration. */
function makeSortable(table, heading, at, configured) {
  const button = make("button", { class: "sort", type: "button" }, ...heading.childNodes);
  heading.replaceChildren(button);
  if (heading.dataset.help) explain(button, () => [[heading.dataset.help]]);
  const first = at === 0 || heading.hasAttribute("data-ascends") ? "ascending" : "descending";
  const second = first === "ascending" ? "descending" : "ascending";
  button.addEventListener("click", () => {
    const before = heading.getAttribute("aria-sort");
    const next = before === null ? first : before === first ? second : null;
    findAll("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
    if (next) heading.setAttribute("aria-sort", next);
    const order = next ? sortLines(configured, at, next) : configured;
    find("tbody", table).append(...order.flat());
  });
}

/* Lines without a value stand last, whatever the direction. */
function sortLines(systems, at, direction) {
  const turn = direction === "ascending" ? 1 : -1;
  const compare = (one, other) => {
    if (at === 0) return turn * nameOf(one).localeCompare(nameOf(other), "en", { numeric: true });
    const [a, b] = [one, other].map((line) => line.cells[at].dataset.sort);
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return turn * (Number(a) - Number(b));
  };
  const sorted = systems.map(([line, ...seeds]) => [line, ...seeds.sort(compare)]);
  return sorted.sort(([one], [other]) => compare(one, other));
}

const nameOf = (line) => find(".system", line).textContent;

function makeFold(line, seeds) {
  const label = find(".seeds", line);
  const button = make("button", { class: "seeds", type: "button", "aria-expanded": "false" }, label.textContent);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(open));
    for (const seed of seeds) seed.hidden = !open;
  });
  label.replaceWith(button);
}

function linkValues(line, board, at) {
  const set = page.sets[board.set];
  const system = board.systems[at];
  const number = set ? set.systems.indexOf(system) : -1;
  page.measures.forEach((measure, of) => {
    const value = findValue(line, measure.name);
    if (!value) return;
    const describe = () => describeValue(board, of, system, line);
    if (number < 0 || !set.values[number][of]?.length) {
      explain(value, describe, value.closest("td"));
      return;
    }
    const choice = { set: board.set, measure: of, a: number, b: findRival(board, set, of, number) };
    const link = make("a", { href: addressOfQueries(choice) }, ...value.childNodes);
    value.append(link);
    explain(link, describe, value.closest("td"));
  });
}

/* The value's element in the column of a measure. */
function findValue(line, measure) {
  const headings = findAll("thead th", line.closest("table"));
  const at = headings.findIndex((heading) => heading.textContent === measure && heading.classList.contains("measure"));
  const cell = at < 0 ? null : line.cells[at];
  return cell && cell.dataset.sort !== undefined ? find(".value", cell) : null;
}

/* The system that another is compared with first: the baseline, or the best other one. */
function findRival(board, set, measure, system) {
  const baseline = set.systems.indexOf(board.baseline);
  if (baseline >= 0 && baseline !== system) return baseline;
  const best = chooseSystems(board.set, measure);
  return best.a === system ? best.b : best.a;
}

function describeValue(board, measure, system, line) {
  const { name, format, lower } = page.measures[measure];
  const value = Number(findValue(line, name).closest("td").dataset.sort);
  const paragraphs = [[make("strong", {}, quote(system)), ` ${name} ${formatNumber(format, value)}`]];
  const apart = [];
  const alike = [];
  for (const other of new Set(board.systems)) {
    const found = other === system ? null : compareSystems(board, measure, system, other);
    if (!found || found.p === null) continue;
    (found.p < board.alpha ? apart : alike).push([other, found]);
  }
  const better = apart.filter(([, found]) => (found.difference > 0) !== lower);
  const worse = apart.filter(([, found]) => (found.difference > 0) === lower);
  for (const [words, others] of [["Significantly better than ", better], ["Significantly worse than ", worse]]) {
    if (others.length) paragraphs.push([words, ...listNames(others, format), "."]);
  }
  if (alike.length) paragraphs.push(["Cannot be told apart from ", ...listNames(alike, null), "."]);
  return paragraphs;
}

/* Names, with the difference where a format is given; of many the first few. */
function listNames(others, format, shown = 6) {
  const names = others.slice(0, shown).flatMap(([name, found], at) => [
    at ? ", " : "",
    quote(name),
    format ? ` (${formatNumber(format, found.difference, true)}, ${formatP(found.p)})` : "",
  ]);
  return others.length > shown ? [...names, ` and ${others.length - shown} more`] : names;
}
