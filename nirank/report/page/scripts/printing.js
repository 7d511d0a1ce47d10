/* On paper what is folded is open, unless it is for programs or said by a chart. */
function startPrinting() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = findAll("details:not([open], .menu, .apart)");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });
}
