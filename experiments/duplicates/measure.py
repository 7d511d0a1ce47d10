"""Duplicates in reviews whose copies are marked: precision, recall, what thresholds do, and time for 100,000 records.

usage: python experiments/duplicates/measure.py [--sweep] [--time] [--list] [FOLDER]
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

from nirank.records.record import BibliographicRecord
from nirank.screening import duplicate_rule, duplicates
from nirank.screening.comparable_records import ComparableRecord
from nirank.screening.duplicates import compare_records

FOLDER = Path("../shared/data/screening/sysrev")
MARKED = ["van_de_Schoot_2017", "Nagtegaal_2019", "Kitchenham_2010"]
SHIFTED = "ptsd-"  # of van de Schoot 2017, `duplicate_of` counts from 1 and the ids from 0

Pair = frozenset[str]


def read_topics(folder: Path) -> dict[str, list[BibliographicRecord]]:
    documents = {}
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            documents[document["_id"]] = document
    topics: dict[str, list[BibliographicRecord]] = defaultdict(list)
    with gzip.open(folder / "candidates.tsv.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            topic, id = line.split()
            topics[topic].append(make_record(documents[id], len(topics[topic]) + 1))
    return topics


def make_record(document: dict, number: int) -> BibliographicRecord:
    metadata = document["metadata"]
    authors = metadata.get("authors", "")
    return BibliographicRecord(
        number,
        number,
        document["_id"],
        (("duplicate_of", metadata.get("duplicate_of", "")),),
        document["title"],
        document["text"],
        authors=tuple(re.split(r"; |(?<=\.), ", authors)) if authors else (),
        year=metadata.get("year"),
        doi=metadata.get("doi", ""),
        pmid=metadata.get("pmid", ""),
    )


def list_marked_pairs(records: list[BibliographicRecord]) -> set[Pair]:
    """Pairs of records that the marks join, chains included."""
    groups = {record.id: {record.id} for record in records}
    for record in records:
        original = record.fields[0][1]
        if original:
            if original.startswith(SHIFTED):
                original = f"{SHIFTED}{int(original.removeprefix(SHIFTED)) - 1}"
            joined = groups[record.id] | groups[original]
            groups |= dict.fromkeys(joined, joined)
    return {frozenset(pair) for group in groups.values() for pair in combinations(group, 2)}


def list_found_pairs(records: list[BibliographicRecord]) -> set[Pair]:
    groups = compare_records(records).groups
    return {frozenset(records[row].id for row in pair) for group in groups for pair in combinations(group.members, 2)}


def share_title_alone(pair: Pair, records: dict[str, ComparableRecord]) -> bool:
    """Whether two records share a title, but no author and no abstract."""
    left, right = (records[id] for id in pair)
    names = left.authors and right.authors and not left.authors & right.authors
    return bool(names) and (not left.abstract or not right.abstract or left.abstract != right.abstract)


def print_row(name: str, records: list[BibliographicRecord], *, listing: bool = False) -> None:
    marked, found = list_marked_pairs(records), list_found_pairs(records)
    comparable = {record.id: ComparableRecord.of(record) for record in records}
    works = {pair for pair in marked if pair in found or not share_title_alone(pair, comparable)}
    both = len(marked & found)
    print(
        f"{name:34} {len(records):6,} {len(marked):7} {len(works):6} {len(found):6} {both:6}"
        f"  {both / max(len(found), 1):9.3f}  {both / max(len(marked), 1):6.3f}  {both / max(len(works), 1):6.3f}"
    )
    if listing:
        for what, pairs in (("found, not marked", found - marked), ("marked, not found", works - found)):
            for pair in sorted(map(sorted, pairs)):
                print(f"  {what}")
                for record in (comparable[id].record for id in pair):
                    first = record.authors[0] if record.authors else "-"
                    print(f"    {record.id:18} {record.year or '-':>4} {first[:20]:20} {record.title[:90]!r}")


def print_sweep(records: list[BibliographicRecord]) -> None:
    for name, values in {
        "TITLE": (0.8, 0.85, 0.9, 0.95, 1.0),
        "TITLE_ALONE": (0.9, 0.95, 0.97, 1.0),
        "ABSTRACT": (0.7, 0.8, 0.9, 0.95, 1.0),
        "ABSTRACT_SAME_YEAR": (0.5, 0.7, 0.8, 0.9),
        "NUMBERS": (0.0, 0.25, 0.5, 0.75, 1.0),
    }.items():
        chosen = getattr(duplicate_rule, name)
        for value in values:
            with ExitStack() as replaced:
                replaced.enter_context(patch.object(duplicate_rule, name, value))
                if name == "TITLE":
                    replaced.enter_context(patch.object(duplicates, name, value))
                print_row(f"  {name} = {value}{' *' if value == chosen else ''}", records)


def print_time(topics: dict[str, list[BibliographicRecord]], wanted: int = 100_000) -> None:
    """Nine records of ten have halves of two real titles, the tenth is an earlier one in capitals."""
    real = [record for records in topics.values() for record in records if record.title]
    draw = random.Random(1)
    many: list[BibliographicRecord] = []
    for number in range(wanted):
        if many and number % 10 == 9:
            copied = many[draw.randrange(len(many))]
            title, abstract, record = copied.title.upper(), copied.abstract, copied
        else:
            record, other = draw.choice(real), draw.choice(real)
            words, more = record.title.split(), other.title.split()
            title, abstract = " ".join(words[: len(words) // 2] + more[len(more) // 2 :]), record.abstract
        many.append(
            BibliographicRecord(
                number, number, str(number), (), title, abstract, authors=record.authors, year=record.year
            )
        )
    started = time.process_time()
    compared = compare_records(many)
    seconds = time.process_time() - started
    surplus = sum(len(group.members) - 1 for group in compared.groups)
    print(f"{wanted:,} records: {seconds:.1f} s of processor time, {surplus:,} records repeat another one")


def main(arguments: list[str]) -> None:
    options = {argument for argument in arguments if argument.startswith("--")}
    folder = next((Path(argument) for argument in arguments if not argument.startswith("--")), FOLDER)
    topics = read_topics(folder)
    names = f"{'topic':34} {'n':>6} {'marked':>7} {'works':>6} {'found':>6} {'both':>6}"
    print(f"{names}  precision  recall  recall of works")
    for name in MARKED:
        print_row(name, topics[name], listing="--list" in options)
    if "--sweep" in options:
        print_sweep(topics[MARKED[0]])
    if "--time" in options:
        print_time(topics)


if __name__ == "__main__":
    main(sys.argv[1:])
