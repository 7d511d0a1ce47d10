/* Details lie in scripts beside the page, loaded when somebody asks: scripts, because a page opened as a file may not
   fetch. Each calls nirankDetails(name, content); content is JSON, as a text or as it is. */
const loaded = new Map(); // name → promise of the content
const arrived = new Map(); // name → content

window.nirankDetails = (name, content) => {
  arrived.set(name, typeof content === "string" ? JSON.parse(content) : content);
};

function loadDetails(folder, file) {
  const name = `${folder}/${file}`;
  if (!loaded.has(name)) {
    loaded.set(name, new Promise((resolve, reject) => {
      const script = make("script", { src: `details/${encodeURIComponent(folder)}/${file}.js` });
      script.addEventListener("load", () => {
        script.remove();
        if (arrived.has(name)) resolve(arrived.get(name));
        else reject(reportFile(name));
      });
      script.addEventListener("error", () => {
        script.remove();
        loaded.delete(name); // asked for again, should they be put there
        reject(reportFile(name));
      });
      document.head.append(script);
    }));
  }
  return loaded.get(name);
}

const reportFile = (name) => Object.assign(new Error("cannot be read"), { file: `details/${name}.js` });
const pad = (number) => String(number).padStart(4, "0");

/* Promise of {query, documents}: the details of a query, and [title, number of text script, date] of documents. */
async function loadQuery(set, at) {
  const place = set.detailed ? set.detailed.indexOf(at) : at;
  if (place < 0) throw new Error(`no details of query ${set.ids[at]}`);
  const content = await loadDetails(set.folder, `lists-${pad(Math.floor(place / set.perChunk))}`);
  const query = content.queries.find((each) => each.id === set.ids[at]);
  if (!query) throw reportFile(`${set.folder}/lists-${pad(Math.floor(place / set.perChunk))}`);
  return { query, documents: content.documents };
}

/* What stands under a name in an object of the details; names such as "constructor" are of no use to anybody else. */
function lookUp(object, name) {
  return object && Object.hasOwn(object, name) ? object[name] : undefined;
}
