"""Write two tables of synthetic persons: every right record is a corrupted copy of a left one.

    python experiments/blocking/make_people.py --records 200000 --seed 1 --out experiments/blocking/data/people

Names of people, streets and towns are made of syllables and drawn by Zipf's law, so common names are shared by many.
A copy has one to four faults: a letter added, lost, changed or swapped with its neighbour, a field left out, first and
last name exchanged, a name cut to its initial, a word repeated, day and month exchanged, a digit of a number changed.
The tables have half the records each; a tenth of the left records have no copy, and as many right ones are of persons
who are not on the left. Another seed makes other persons with names, streets and towns of the same lists.

The folder is a collection: `corpus.csv` is the left table, `queries.csv` the right one, `qrels/complete.tsv` has all
matches.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

FIELDS = ("given_name", "surname", "number", "street", "suburb", "postcode", "state", "born", "phone")
_ONSETS = [*"bcdfghjklmnprstvw", "br", "ch", "fr", "gr", "sh", "st", "th", "tr"]
_VOWELS = ["a", "e", "o", "ai", "ea", "ei", "ia", "oa", "oe"]
_CODAS = ["", "", "", "l", "n", "r", "s", "t", "nd", "m", "rt"]
_STREETS = ["street", "road", "avenue", "lane", "court", "place", "drive", "close", "crescent", "terrace"]
_STATES = ["nsw", "vic", "qld", "wa", "sa", "tas", "act", "nt"]
_LETTERS, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
_VOCABULARY = 0  # seed of the lists of names
_FIRST_DAY, _DAYS = date(1920, 1, 1), 36_000


def make_words(random: Random, n: int, fewest: int, most: int) -> list[str]:
    """Return n different words of so many syllables."""
    words: dict[str, None] = {}
    while len(words) < n:
        syllables = range(random.randint(fewest, most))
        word = "".join(random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS) for _ in syllables)
        words[word] = None
    return list(words)


def draw_by_zipf(random: Random, words: Sequence[str], n: int) -> list[str]:
    """Return n words, the k-th one drawn with a probability that falls as 1 / (k + 10)."""
    return random.choices(words, cum_weights=list(accumulate(1 / (rank + 10) for rank in range(len(words)))), k=n)


def make_people(random: Random, n: int) -> list[list[str]]:
    """Return n persons, a list of values by FIELDS each."""
    vocabulary = Random(_VOCABULARY)
    given_names = draw_by_zipf(random, make_words(vocabulary, 2_000, 1, 3), n)
    surnames = draw_by_zipf(random, make_words(vocabulary, 20_000, 1, 3), n)
    streets = draw_by_zipf(random, make_words(vocabulary, 5_000, 1, 3), n)
    suburbs = make_words(vocabulary, 3_000, 2, 3)
    people = []
    for given_name, surname, street in zip(given_names, surnames, streets, strict=True):
        town = random.randrange(len(suburbs))
        address = [str(random.randint(1, 399)), f"{street} {random.choice(_STREETS)}", suburbs[town]]
        born = _FIRST_DAY + timedelta(days=random.randrange(_DAYS))
        phone = f"0{random.randint(10_000_000, 99_999_999)}"
        code, state = str(2000 + 2 * town), _STATES[town % len(_STATES)]
        people.append([given_name, surname, *address, code, state, born.isoformat(), phone])
    return people


def misspell(random: Random, word: str) -> str:
    """Return a word with one letter added, lost, changed or swapped with its neighbour."""
    if len(word) < 2:
        return word + random.choice(_LETTERS)
    at = random.randrange(len(word) - 1)
    letter = random.choice(_DIGITS if word[at].isdigit() else _LETTERS)
    changed = (letter + word[at], "", letter, word[at + 1] + word[at])
    kind = random.randrange(len(changed))
    return word[:at] + changed[kind] + word[at + (2 if kind == 3 else 1) :]


def corrupt(random: Random, person: Sequence[str]) -> list[str]:
    """Return a person's record with one to four faults."""
    values = list(person)
    for _ in range(random.randint(1, 4)):
        fault, field = random.random(), random.randrange(len(values))
        if fault < 0.55:
            values[field] = misspell(random, values[field])
        elif fault < 0.75:
            values[field] = ""
        elif fault < 0.82:
            values[0], values[1] = values[1], values[0]
        elif fault < 0.88:
            values[0] = values[0][:1]
        elif fault < 0.93:
            values[3] = " ".join([values[3], *values[3].split()[:1]])
        elif values[7].count("-") == 2:
            year, month, day = values[7].split("-")
            values[7] = f"{year}-{day}-{month}"
    return values


def make_tables(records: int, seed: int) -> tuple[list[list[str]], list[list[str]], list[tuple[int, int]]]:
    """Return the left and the right table, and the matches as (right row, left row)."""
    random = Random(seed)
    side = records // 2
    alone = side // 10
    people = make_people(random, side + alone)
    shown = random.sample(range(side), side - alone) + list(range(side, side + alone))
    random.shuffle(shown)
    right = [corrupt(random, people[row]) for row in shown]
    return people[:side], right, [(at, row) for at, row in enumerate(shown) if row < side]


def write_tables(
    folder: Path,
    fields: Sequence[str],
    left: Iterable[Sequence[str]],
    right: Iterable[Sequence[str]],
    matches: Iterable[tuple[int, int]],
) -> None:
    """Write two tables, whose records are numbered, and their matches."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, records in (("corpus", left), ("queries", right)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("id", *fields))
            writer.writerows((row, *values) for row, values in enumerate(records))
    with (folder / "qrels" / "complete.tsv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        file.writelines(f"{right_row}\t{left_row}\t1\n" for right_row, left_row in matches)


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Write two tables of synthetic persons and their matches.")
    parser.add_argument("--records", type=int, required=True, help="of both tables together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    write_tables(options.out, FIELDS, *make_tables(options.records, options.seed))


if __name__ == "__main__":
    main()
