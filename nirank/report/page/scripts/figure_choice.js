/* Of several tables the figures of one are shown at a time; on paper, those of all. */
function startFigureChoice() {
  const frames = findAll("figure[data-board]");
  const boards = [...new Set(frames.map((frame) => frame.dataset.board))];
  if (boards.length < 2) return;
  const options = [...boards.map((board) => [board, page.boards[Number(board)].title]), ["all", "all tables"]];
  const select = makeSelect(options, boards[0], (board) => showFiguresOf(board, frames));
  find("#figure-tools").append(make("label", { class: "field" }, "on", select));
  showFiguresOf(boards[0], frames);
}

function showFiguresOf(board, frames) {
  for (const frame of frames) frame.classList.toggle("aside", board !== "all" && frame.dataset.board !== board);
  for (const section of findAll(".figure-section")) {
    section.classList.toggle("aside", findAll("figure", section).every((frame) => frame.classList.contains("aside")));
  }
  const sections = find(".figure-sections");
  sections.classList.toggle("all-boards", board === "all");
  sections.classList.toggle("one-board", board !== "all");
  dispatchEvent(new Event("resize")); // charts take the width that they have now
}
