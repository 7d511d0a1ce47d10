/* Numbers as the tables print them: formats are Python's, such as ",.1f" or ".4g". */
function formatNumber(format, value, sign = false) {
  if (value === null || value === undefined) return "–";
  const [, comma, digits, kind] = /^(,?)\.(\d)([fg])$/.exec(format);
  const size = Math.abs(value);
  const text = kind === "g"
    ? String(Number(size.toPrecision(Number(digits))))
    : size.toLocaleString("en", {
      minimumFractionDigits: Number(digits), maximumFractionDigits: Number(digits), useGrouping: comma === ",",
    });
  if (value < 0) return `−${text}`;
  return sign && value > 0 ? `+${text}` : text;
}

function formatP(p) {
  if (p === null) return "not tested";
  return p < 0.0001 ? "p < 0.0001" : `p = ${p.toFixed(4)}`;
}
