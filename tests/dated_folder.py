"""A small folder of dated documents and queries with judgements of three splits, for what learns from dates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

# Documents of 2000 to 2009; queries of 2010, of one split each; each document's gap is 2010 - its year.
JUDGED: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "train": {"t1": {"d2008": 1, "d2009": 2, "none": 1}, "t2": {"d2008": 1, "d2005": 0}},
    "dev": {"v1": {"d2008": 1}, "v2": {"d2003": 1}},
    "test": {"s1": {"d2008": 1}, "s2": {"d2001": 1, "none": 1}},
}


def write_dated_folder(folder: Path) -> Path:
    """Write the folder in BEIR's layout, and return it."""
    (folder / "qrels").mkdir(parents=True)
    docs = {f"d{year}": {"title": "", "text": f"wine act {year}{' wine' * (year % 4)}"} for year in range(2000, 2010)}
    lines = [{"_id": id, **doc, "metadata": {"date": f"{id[1:]}-06-01"}} for id, doc in docs.items()]
    lines.append({"_id": "none", "title": "", "text": "wine act of no date", "metadata": {}})
    _write_lines(folder / "corpus.jsonl", lines)
    asked = [
        {"_id": query, "text": f"wine act {query}", "metadata": {"date": "2010-03-01"}}
        for judged in JUDGED.values()
        for query in judged
    ]
    _write_lines(folder / "queries.jsonl", asked)
    for split, judged in JUDGED.items():
        pairs = [f"{query}\t{doc}\t{grade}\n" for query, docs in judged.items() for doc, grade in docs.items()]
        (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(pairs))
    return folder


def _write_lines(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
