"""Metadata as text, and views that name what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.application import fold
from nirank.collections.collection import Collection
from nirank.collections.text_fields import value_to_text
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.stages.bm25 import BM25
from nirank.stages.windows import Windows

GOODS = """id,title,brand,modelno,price
1,Camera,Canon,X100,19.0
2,Phone,Nokia,3310,
3,Lens,,,5.5
"""
TOPICS = "id,title,description\nq1,foo,Canon stuff\nq2,bar,3310 thing\n"
QRELS = "query-id\tcorpus-id\tscore\nq1\t1\t1\nq2\t2\t1\n"


@pytest.fixture
def goods(tmp_path: Path) -> Collection:
    for name, text in (("docs.csv", GOODS), ("queries.csv", TOPICS), ("qrels.tsv", QRELS)):
        (tmp_path / name).write_text(text)
    return load(docs=tmp_path / "docs.csv", queries=tmp_path / "queries.csv", qrels=tmp_path / "qrels.tsv")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x ", "x "),
        (None, ""),
        (float("nan"), ""),
        (True, "true"),
        (0, "0"),
        (2009.0, "2009"),
        (-0.0, "0"),
        (19.99, "19.99"),
        (1e300, "1e+300"),
        (["a", None, 2, [" b "]], "a 2 b"),
        ({"first": "Ada", "last": "L"}, "Ada L"),
        ([], ""),
    ],
)
def test_metadata_values_become_text_in_one_way(value: Any, text: str) -> None:
    assert value_to_text(value) == text


def test_metadata_are_read_as_text(goods: Collection) -> None:
    view = TextView(("title", "brand", "modelno"))
    assert list(goods.docs.read(view)) == ["Camera Canon X100", "Phone Nokia 3310", "Lens"]
    assert list(goods.docs.read(TextView("{title}: {brand} ({price})"))) == [
        "Camera: Canon (19.0)",
        "Phone: Nokia ()",
        "Lens:  (5.5)",
    ]
    assert list(goods.queries.read(TextView("description"))) == ["Canon stuff", "3310 thing"]
    assert list(goods.docs.take([2, 0]).read(view)) == ["Lens", "Camera Canon X100"]  # type: ignore[arg-type]


def test_what_is_ranked_by_is_what_the_row_states(goods: Collection) -> None:
    systems = {
        "plain": BM25(),
        "more": BM25(doc_text=("title", "brand", "modelno"), query_text="description"),
        "fields": BM25(fields={"title": 1, "brand": 2}, query_text="description"),
    }
    result = Experiment(goods, systems, ["RR"]).run()
    values = {row.system: row.measures["RR"] for row in result.rows}
    assert values == {"plain": 0.0, "more": 1.0, "fields": 0.5}
    (stages,) = (row.conventions.stages for row in result.rows if row.system == "more")
    (conventions,) = stages.values()
    assert (conventions["doc_text"], conventions["query_text"]) == ("title+brand+modelno", "description")


def test_the_row_says_when_less_was_read_than_the_view_names() -> None:
    table = Collection.of(
        {"1": {"name": "red wine", "maker": ""}, "2": {"name": "tea", "maker": ""}}, {"q": "wine"}, {"q": {"1": 1}}
    )
    systems = {"default": BM25(), "both": BM25(doc_text=("name", "maker"))}
    rows = Experiment(table, systems, ["RR"]).run().rows
    views = {row.system: next(iter(row.conventions.stages.values()))["doc_text"] for row in rows}
    assert views == {"default": "title+text (read: name)", "both": "name+maker (read: name)"}


def test_documents_with_an_empty_view_are_counted(goods: Collection) -> None:
    (row,) = Experiment(goods, {"brand": BM25(doc_text="brand", query_text="description")}, ["RR"]).run().rows
    assert row.counts["empty_documents"] == 1


ABSENT: list[tuple[dict[str, Any], str]] = [
    ({"doc_text": ("title", "brnd")}, "bm25: doc_text title.brnd: .* key 'brnd'; .*; did you mean 'brand'"),
    ({"doc_text": "{titel}"}, "no column or metadata key 'titel'; .*; did you mean 'title'"),
    ({"query_text": "narrative"}, "query_text narrative: .*'narrative'; expected one of title, text, description"),
    ({"fields": {"title": 1, "body": 2}}, "bm25: fields title.body: there is no column or metadata key 'body'"),
    ({"doc_text": "text"}, "doc_text text: no record has any text there; there is text under .*brand"),
    ({"doc_text": "{text}{text}"}, "no record has any text there"),
]


@pytest.mark.parametrize(("options", "message"), ABSENT)
def test_what_a_view_names_and_is_not_there_is_refused_before_anything_runs(
    goods: Collection, options: dict[str, Any], message: str
) -> None:
    for pipeline in (BM25(**options), fold(Windows(10), BM25(**options))):
        experiment = Experiment(goods, {"x": pipeline}, ["RR"])
        with pytest.raises(ConfigError, match=message) as error:
            experiment.check()
        with pytest.raises(ConfigError) as run:
            experiment.run()
        assert str(error.value) == str(run.value)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("{title", "is no template"),
        ("title}", "is no template"),
        ("{title!r}", "alone in each pair of braces"),
        ("{title:>3}", "alone in each pair of braces"),
        ("{}", "alone in each pair of braces"),
        ("{{title}}", "names no column"),
        ("", "names no column"),
        ((), "names no column"),
        (("title", ""), "names no column"),
    ],
)
def test_a_view_that_cannot_be_meant_is_refused(view: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"bm25: doc_text: .*{message}"):
        BM25(doc_text=view)


def test_names_in_templates_may_hold_dots_and_blanks() -> None:
    texts = Texts.of({"1": {"text": "x", "metadata": {"dc.title": "T", "a key": [1, 2]}}})
    assert list(texts.read(TextView("{dc.title}/{a key}"))) == ["T/1 2"]


def test_a_sources_own_names_stand_for_its_columns(tmp_path: Path) -> None:
    (tmp_path / "docs.csv").write_text("id,title,abstract,year\n1,Wine,red grapes,1990\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "grapes"}\n')
    collection = load(docs=tmp_path / "docs.csv", queries=tmp_path / "queries.jsonl")
    assert list(collection.docs.read(TextView(("title", "abstract")))) == ["Wine red grapes"]
    with pytest.raises(DataError, match="no column or metadata key 'body'"):
        list(collection.docs.read(TextView(("title", "body"))))
    rows = Experiment(collection, {"x": BM25(doc_text=("title", "abstract"))}, ["RR"]).run().rows
    (conventions,) = rows[0].conventions.stages.values()
    assert conventions["doc_text"] == "title+abstract (read: title+text)"


def test_queries_taken_from_others_know_their_keys(goods: Collection) -> None:
    topics = Texts.of({"a": {"text": "x", "metadata": {"narrative": "long"}}, "b": "y"})
    assert topics.text_fields.keys == {"narrative": 1}
    second_topic = topics.take([1])  # type: ignore[arg-type]
    assert list(second_topic.read(TextView("narrative"))) == [""]
    with pytest.raises(DataError, match="no record has any text there"):
        second_topic.text_fields.select_fields(TextView("narrative"), "x")


def test_a_mistake_on_one_of_several_collections_names_it(goods: Collection) -> None:
    plain = Collection.of({"1": "wine"}, {"q": "wine"}, {"q": {"1": 1}}, name="plain")
    systems = {"x": BM25(doc_text=("title", "brand")), "y": BM25(doc_text="{nothing}")}
    with pytest.raises(ConfigError) as error:
        Experiment([goods, plain], systems, ["RR"]).check()
    assert sorted(message.rpartition(" ")[2] for message in error.value.messages) == ["docs)", "plain)", "plain)"]


def test_a_fold_is_not_refused_for_what_other_queries_have() -> None:
    topics = {f"q{at}": {"text": "wine", **({"narrative": "red"} if at < 2 else {})} for at in range(8)}
    collection = Collection.of({"1": "red wine"}, topics, {"q0": {"1": 1}})
    part = collection.take(np.array([5, 6]))
    Experiment(part, {"x": BM25(query_text=("text", "narrative"))}, ["RR"]).check()
    Experiment(part, {"x": BM25(query_text="narrative")}, ["RR"]).check()


def test_own_names_are_matched_without_regard_to_case(tmp_path: Path) -> None:
    (tmp_path / "docs.csv").write_text("id,Title,Abstract\n1,Wine,red grapes\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "grapes"}\n')
    collection = load(docs=tmp_path / "docs.csv", queries=tmp_path / "queries.jsonl")
    for names in (("Title", "Abstract"), ("title", "abstract"), ("TITLE", "text")):
        assert list(collection.docs.read(TextView(names))) == ["Wine red grapes"]


def test_documents_without_any_text_are_refused_where_text_is_read() -> None:
    empty = Collection.of({"1": "", "2": " "}, {"q": "wine"}, {"q": {"1": 1}})
    with pytest.raises(ConfigError, match=r"bm25: doc_text title\+text: no record has any text there; all of them are"):
        Experiment(empty, {"x": BM25()}, ["RR"]).run()
