"""Write two tables whose matches follow a rule on three of their columns, while most of their text is noise.

    python experiments/blocking/make_rule_records.py --records 5000 --seed 1 --out experiments/blocking/data/rule/train

Two persons are the same if their phone numbers are equal up to one digit, or if their surnames are alike (one letter in
four) and they were born at most a day apart: `RULE`. 30 % of the right records match a left one by phone and have all
else of another person; 30 % match by surname and birth and have another phone number; the others match nobody on
purpose. Notes of ten to twenty words fill the records. Half of the right notes are those of some left record with a few
words changed, whoever that is: they mislead who counts shared words.

The folder is a collection: `corpus.csv` is the left table, `queries.csv` the right one, `qrels/complete.tsv` has every
pair that the rule calls a match, those of chance included. Another seed makes other persons of the same names.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from pathlib import Path
from random import Random

import numpy as np
from make_people import draw_by_zipf, make_words, misspell, write_tables
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

FIELDS = ("given_name", "surname", "born", "phone", "town", "note")
PHONE_ALIKE, SURNAME_ALIKE, DAYS_NEAR = 0.85, 0.75, 1
RULE = {
    "any": [
        {"alike": {"column": "phone", "at_least": PHONE_ALIKE}},
        {
            "all": [
                {"alike": {"column": "surname", "at_least": SURNAME_ALIKE}},
                {"dates_near": {"column": "born", "days": DAYS_NEAR}},
            ]
        },
    ]
}
_VOCABULARY = 1  # seed of the lists of names and words
_FIRST_DAY, _DAYS = date(1930, 1, 1), 30_000
_BY_PHONE, _BY_BIRTH, _COPIED_NOTES, _WORDS_CHANGED = 0.3, 0.6, 0.5, 0.2  # shares of the right records; of words


def make_records(random: Random, n: int) -> list[list[str]]:
    """Return n records that have nothing to do with each other, a list of values by FIELDS each."""
    vocabulary = Random(_VOCABULARY)
    given_names = draw_by_zipf(random, make_words(vocabulary, 500, 1, 3), n)
    surnames = draw_by_zipf(random, make_words(vocabulary, 5_000, 2, 3), n)
    towns = draw_by_zipf(random, make_words(vocabulary, 200, 2, 3), n)
    words = make_words(vocabulary, 400, 1, 3)
    records = []
    for given_name, surname, town in zip(given_names, surnames, towns, strict=True):
        born = _FIRST_DAY + timedelta(days=random.randrange(_DAYS))
        phone = f"0{random.randint(10_000_000, 99_999_999)}"
        note = " ".join(draw_by_zipf(random, words, random.randint(10, 20)))
        records.append([given_name, surname, born.isoformat(), phone, town, note])
    return records


def make_partners(random: Random, left: list[list[str]]) -> list[list[str]]:
    """Return as many right records, in no order."""
    right = make_records(random, len(left))
    persons = random.sample(left, len(left))
    for record, person in zip(right, persons, strict=True):
        kind = random.random()
        if kind < _BY_PHONE:
            record[3] = _change_digit(random, person[3])
        elif kind < _BY_BIRTH:
            day = date.fromisoformat(person[2]) + timedelta(days=random.randint(-DAYS_NEAR, DAYS_NEAR))
            record[1:3] = [misspell(random, person[1]), day.isoformat()]
        if random.random() < _COPIED_NOTES:
            words, others = random.choice(left)[5].split(), record[5].split()
            record[5] = " ".join(random.choice(others) if random.random() < _WORDS_CHANGED else word for word in words)
    random.shuffle(right)
    return right


def find_matches(left: list[list[str]], right: list[list[str]]) -> list[tuple[int, int]]:
    """Return (right row, left row) of all pairs that the rule calls a match."""

    def compare(column: int, least: float) -> np.ndarray:
        values = [[record[column] for record in table] for table in (right, left)]
        return cdist(*values, scorer=Levenshtein.normalized_similarity, score_cutoff=least, dtype=np.float32) >= least

    days = [np.array([record[2] for record in table], "datetime64[D]").astype(np.int32) for table in (right, left)]
    born_near = np.abs(days[0][:, None] - days[1][None, :]) <= DAYS_NEAR
    matches = compare(3, PHONE_ALIKE) | (compare(1, SURNAME_ALIKE) & born_near)
    return [(int(right_row), int(left_row)) for right_row, left_row in np.argwhere(matches)]


def _change_digit(random: Random, number: str) -> str:
    at = random.randrange(1, len(number))
    return number[:at] + random.choice("0123456789") + number[at + 1 :]


def main() -> None:
    """Write the tables and their matches."""
    parser = argparse.ArgumentParser(description="Write two tables whose matches follow a rule.")
    parser.add_argument("--records", type=int, required=True, help="of each table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    random = Random(options.seed)
    left = make_records(random, options.records)
    right = make_partners(random, left)
    write_tables(options.out, FIELDS, left, right, find_matches(left, right))


if __name__ == "__main__":
    main()
