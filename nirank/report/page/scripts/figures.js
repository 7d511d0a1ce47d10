/* Charts, each drawn when it comes into sight, and the rest when there is time, so that paper has them all. Their colours
   follow the page's without being drawn again: `page.config` says light and dark at once. */
const OUT_OF_SIGHT = "900px"; // how near a chart comes before it is drawn

function startFigures() {
  if (typeof vegaEmbed === "undefined") return;
  const places = findAll("figure[data-figure]").map((frame) => [frame, page.figures[Number(frame.dataset.figure)]]);
  const waiting = new Map(places); // frame → figure
  const draw = (frame) => {
    const figure = waiting.get(frame);
    waiting.delete(frame);
    observer.unobserve(frame);
    return figure && drawFigure(frame, figure);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) draw(entry.target);
  }, { rootMargin: OUT_OF_SIGHT });
  for (const frame of waiting.keys()) observer.observe(frame);
  const whenIdle = window.requestIdleCallback ?? ((then) => setTimeout(then, 200));
  const drawNext = async () => {
    const [first] = waiting.keys();
    const frame = [...waiting.keys()].find((each) => !each.classList.contains("aside")) ?? first;
    if (!frame) return;
    await draw(frame);
    whenIdle(drawNext);
  };
  addEventListener("load", () => whenIdle(drawNext));
}

/* Fill a frame with the chart, its values as a table, and files of it; return Vega's view. */
async function drawFigure(frame, figure, values = null) {
  const plot = make("div", { class: "plot" });
  frame.append(plot);
  const width = frame.clientWidth - 34;
  const spec = fitSpec(figure.spec, width, values);
  if (spec.width !== "container") plot.classList.add("fixed");
  try {
    const { view: chart } = await vegaEmbed(plot, spec, embedOptions(page.config));
    describePlot(plot, figure);
    frame.append(makeFoot(figure, chart, spec, values === null));
    return chart;
  } catch (error) {
    plot.replaceChildren(make("p", { class: "empty" }, `This chart cannot be drawn: ${error.message}`));
    return null;
  }
}

/* To a screen reader a chart is an image with a name; what it says stands in the table of values below it. */
function describePlot(plot, figure) {
  const controls = find("form", plot);
  if (controls) plot.before(controls);
  plot.removeAttribute("aria-roledescription");
  find("svg", plot).setAttribute("aria-hidden", "true");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${figure.title}. ${figure.caption}`);
}

const embedOptions = (config) => ({
  mode: "vega-lite", renderer: "svg", actions: false, config, loader: NO_LOADER, logLevel: ERRORS,
});

const ERRORS = 1; // vega.Error; what Vega warns of is no reader's business

/* Vega reads no files and follows no links. */
const NO_LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

async function refuse() {
  throw new Error("charts load nothing");
}

/* Small multiples stand in as many columns as there is room for. */
function fitSpec(spec, width, values) {
  const fitted = { ...spec };
  const cell = spec.usermeta?.cell;
  if (cell && spec.columns) fitted.columns = Math.max(1, Math.floor(width / cell));
  if (values) fitted.data = { ...spec.data, values };
  return fitted;
}

function makeFoot(figure, chart, spec, hasValues) {
  const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Values: ${figure.title}` });
  const folded = make("details", { class: "apart" }, make("summary", {}, "Values"), table);
  folded.addEventListener("toggle", () => folded.open && !table.hasChildNodes() && fillValues(table, spec));
  const files = ["svg", "png"].map((kind) => make(
    "button", { class: "link", type: "button", "aria-label": `${kind.toUpperCase()} of ${figure.title}`, onclick: () => saveFigure(figure, chart, spec, kind) },
    kind.toUpperCase(),
  ));
  return make("div", { class: "figure-foot" }, hasValues ? folded : make("span"), make("span", { class: "files-of" }, files[0], " · ", files[1]));
}

/* The records that a chart is drawn from. */
function listRecords(spec) {
  const sources = [spec.data, ...Object.values(spec.datasets ?? {}), ...(spec.layer ?? []).map((layer) => layer.data)];
  const records = sources.map((source) => (Array.isArray(source) ? source : source?.values) ?? []);
  return records.reduce((most, each) => (each.length > most.length ? each : most), []);
}

const MOST_RECORDS = 500;

function fillValues(table, spec) {
  const records = listRecords(spec);
  const names = [...new Set(records.slice(0, MOST_RECORDS).flatMap(Object.keys))];
  const show = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const rows = records.slice(0, MOST_RECORDS).map((record) => make(
    "tr", {}, ...names.map((name) => make("td", { class: typeof record[name] === "number" ? null : "text" }, quote(show(record[name])))),
  ));
  table.append(make(
    "table", { class: "plain" },
    make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", class: "text" }, name)))),
    make("tbody", {}, ...rows),
  ));
  if (records.length > MOST_RECORDS) table.append(make("p", { class: "empty" }, `The first ${MOST_RECORDS} of ${count(records.length, "record")}.`));
}

/* A file of the chart on light ground, as papers want it. */
async function saveFigure(figure, chart, spec, kind) {
  const place = make("div", { style: "position:absolute; left:-9999px; width:46rem" });
  document.body.append(place);
  const still = { ...spec, ...(kind === "png" ? { background: "#ffffff" } : {}) };
  const { view: light } = await vegaEmbed(place, still, embedOptions(page.lightConfig));
  const chosen = page.measures.length && "measure" in (chart.getState().signals ?? {}) ? chart.signal("measure") : null;
  if (chosen !== null) await light.signal("measure", chosen).runAsync();
  const url = kind === "svg"
    ? URL.createObjectURL(new Blob([await light.toSVG()], { type: "image/svg+xml" }))
    : await light.toImageURL("png", 2);
  make("a", { href: url, download: `${figure.id}.${kind}` }).click();
  light.finalize();
  place.remove();
}

/* The chart of query by query: its values are those of the two systems that are chosen. */
let differenceChart = null; // promise of Vega's view

async function drawDifferences() {
  const figure = page.figures.find((each) => each.data_name === "differences");
  if (!figure || typeof vegaEmbed === "undefined") return;
  const values = listDifferences();
  queries.parts.figure.hidden = !values.length;
  if (!values.length) return;
  if (differenceChart === null) {
    const frame = make("figure", { id: "figure-differences" });
    queries.parts.figure.append(frame);
    differenceChart = drawFigure(frame, figure, values).then((chart) => {
      chart?.addSignalListener("chosen", (_, chosen) => {
        const at = chosen.query ? page.sets[queries.choice.set].ids.indexOf(chosen.query[0]) : -1;
        if (at >= 0) goTo(queries.choice, at);
      });
      return chart;
    });
    return;
  }
  const chart = await differenceChart;
  await chart?.data("differences", listDifferences()).runAsync();
}

function listDifferences() {
  const set = page.sets[queries.choice.set];
  const gains = listGains(queries.choice);
  const order = set.ids.map((_, at) => at).filter((at) => gains[at] !== null);
  order.sort((one, other) => gains[other] - gains[one] || one - other);
  return order.map((at, place) => ({
    at: place, query: set.ids[at], text: set.texts[at] ?? "", a: valueOf("a", at), b: valueOf("b", at), difference: gains[at],
  }));
}
