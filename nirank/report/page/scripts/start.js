/* The address says which queries are shown, and whether one of them is open. */
function followAddress() {
  const choice = page.sets.length ? readChoice() : null;
  if (!choice) {
    closeQuery();
    return;
  }
  const { query, ...systems } = choice;
  if (!sameChoice(systems, queries.choice)) showChoice(systems);
  if (query === null) {
    const isBack = view.dialog.open && view.opener !== document.body; // to where the reader was
    closeQuery();
    if (!isBack) find("#queries").scrollIntoView();
  } else {
    showQuery(choice);
  }
}

function sameChoice(one, other) {
  return other && ["set", "measure", "a", "b"].every((name) => one[name] === other[name]);
}

startTheme();
startExplanations();
startBoards();
startColumns();
if (page.sets.length) {
  startQueryView();
  startDifferences();
}
startFigureChoice();
startFigures();
startPrinting();
addEventListener("hashchange", followAddress);
followAddress();
