"""Print `ten_million.json` as a table: a row a figure, a column a size, and what the last is of the first.

python experiments/scale/ten_million_table.py experiments/scale/results/ten_million.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FIGURES = {
    "s": ("s", 1.0),
    "processor_s": ("s of the processor", 1.0),
    "documents_per_s": ("documents/s", 1.0),
    "rss_anon_mib": ("MiB", 1.0),
    "bytes": ("GB on disk", 1e-9),
    "memo_bytes": ("GB of memo", 1e-9),
    "load_s": ("s of loading", 1.0),
    "import_s": ("s of import", 1.0),
    "import_processor_s": ("s of the processor, import", 1.0),
    "import_rss_anon_mib": ("MiB, import", 1.0),
    "encoding_processor_s": ("s of the processor, encoding", 1.0),
    "build_processor_s": ("s of the processor, building", 1.0),
    "ms_per_query": ("ms/query", 1.0),
    "processor_ms_per_query": ("ms/query of the processor", 1.0),
    "@10": ("overlap@10", 1.0),
    "@100": ("overlap@100", 1.0),
    "same_scores": ("lists with nirank's scores", 1.0),
    "same_documents": ("lists with nirank's documents", 1.0),
}


def list_figures(row: dict[str, Any], step: str) -> Iterator[tuple[str, float]]:
    """Yield a row's figures by name; those of parts of a step stand below its name."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from list_figures(value, step if key == "overlap" else f"{step}, {key}")
        elif key in _FIGURES and value is not None:
            name, factor = _FIGURES[key]
            yield f"{step}: {name}", value * factor


def format_number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    rows = json.loads(Path(sys.argv[1]).read_text())["rows"]
    sizes = sorted({row["documents"] for row in rows})
    figures: dict[str, dict[int, float]] = {}
    for row in rows:
        for name, value in list_figures(row, row["step"]):
            figures.setdefault(name, {})[row["documents"]] = value
    print("| | " + " | ".join(f"{size:,}" for size in sizes) + " | times |\n| --- |" + " ---: |" * (len(sizes) + 1))
    for name, values in figures.items():
        first, last = values.get(sizes[0]), values.get(sizes[-1])
        times = format_number(last / first) if first and last is not None else ""
        print(f"| {name} | " + " | ".join(format_number(values.get(size)) for size in sizes) + f" | {times} |")


if __name__ == "__main__":
    main()
