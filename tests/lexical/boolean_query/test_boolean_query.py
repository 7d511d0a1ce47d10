"""Boolean queries: trees and words by hand, and every topic of CLEF TAR."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank import BM25, BooleanTerms, Collection, Experiment, load, rewrite
from nirank.algebra.context import Context
from nirank.collections.texts import Texts
from nirank.lexical.boolean_query.parser import parse_boolean_query
from nirank.lexical.boolean_query.statements import split_statements
from nirank.lexical.boolean_query.tree import BooleanQuery, Heading, Operation, Part, Term
from nirank.lexical.boolean_query.words import list_words
from nirank.store import LocalStore

ALL = ("terms", "phrases", "mesh")


def parse(text: str) -> Part:
    root = parse_boolean_query(text).root
    assert root is not None
    return root


def term(*words: str, fields: tuple[str, ...] = (), quoted: bool = False) -> Term:
    return Term(words, quoted, fields)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("neoplas$.ti,ab.", term("neoplas$", fields=("ti", "ab"))),
        ("ductus venosus.mp", term("ductus", "venosus", fields=("mp",))),
        ("exp Carcinoma, squamous cell/di, et [Diagnosis, Etiology]",
         Heading("Carcinoma, squamous cell", exploded=True, qualifiers=("di", "et"))),
        ("Adult/ or Middle Aged/", Operation("or", (Heading("Adult"), Heading("Middle Aged")))),
        ('“Tomography, X-Ray Computed”[Mesh]', Heading("Tomography, X-Ray Computed", exploded=True)),
        ("(oral adj3 mucosa$).tw.",
         Operation("adj", (term("oral", fields=("tw",)), term("mucosa$", fields=("tw",))), 3)),
        ("humans.sh.", Heading("humans")),
        ("bile duct[tiab] OR CBD[tiab]",
         Operation("or", (term("bile", "duct", fields=("tiab",)), term("CBD", fields=("tiab",))))),
        # PubMed reads from left to right; in Ovid AND binds closer.
        ("a[tw] OR b[tw] AND c[tw]",
         Operation("and", (Operation("or", (term("a", fields=("tw",)), term("b", fields=("tw",)))),
                           term("c", fields=("tw",))))),
        ("a.tw. or b.tw. and c.tw.",
         Operation("or", (term("a", fields=("tw",)),
                          Operation("and", (term("b", fields=("tw",)), term("c", fields=("tw",))))))),
        ("cat\ndog\nor/1-2\nbird\n3 and 4",
         Operation("and", (Operation("or", (term("cat"), term("dog"))), term("bird")))),
        ("1. cat\n2. dog\n3. 1 not 2", Operation("not", (term("cat"), term("dog")))),
        ("cat\n#1 AND dog", Operation("and", (term("cat"), term("dog")))),
        ("cat\nlimit 1 to yr=2000", term("cat")),
        ("cancer antigen 125", term("cancer", "antigen", "125")),
        ("(cat or\ndog)\nbird", Operation("or", (Operation("or", (term("cat"), term("dog"))), term("bird")))),
    ],
)  # fmt: skip
def test_trees(text: str, tree: Part) -> None:
    assert parse(text) == tree


def test_qualifiers_of_pubmed() -> None:
    query = parse_boolean_query('sepsis[tiab] OR "Sepsis/diagnosis"[mesh:noexp]')
    assert query.root == Operation("or", (term("sepsis", fields=("tiab",)), Heading("Sepsis", False, ("diagnosis",))))


def test_what_is_taken_away_gives_no_words() -> None:
    query = "(randomized controlled trial.pt. or placebo.ab.) not (animals not (humans and animals)).sh."
    assert list_words(parse(query), ALL) == ["randomized controlled trial", "placebo"]
    lines = "cat$.tw.\nexp Animals/ not humans.sh.\n1 not 2"
    assert list_words(parse(lines), ALL) == ["cat"]
    assert list_words(parse("cat NOT dog OR bird[tw]"), ALL) == ["cat", "bird"]


def test_each_is_given_once_whatever_its_case() -> None:
    assert list_words(parse('Liver/ or liver.tw. or "LIVER" or liver$'), ALL) == ["Liver"]


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        ("(cat or dog", ["cat", "dog"], "brackets without a partner"),
        ("cat) or dog", ["cat", "dog"], "brackets without a partner"),
        ("cat and and dog or", ["cat", "dog"], "operators without a part"),
        ("(cat) (dog)", ["cat", "dog"], "no operator between two parts"),
        ("cat\nor/1-7", ["cat"], "lines that are not there"),
        ('cat " ; %', ["cat"], "signs"),
    ],
)
def test_what_is_not_understood_is_kept_and_counted(text: str, words: list[str], reason: str) -> None:
    query = parse_boolean_query(text)
    assert list_words(query.root, ALL) == words
    assert query.counts[f"not understood: {reason}"] >= 1


@given(st.text(alphabet='ab ()[]"/*$?.,#123\n“”', max_size=60) | st.lists(
    st.sampled_from(["cat", "exp", "or", "and", "not", "adj3", "(", ")", "/", ".tw.", "[mh]", "1", "or/1-3", "\n", '"']),
    max_size=25).map(" ".join))  # fmt: skip
def test_nothing_fails(text: str) -> None:
    """And no word is made up: each stands in the query, letter case and marks of truncation aside."""
    words = list_words(parse_boolean_query(text).root, ALL)
    plain = [
        re.sub(marks, "", text.casefold()) for marks in (r"[$*#?]", r"[$*#?]\d*")
    ]  # *1/ is a heading, cat$1 is not
    parts = [part for word in words for part in word.casefold().split()]
    assert [part for part in parts if not any(part in each for each in plain)] == []


def test_what_no_person_writes_ends_too() -> None:
    assert list_words(parse("(" * 5_000 + "cat" + ")" * 5_000), ALL) == ["cat"]
    twice = "cat\n" + "\n".join(f"{line} or {line}" for line in range(1, 200))  # 2^199 cats
    assert list_words(parse(twice), ALL) == ["cat"]
    deep = "cat\n" + "\n".join(f"{line} {('and', 'or')[line % 2]} w{line}" for line in range(1, 900))
    assert len(list_words(parse(deep), ALL)) == 900
    assert list_words(parse("(a\n" * 3_000), ALL) == ["a"]
    far = parse_boolean_query("cat\nor/1-2000000")  # lines that nobody wrote cost nothing
    assert far.counts["not understood: lines that are not there"] == 999


# -- CLEF TAR


def read_topics(folder: Path) -> Iterator[tuple[str, BooleanQuery]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name.startswith("topics"):
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            query = text.decode().split("Query:", 1)[1].split("Pids:", 1)[0]
            yield f"{path.parent.parent.name}/{path.name}", parse_boolean_query(query)


def test_every_topic_is_understood(shared_data: Path) -> None:
    counts: Counter[str] = Counter()
    topics = list(read_topics(shared_data / "screening" / "clef-tar"))
    for name, query in topics:
        counts.update(query.counts)
        assert list_words(query.root, ALL), name
    assert len(topics) == 170
    parts = sum(counts[name] for name in ("terms", "phrases", "headings", "statements"))
    unknown = {name: n for name, n in counts.items() if name.startswith("not understood")}
    assert sum(unknown.values()) / parts < 0.007, unknown
    # `grep -oiE adj[0-9]*` finds 646 too.
    expected = {"and": 583, "or": 9_295, "not": 168, "adj": 646, "headings": 2_088}
    assert {name: counts[name] for name in expected} == expected


def test_three_topics_by_hand(shared_data: Path) -> None:
    topics = dict(read_topics(shared_data / "screening" / "clef-tar" / "2017-TAR"))
    mtbdr, bile, iqcode = (topics[name].root for name in ("testing/47", "testing/32", "training/45"))
    assert list_words(mtbdr, ("terms",)) == ["MTBDR", "MDR-TB", "XDR-TB", "TB", "tuberculosis"]
    assert list_words(mtbdr, ("phrases",)) == ["Genotype MTBDR"]
    headings = ["Tuberculosis, Pulmonary", "Tuberculosis, Multidrug-Resistant", "Mycobacterium tuberculosis"]
    assert list_words(mtbdr, ("mesh",)) == headings
    assert list_words(bile, ("phrases",)) == ["bile duct", "liver function test", "liver function tests"]
    assert list_words(bile, ("mesh",)) == [
        "Choledocholithiasis", "Common Bile Duct Calculi", "Cholelithiasis", "Tomography, X-Ray Computed",
        "Magnetic Resonance Imaging", "Ultrasonography", "Endosonography", "Cholangiography",
        "Cholangiopancreatography, Magnetic Resonance", "Liver Function Tests",
    ]  # fmt: skip
    assert len(list_words(bile, ("terms",))) == 34
    assert list_words(iqcode, ("mesh",)) == []
    assert list_words(iqcode, ("phrases",)) == [
        "informant questionnaire on cognitive decline in the elderly", "IQ code", "informant questionnair",
        "screening test",
    ]  # fmt: skip
    assert list_words(iqcode, ("terms",)) == ["IQCODE", "dement", "screening", "alzheimer"]


# -- the stage


def test_the_stage_makes_words_of_a_metadata_column() -> None:
    texts = Texts.of({"q": {"text": "A title", "metadata": {"boolean": "cat$.tw.\nexp Dogs/\n1 not 2"}}, "r": "plain"})
    words = BooleanTerms("boolean").map(texts, None, Context())
    assert words.columns["text"].to_pylist() == ["cat", ""]
    assert BooleanTerms(keep=("phrases",)).map(texts, None, Context()).columns["text"].to_pylist() == ["A title", ""]


def test_a_topic_is_ranked_by_its_boolean_query(tmp_path: Path) -> None:
    docs = {"a": "liver function", "b": "dogs and cats", "c": "nothing"}
    queries = {"q": {"text": "A review", "metadata": {"boolean": "(liver function.tw. or exp Dogs/) not cats.tw."}}}
    collection = Collection.of(docs, queries, {"q": {"a": 1}})
    system = rewrite(BooleanTerms("boolean"), BM25())
    result = Experiment(collection, {"S": system}, ["AP"], store=LocalStore(tmp_path)).run()
    assert not result.failed, result.rows[0].error
    assert list(result.ranking("S").to_dict()["q"]) == ["a", "b"]


def test_topics_of_clef_tar_have_it_as_metadata(shared_data: Path, tmp_path: Path) -> None:
    topics = load(shared_data / "screening" / "clef-tar" / "2017-test", store=LocalStore(tmp_path)).queries
    words = BooleanTerms("boolean").map(topics, None, Context())
    assert all(words.columns["text"].to_pylist())


@pytest.mark.parametrize(("keep", "word"), [((), "got none"), (("meshes",), "keep")])
def test_options_that_cannot_be_meant_are_refused(keep: tuple[str, ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        BooleanTerms(keep=keep)  # type: ignore[arg-type]


def test_statements() -> None:
    assert split_statements("1 cat\n2 dog\n3 1 or 2") == ["cat", "dog", "1 or 2"]
    assert split_statements("cat\ndog\n1 or 2") == ["cat", "dog", "1 or 2"]
    assert split_statements("(cat or dog)\n\nAND\n(bird)") == ["(cat or dog) AND (bird)"]
    assert split_statements("(1 cat\ndog") == ["(1 cat", "dog"]
