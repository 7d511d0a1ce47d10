/* Elements are made of parts; texts become text nodes, and nothing is ever parsed as markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/* A text of a user or of data, whose direction must not turn what stands beside it. */
const quote = (text) => make("bdi", {}, text);

function find(selector, within = document) {
  return within.querySelector(selector);
}

function findAll(selector, within = document) {
  return [...within.querySelectorAll(selector)];
}

/* A select of [value, text] pairs. */
function makeSelect(options, value, onchange) {
  const select = make("select", { onchange: () => onchange(select.value) });
  for (const [key, text] of options) select.append(make("option", { value: String(key) }, text));
  select.value = String(value);
  return select;
}

function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
