/* On paper everything that is folded is open. */
function startPrinting() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = findAll("details:not([open]):not(.menu)");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });
}
