/* A document in a list: its title opens its text, which is loaded then. */
const SHOWN = 4000; // characters of a text

function makeDocument(id, context, ...facts) {
  const [title, number, date] = lookUp(context.documents, id) ?? ["", null, null];
  const body = make("div", { class: "body", hidden: true, tabindex: "0" });
  const button = make(
    "button", { type: "button", "aria-expanded": "false" }, title ? markWords(title, context.stems) : quote(id),
  );
  button.addEventListener("click", () => {
    body.hidden = !body.hidden;
    button.setAttribute("aria-expanded", String(!body.hidden));
    if (!body.hidden && !body.hasChildNodes()) fillBody(body, id, number, context);
  });
  const meta = make("div", { class: "meta" }, ...facts);
  if (title) meta.append(make("span", {}, quote(id)));
  if (date) meta.append(make("span", {}, date));
  return make("div", { class: "document" }, button, meta, body);
}

async function fillBody(body, id, number, context) {
  body.replaceChildren("…");
  try {
    if (number === null || number === undefined) throw new Error("no text");
    const content = await loadDetails(context.set.folder, `texts-${pad(number)}`);
    const found = lookUp(content.documents, id);
    if (!found?.text) throw new Error("no text");
    const text = found.text.slice(0, SHOWN);
    const more = (found.characters ?? found.text.length) - text.length;
    body.replaceChildren(markWords(text, context.stems));
    if (more > 0) body.append(make("span", { class: "faint" }, ` … ${count(more, "more character")}`));
  } catch {
    body.replaceChildren(make("span", { class: "faint" }, "Its text is not beside this page."));
  }
}

/* What the judgements say, as a word and a sign. */
function makeGrade(judged, id) {
  const grade = lookUp(judged, id);
  if (grade === undefined) return make("span", { class: "grade unjudged" }, "? unjudged");
  if (grade > 0) return make("span", { class: "grade relevant" }, `✓ relevant${grade > 1 ? `, grade ${grade}` : ""}`);
  return make("span", { class: "grade not" }, "✗ not relevant");
}
