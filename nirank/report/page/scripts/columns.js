/* Which lines and columns of the leaderboards are shown. */
function startColumns() {
  const boards = findAll(".board");
  if (!boards.length) return;
  const shown = make("span", { class: "count", role: "status" });
  const search = make("input", { type: "search", placeholder: "Filter systems", "aria-label": "Filter systems" });
  search.addEventListener("input", () => filterLines(boards, search.value, shown));
  find("#board-tools").append(shown, search, makeMenu(boards));
}

/* A system is shown if all words of the text are in its name, or in what is said of it in words, such as zero-shot. */
function filterLines(boards, text, shown) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const names = new Set();
  const kept = new Set();
  for (const board of boards) {
    for (const [line, ...seeds] of groupLines(find("table", board))) {
      const name = nameOf(line);
      const said = findAll("td.extra:not([data-sort])", line).map((cell) => cell.textContent);
      const fits = words.every((word) => [name, ...said].some((part) => part.toLowerCase().includes(word)));
      const unfolded = find("button.seeds", line)?.getAttribute("aria-expanded") === "true";
      names.add(name);
      if (fits) kept.add(name);
      line.hidden = !fits;
      for (const seed of seeds) seed.hidden = !fits || !unfolded;
    }
  }
  shown.textContent = words.length ? `${kept.size} of ${count(names.size, "system")}` : "";
}

function makeMenu(boards) {
  const headings = boards.flatMap((board) => findAll("thead th", board).slice(1));
  const names = [...new Set(headings.map((heading) => heading.textContent))];
  const boxes = make("fieldset", {}, make("legend", {}, "Shown in all tables"));
  if (find(".whisker")) {
    boxes.append(makeBox("intervals", true, (on) => {
      document.documentElement.classList.toggle("without-intervals", !on);
    }));
  }
  for (const name of names) {
    const isShown = headings.some((heading) => heading.textContent === name && !heading.hidden);
    boxes.append(makeBox(name, isShown, (on) => showColumn(boards, name, on)));
  }
  const menu = make("details", { class: "menu" }, make("summary", { class: "button" }, "Columns"), boxes);
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    find("summary", menu).focus();
  });
  return menu;
}

function makeBox(name, checked, onchange) {
  const box = make("input", { type: "checkbox", checked });
  box.addEventListener("change", () => onchange(box.checked));
  return make("label", { class: "check" }, box, quote(name));
}

function showColumn(boards, name, on) {
  for (const board of boards) {
    const table = find("table", board);
    findAll("thead th", table).forEach((heading, at) => {
      if (heading.textContent !== name) return;
      for (const line of table.rows) line.cells[at].hidden = !on;
    });
  }
}
