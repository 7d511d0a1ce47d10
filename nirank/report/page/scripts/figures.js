/* Charts, each drawn when it comes into sight, and the rest when there is time. */
function drawDifferences() {}
function startFigures() {}
