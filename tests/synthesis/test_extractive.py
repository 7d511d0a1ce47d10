"""Queries that are taken from documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planned import Planned

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.errors import ConfigError
from nirank.synthesis.extractive import Extractive

VIEW = TextView(TITLE_AND_TEXT)
COMMON = "The bank gives a loan. "  # in every document, so it says little
DOCS = {
    f"d{i}": {"title": f"Report {i}", "text": COMMON * 3 + f"Common words of the bank follow here, number{i} too."}
    for i in range(20)
} | {
    "wine": {
        "title": "Growing of vines",
        "text": COMMON
        + "Grey mould (Botrytis cinerea, a fungus) harms the vines in autumn, while pruning of vines in winter helps. "
        "Fermentation of red wine needs yeast and warmth. The bank gives a loan for it.",
    },
    "short": {"title": "", "text": "Aspirin."},
    "same": {"title": "Cheese", "text": "cheese"},
    "empty": {"title": "", "text": ""},
}
GERMAN = {
    "a": "Die Banken der Stadt geben Kredite. Der Wein gärt im Keller, und die Hefe arbeitet langsam.",
    "b": "Die Banken der Stadt geben Kredite. Das Brot liegt im Ofen.",
    "c": "Die Banken der Stadt geben Kredite. Der Käse liegt im Regal.",
}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    collection = Collection.of(DOCS, {"q": "wine"}, {"q": {"wine": 1}})
    return Planned.of(collection, tmp_path_factory.mktemp("store"))


def extract(planned: Planned, ids: list[str], **options: Any) -> list[list[str]]:
    generator = Extractive(**options)
    inputs = {role: [planned.run(node)] for role, node in generator.plan_inputs(planned.sides)}
    docs = planned.sources.collection.docs
    texts = generator.read_docs(docs, docs.ids.find_rows(ids), VIEW)
    return [[writing.text for writing in queries] for queries in generator.write_queries(texts, inputs, Context())]


@pytest.mark.parametrize(
    ("kind", "queries"),
    [
        ("title", ["Growing of vines"]),
        (
            "sentence",
            [
                "Grey mould (Botrytis cinerea, a fungus) harms the vines in autumn, while pruning of vines in winter helps.",
                "Fermentation of red wine needs yeast and warmth.",
            ],
        ),
        ("claim", ["Grey mould harms the vines in autumn", "Fermentation of red wine needs yeast and warmth"]),
        ("terms", ["vines autumn Botrytis cinerea", "fermentation"]),
    ],
)
def test_the_most_telling_comes_first(kind: str, queries: list[str], planned: Planned) -> None:
    ((first, *rest),) = extract(planned, ["wine"], kinds=[kind], per_doc=2, terms=4)
    if kind == "terms":
        assert {"vines", "Growing"} & set(first.split()) and not {"bank", "loan", "the"} & set(first.lower().split())
        assert len(first.split()) == len(rest[0].split()) == 4 and not set(first.split()) & set(rest[0].split())
        text = " ".join(DOCS["wine"].values())
        assert sorted(first.split(), key=text.find) == first.split(), "in their order"
    elif kind == "claim":
        assert [first, *rest][0] in (queries[0], queries[1], "while pruning of vines in winter helps")
    else:
        assert [first, *rest] == queries


def test_phrases_have_no_stop_words_and_no_marks_inside(planned: Planned) -> None:
    ((first, *rest),) = extract(planned, ["wine"], kinds=["phrase"], per_doc=3)
    assert first in {"Botrytis cinerea", "Grey mould", "red wine needs yeast", "fungus harms"}
    for phrase in (first, *rest):
        assert 2 <= len(phrase.split()) <= 4 and not {"the", "of", "and", "in"} & set(phrase.lower().split())
        assert not set("(),.") & set(phrase)
    ((question,),) = extract(planned, ["wine"], kinds=["question"], questions=["Why {phrase}?"])
    assert question == f"Why {first}?"


def test_kinds_take_turns_and_what_one_lacks_the_next_one_gives(planned: Planned) -> None:
    ((*queries,),) = extract(planned, ["wine"], kinds=["title", "sentence", "terms"], per_doc=5)
    assert queries[0] == "Growing of vines" and queries[1].startswith("Grey mould") and len(queries[2].split()) == 6
    assert queries[3].startswith("Fermentation"), "there is no second title"
    assert len(set(queries)) == len(queries) == 5


def test_rotation_gives_all_kinds_with_one_query_a_document(planned: Planned) -> None:
    ids = [f"d{i}" for i in range(20)]
    given = extract(planned, ids, kinds=["title", "terms"])
    assert all(query.startswith("Report") for (query,) in given)
    rotated = extract(planned, ids, kinds=["title", "terms"], rotate=True)
    assert 3 < sum(query.startswith("Report ") and len(query.split()) == 2 for (query,) in rotated) < 17
    assert rotated == [extract(planned, [id], kinds=["title", "terms"], rotate=True)[0] for id in ids]


def test_dashes_stand_between_words(tmp_path: Path) -> None:
    docs = {"a": "Wine from grapes—harvest in autumn, 1990–1995.", "b": "Bread.", "c": "Cheese."}
    planned = Planned.of(Collection.of(docs, {"q": "x"}, {"q": {"a": 1}}), tmp_path)
    ((query,),) = extract(planned, ["a"], kinds=["terms"], terms=5)
    assert not set(query.split()) - {"Wine", "from", "grapes", "harvest", "autumn", "1990", "1995"}


def test_no_query_is_the_whole_document(planned: Planned) -> None:
    kinds = ["title", "sentence", "claim", "phrase", "terms", "question"]
    assert extract(planned, ["short", "same", "empty"], kinds=kinds, per_doc=6) == [[], [], []]


def test_other_languages_have_other_stop_words_and_questions(tmp_path: Path) -> None:
    planned = Planned.of(Collection.of(GERMAN, {"q": "x"}, {"q": {"a": 1}}), tmp_path)
    ((terms, phrase, question),) = extract(
        planned, ["a"], kinds=["terms", "phrase", "question"], per_doc=3, analyzer="german", terms=4
    )
    assert not {"die", "der", "im", "und", "banken"} & set(terms.lower().split())
    assert question.startswith("Was ist über ") and phrase.split()[0][0].isalpha()


def test_scripts_without_blanks(tmp_path: Path) -> None:
    docs = {
        "a": "银行提供贷款。葡萄酒的发酵需要酵母，冬天修剪葡萄藤。",
        "b": "银行提供贷款。面包在烤箱里。",
        "c": "银行提供贷款。奶酪在架子上。",
    }
    planned = Planned.of(Collection.of(docs, {"q": "葡萄"}, {"q": {"a": 1}}), tmp_path)
    ((sentence, claim, terms),) = extract(
        planned, ["a"], kinds=["sentence", "claim", "terms"], per_doc=3, analyzer="chinese"
    )
    assert sentence == "葡萄酒的发酵需要酵母，冬天修剪葡萄藤。"
    assert claim in ("葡萄酒的发酵需要酵母", "冬天修剪葡萄藤") and "葡萄" in terms and "银行" not in terms


def test_the_title_is_told_apart_only_where_the_view_reads_it(planned: Planned) -> None:
    docs = planned.sources.collection.docs
    rows = docs.ids.find_rows(["wine"])
    read = Extractive().read_docs
    assert read(docs, rows, VIEW)[0].startswith("Growing of vines\nThe bank")
    assert read(docs, rows, TextView(("text",)))[0].startswith("\nThe bank")
    assert read(docs, rows, TextView("{title}: {text}"))[0].startswith("\nGrowing of vines: The bank")
    assert read(docs, np.array([], np.int64), VIEW) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["titel"]}, "kinds"),
        ({"kinds": ["title", "title"]}, "each once"),
        ({"per_doc": 0}, "per_doc must be 1 or more"),
        ({"words": 2}, "words must be 3 or more"),
        ({"questions": ["why?"]}, "expected {phrase} in each"),
        ({"kinds": ["question"], "analyzer": "finnish"}, "no questions for analyzer 'finnish'"),
        ({"analyzer": "englisch"}, "did you mean 'english'"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Extractive(**options)


def test_identity_is_what_changes_queries() -> None:
    assert Extractive(per_doc=2).describe_identity() == Extractive().describe_identity()
    assert Extractive(terms=5).describe_identity() != Extractive().describe_identity()
