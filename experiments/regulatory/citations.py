"""How many judged pairs a query's citations find, whole and masked, and how masks agree with the data's own.

    python experiments/regulatory/citations.py

Train and dev queries; documents from before the query. Where the data's masked text has a mark, its place in the whole
text is found by what stands between the marks.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from nirank import load
from nirank.citations.catalogue import Catalogue
from nirank.citations.masking import list_masked, mask_references
from nirank.collections.collection import Collection
from nirank.collections.document_names import make_catalogue, read_title_and_text

DATA = Path(__file__).parents[3] / "shared" / "data" / "regulatory"
MARK = re.compile(r"(\[(?:ACT|REG|NOTE)\])")


def count_pairs(collection: Collection, catalogue: Catalogue, texts: list[str]) -> str:
    """Return how many judged pairs of each grade are among what texts cite, and how much of that is judged."""
    qrels = next(iter(collection.qrels.values()))
    grades = dict(
        zip(zip(qrels.query_rows.tolist(), qrels.rows.tolist(), strict=True), qrels.grades.tolist(), strict=True)
    )
    own = list(collection.queries.read_metadata("corpus_id"))
    dates, query_dates = (list(side.read_metadata("date")) for side in (collection.docs, collection.queries))
    found = {
        (query, row)
        for query, text in enumerate(texts)
        for citation in catalogue.find_citations(text)
        for row in citation.rows
        if dates[row] < query_dates[query] and collection.docs.ids[row] != own[query]
    }
    hits, total = Counter(grades[pair] for pair in found if pair in grades), Counter(grades.values())
    return f"score 2 {hits[2]}/{total[2]}, score 1 {hits[1]}/{total[1]}; {len(found)} named, {hits.total()} judged"


def locate_marks(whole: str, masked: str) -> list[tuple[int, int, str]]:
    """Return where in a text the marks of its masked form stand: start, end, mark."""
    places, position, mark = [], 0, ""
    for piece in MARK.split(masked):
        if MARK.fullmatch(piece):
            mark = mark or piece
        elif piece.strip() or not mark:
            start = whole.index(piece, position) if mark else position
            if mark:
                places.append((position, start, mark))
            position, mark = start + len(piece), ""
    return [*places, (position, len(whole), mark)] if mark else places


def main() -> None:
    """Print both for each collection."""
    for name in ("eu-acts", "ca-regs"):
        agreement: Counter[str] = Counter()
        for split in ("train", "dev"):
            options = {"split": split, "self_match": {"key": "corpus_id"}}
            collection, masked = (load(DATA / name, queries=version, **options) for version in (None, "masked"))
            catalogue = make_catalogue(collection.docs)
            whole = ["\n".join(parts) for parts in read_title_and_text(collection.queries)]
            theirs = ["\n".join(parts) for parts in read_title_and_text(masked.queries)]
            ours = [mask_references(text, catalogue, "[ACT]")[0] for text in whole]
            for what, texts in (("whole", whole), ("masked by the data", theirs), ("masked", ours)):
                print(f"{name} {split}, {what}: {count_pairs(collection, catalogue, texts)}")
            for text, other in zip(whole, theirs, strict=True):
                places = locate_marks(text, other)
                spans = [(reference.start, reference.end, "ours") for reference in list_masked(text, catalogue)]
                for mine, yours in ((places, spans), (spans, places)):
                    for start, end, mark in mine:
                        agreement[mark] += 1
                        agreement[f"{mark}, covered"] += any(s < end and e > start for s, e, _ in yours)
        print(f"{name}: {dict(sorted(agreement.items()))}")


if __name__ == "__main__":
    main()
