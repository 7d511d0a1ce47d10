/* Words that a text shares with the query are marked. Common words are not. */
const COMMON = new Set(
  "a an and are as at be by can did do does for from had has have how in into is it its no not of on or such than that the their these this those to was were what when where which who why will with".split(" "),
);
const stem = (word) => word.toLowerCase().replace(/(?<=\p{L}{3})(?:es|s)$/u, "");

function listStems(text) {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.filter((word) => !COMMON.has(word.toLowerCase())).map(stem));
}

function markWords(text, stems) {
  const parts = [];
  let start = 0;
  for (const match of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    if (!stems.has(stem(match[0]))) continue;
    parts.push(text.slice(start, match.index), make("mark", {}, match[0]));
    start = match.index + match[0].length;
  }
  return make("bdi", { dir: "auto" }, ...parts, text.slice(start));
}
