"""Versions of one law: one of them before the cut, one result of them, and judgements that name the law."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.application import within
from nirank.algebra.context import Context
from nirank.algebra.stage import Retriever, stage
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.experiment.experiment import Experiment
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.fold_versions import FoldVersions
from nirank.stages.versions import Versions
from nirank.store import LocalStore


def make_version(text: str, work: str, day: str, **more: str) -> dict[str, Any]:
    return {"text": text, "metadata": {"work": work, "version_date": day, **more}}


DOCS: dict[str, Any] = {
    "32022R2065": make_version("digital services", "32022R2065", "2022-10-19"),
    "02022R2065-20230101": make_version("digital services amended", "32022R2065", "2023-01-01"),
    "02022R2065-20250101": make_version("digital services amended again", "32022R2065", "2025-01-01"),
    "32012D0243": make_version("radio spectrum", "32012D0243", "2012-03-14"),
    "note": {"text": "a note on services", "metadata": {"date": "2000-01-01"}},
}
QUERIES: dict[str, Any] = {
    "early": {"text": "digital services", "metadata": {"date": "2022-12-01"}},
    "on the day": {"text": "services", "metadata": {"date": "2023-01-01"}},
    "late": {"text": "digital services amended again", "metadata": {"date": "2026-01-01"}},
    "before all": {"text": "services", "metadata": {"date": "2001-01-01"}},
    "undated": {"text": "services", "metadata": {"date": "9999-12-31"}},
}


@stage
class Shared(Retriever):
    """Score a text by how many words it shares with the query."""

    name = "shared_words"

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        asked = [set(text.split()) for text in queries.columns["text"].to_pylist()]
        said = [set(text.split()) for text in ctx.docs.columns["text"].to_pylist()]  # type: ignore[union-attr]
        scores = np.array([[len(words & other) for other in said] for words in asked], float)
        q, d = np.nonzero(scores)
        inside = scope.allows(q, d)
        q, d = q[inside], d[inside]
        return Ranking.build(queries.ids, scope.docs, q, d, scores[q, d], source=self.name, depth=k)


def list_seen(stage: Versions, queries: Any = QUERIES, docs: Any = DOCS) -> dict[str, list[str]]:
    texts = Texts.of(docs)
    scope = stage.build_scope(Texts.of(queries), texts, Context())
    rows = (scope.list_rows(at) for at in range(len(queries)))
    return {
        query: sorted(texts.ids.take(np.arange(len(texts)) if found is None else found))
        for query, found in zip(queries, rows, strict=True)
    }


def test_one_version_of_each_law_as_of_the_query() -> None:
    assert list_seen(Versions()) == {
        "early": ["32012D0243", "32022R2065", "note"],
        "on the day": ["02022R2065-20230101", "32012D0243", "note"],
        "late": ["02022R2065-20250101", "32012D0243", "note"],
        "before all": ["note"],
        "undated": ["02022R2065-20250101", "32012D0243", "note"],
    }
    assert list_seen(Versions(undated="drop"))["undated"] == []


@pytest.mark.parametrize(("take", "version"), [("adopted", "32022R2065"), ("latest", "02022R2065-20250101")])
def test_as_adopted_and_latest_do_not_ask_for_the_query_s_date(take: Any, version: str) -> None:
    seen = list_seen(Versions(take), {"q": "services"})
    assert seen == {"q": sorted((version, "32012D0243", "note"))}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 9)), min_size=1, max_size=8),
    st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=4),
)
def test_it_is_the_last_version_that_was_there(versions: list[tuple[int, int | None]], asked: list[int | None]) -> None:
    def write(day: int | None) -> str:
        return "1001-01-01" if day is None else (date(2000, 1, 1) + timedelta(day)).isoformat()

    docs = {f"d{at}": make_version("x", f"w{work}", write(day)) for at, (work, day) in enumerate(versions)}
    queries = {f"q{at}": {"text": "x", "metadata": {"date": write(day)}} for at, day in enumerate(asked)}
    expected = {}
    for query, day in zip(queries, asked, strict=True):
        best: dict[int, tuple[int, str]] = {}
        for at, (work, begins) in enumerate(versions):
            place = (-1 if begins is None else begins, f"d{at}")
            if (begins is None or day is None or begins <= day) and place > best.get(work, (-2, "")):
                best[work] = place
        expected[query] = sorted(id for _, id in best.values())
    assert list_seen(Versions(), queries, docs) == expected


def test_versions_are_folded_into_their_best(tmp_path: Path) -> None:
    collection = Collection.of(DOCS, QUERIES, {"late": {"02022R2065-20250101": 1}})
    systems = {"All": Shared(), "Folded": Shared() >> FoldVersions(), "As of": within(Versions(), Shared())}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert not result.failed
    lists = {name: [id for id, _ in result.ranking(name).to_dict()["late"].items()] for name in systems}
    assert lists["All"][:2] == ["02022R2065-20250101", "02022R2065-20230101"]
    assert lists["Folded"] == ["02022R2065-20250101", "note"]
    assert lists["As of"] == ["02022R2065-20250101", "note"]


def test_the_depth_that_is_certain() -> None:
    texts, queries = Texts.of(DOCS), Texts.of({"q": "x"})
    rows = np.arange(4)
    ranking = Ranking.build(queries.ids, texts.ids, np.zeros(4, int), rows, 4.0 - rows, source="test", depth=4)
    folded = FoldVersions().combine([ranking], Context(queries=queries, docs=texts))
    assert (folded.rows.tolist(), folded.depth) == ([0, 3], 2)


def test_a_key_that_no_document_has_is_refused() -> None:
    with pytest.raises(DataError, match=r"versions: no document names its work under 'act'; .* they have work"):
        list_seen(Versions(work="act"))
    with pytest.raises(DataError, match="fold_versions: no document names its work under 'wrk'.*did you mean 'work'"):
        FoldVersions("wrk").check_sides(None, Texts.of(QUERIES), Texts.of(DOCS))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="take: as_of_query needs the queries' dates"):
        list_seen(Versions(), {"q": "services"})


JUDGED = {"late": {"32022R2065": 1, "32012D0243": 2}, "early": {"32022R2065": 1}, "before all": {"32022R2065": 1}}


@pytest.mark.parametrize(
    ("works", "early", "late"),
    [
        ("work", "32022R2065", "02022R2065-20250101"),
        ({"key": "work", "take": "latest"}, "02022R2065-20250101", "02022R2065-20250101"),
        ({"key": "work", "take": "adopted"}, "32022R2065", "32022R2065"),
    ],
)
def test_judgements_that_name_the_law(works: Any, early: str, late: str) -> None:
    """They are of the version that systems are given, and the row says how many there are."""
    collection = Collection.of(DOCS, QUERIES, JUDGED, works=works, max_dangling=1)
    qrels = collection.qrels["qrels"]
    judged = {
        (qrels.queries[q], qrels.docs[d]): grade
        for q, d, grade in zip(qrels.query_rows, qrels.rows, qrels.grades, strict=True)
    }
    before = early if works != "work" else "32022R2065"
    assert judged == {("early", early): 1, ("late", late): 1, ("late", "32012D0243"): 2, ("before all", before): 1}
    take = "as_of_query" if works == "work" else works["take"]
    stated = collection.origin["conventions"]["works"]
    assert stated.startswith(f"qrels: 4 of 4 judgements name a law by 'work', and are of its version {take}")
    assert stated.endswith("1 has none by then") == (take == "as_of_query")


def test_a_law_judged_twice_has_the_greater_label() -> None:
    judged = {"late": {"32022R2065": 1, "02022R2065-20250101": 2}}
    (grade,) = Collection.of(DOCS, QUERIES, judged, works="work").qrels["qrels"].grades.tolist()
    assert grade == 2


def test_a_system_with_one_version_of_each_is_measured_by_laws(tmp_path: Path) -> None:
    collection = Collection.of(DOCS, QUERIES, {"late": {"32022R2065": 1}, "early": {"32022R2065": 1}}, works="work")
    system = within(Versions(), Shared())
    result = Experiment(collection, {"As of": system}, ["RR"], store=LocalStore(tmp_path)).run()
    assert result.rows[0].measures["RR"] == 1.0


@pytest.mark.parametrize(
    ("works", "message"),
    [
        (3, "works must be a metadata key"),
        ({"take": "latest"}, "works must be a metadata key"),
        ({"key": "work", "take": "newest"}, "take is one of as_of_query, adopted, latest, got 'newest'"),
    ],
)
def test_rules_that_cannot_be_meant(works: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Collection.of(DOCS, QUERIES, JUDGED, works=works)


def test_b41_four_acts_and_a_twin(tmp_path: Path) -> None:
    """Parentheses and dashes of CELEX numbers stay; a number that is percent-encoded is named as absent."""
    docs = {
        "32012D0243(01)": {"title": "Decision on an agency's budget lines", "text": "budget of an agency"},
        "32012D0243": {"title": "Decision on radio spectrum policy", "text": "radio spectrum programme"},
        "02022R2065-20221027": {"title": "Digital services, consolidated", "text": "digital services intermediaries"},
        "32022R2065": {"title": "Digital services", "text": "digital services intermediaries"},
    }
    queries = {"q1": "radio spectrum", "q2": "digital services"}
    collection = Collection.of(docs, queries, {"q1": {"32012D0243": 1}, "q2": {"32022R2065": 1}})
    assert list(collection.docs.ids) == list(docs)
    twins = next(finding for finding in collection.findings if finding.code == "twin-bodies")
    assert (twins.count, twins.examples) == (2, ("02022R2065-20221027 = 32022R2065",))
    with pytest.raises(DataError, match=r"q1 32012D0243%2801%29"):
        Collection.of(docs, queries, {"q1": {"32012D0243%2801%29": 1}, "q2": {"32022R2065": 1}})


def test_b45_pool_and_corpus_are_two_rows_that_say_which_they_are(tmp_path: Path) -> None:
    kinds = ("theft", "robbery", "fraud", "arson", "bribery")
    docs = {f"c{at:02}": f"case about {kinds[at % 5]} item{at}" for at in range(40)}
    pooled = [f"c{at:02}" for at in range(1, 12)]
    judged = {"q": {id: 2 * (id in ("c05", "c10")) for id in pooled}}
    queries = {"q": "theft"}
    corpus = Collection.of(docs, queries, judged, name="corpus")
    pool = Collection.of(docs, queries, judged, name="pool", candidates={"q": pooled})
    measures = ["nDCG@10", "Judged@5"]
    result = Experiment([corpus, pool], {"S": Shared()}, measures, store=LocalStore(tmp_path)).run()
    rows = {row.collection: row for row in result.rows}
    assert [len(result.ranking("S", name)) for name in rows] == [8, 2]
    assert (rows["pool"].measures["nDCG@10"], rows["corpus"].measures["nDCG@10"] < 1) == (1.0, True)
    assert rows["pool"].conventions.collection == {"candidates": "11 listed pairs"}
    assert "candidates" not in rows["corpus"].conventions.collection


def test_works_that_no_document_names() -> None:
    with pytest.raises((ConfigError, DataError), match="works: no document names its work under 'act'"):
        Collection.of(DOCS, QUERIES, JUDGED, works="act")
