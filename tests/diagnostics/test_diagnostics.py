"""D1 to D7 by hand and by what they must obey, on made lists."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nirank.collections.dates import read_dates
from nirank.collections.texts import Texts
from nirank.diagnostics.ceiling import measure_ceiling
from nirank.diagnostics.contradiction import Contradiction, measure_contradiction
from nirank.diagnostics.diagnosis import Diagnostics, parse_diagnostics
from nirank.diagnostics.duplicates import group_near_duplicates, measure_duplicates
from nirank.diagnostics.lists import JudgedLists, measure_means
from nirank.diagnostics.query_length import profile_length
from nirank.diagnostics.relation_leak import RelationLeak, measure_leak
from nirank.diagnostics.reliance import MixedScores, measure_reliance
from nirank.diagnostics.time_profile import TimeProfile, profile_time
from nirank.errors import ConfigError
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


def make_ranking(lists: dict[str, str], docs: Texts) -> Ranking:
    """Lists of documents with one letter each, best first."""
    scores = {query: {doc: float(-at) for at, doc in enumerate(order)} for query, order in lists.items()}
    return Ranking.from_dict(scores, docs=docs.ids)


def make_docs(text: str = "abcdef") -> Texts:
    return Texts.of(dict.fromkeys(text, "x"))


def judge(labels: dict[str, dict[str, int]], ranking: Ranking) -> Qrels:
    return Qrels.from_dict(labels, ranking.queries, ranking.docs)


# -- D1


def test_d1_tau_and_what_is_left_without_the_pre_fetcher() -> None:
    docs = make_docs()
    fetched, ranking = make_ranking({"q": "abcd", "p": "abc"}, docs), make_ranking({"q": "abdc", "p": "cba"}, docs)
    qrels = judge({"q": {"a": 1}, "p": {"a": 1}}, ranking)
    s_p = np.array([4.0, 3, 1, 2, 0, 1, 2])  # q: a b d c; p: c b a
    s_r = np.array([0.0, 1, 2, 0, 6, 4, 0])
    found = measure_reliance(fetched, ranking, qrels, 4, MixedScores(ranking, 0.5, -2.0, s_r, s_p), 0.25)
    assert found.tau == pytest.approx((4 / 6 - 1) / 2)  # one of six pairs is turned; all three
    prefetcher, reranker = 2 * np.std(s_p), 0.5 * np.std(s_r)
    assert found.share == pytest.approx(prefetcher / (prefetcher + reranker))
    assert (found.trained_share, found.without) == (0.25, 0.0)
    alone = measure_reliance(fetched, ranking, qrels, 2, None)
    assert alone.share is None and "stands alone" in alone.no_share
    assert alone.tau == 1.0, "the heads of q are alike, those of p share b alone"


def test_d1_weights_say_nothing_without_the_spread() -> None:
    """Trap 4 of the sheet: the same lists with scores a thousand times as large and weights a thousandth."""
    docs, random = make_docs(), np.random.default_rng(1)
    ranking = make_ranking({"q": "abcdef"}, docs)
    qrels = judge({"q": {"a": 1}}, ranking)
    s_r, s_p = random.random(6), random.random(6)
    shares = [
        measure_reliance(ranking, ranking, qrels, 6, MixedScores(ranking, w_r, 0.3, s_r * scale, s_p)).share
        for w_r, scale in ((0.7, 1.0), (0.0007, 1000.0))
    ]
    assert shares[0] == pytest.approx(shares[1])


# -- D2


def contradict(docs: dict[str, str], relevant: list[str]) -> Contradiction:
    texts = Texts.of(docs)
    queries = Texts.of({"q": "an act on wine", "empty": "nothing"})
    ranking = Ranking.from_dict({"q": {doc: float(-at) for at, doc in enumerate(docs)}}, queries.ids, texts.ids)
    qrels = judge({"q": dict.fromkeys(relevant, 1)}, ranking)
    found = measure_contradiction(JudgedLists("made/train", queries, texts, qrels, ranking), 100)
    assert isinstance(found, Contradiction)
    return found


def test_r10_twins_with_one_word_changed_contradict() -> None:
    """Each relevant document has a twin that is not relevant and differs in one word of two hundred."""
    random = np.random.default_rng(3)
    docs: dict[str, str] = {}
    for at in range(8):
        words = [f"w{at}x{word}" for word in random.integers(0, 60, 200)]
        docs[f"d{at}"] = " ".join(words)
        words[100] = f"other{at}"
        docs[f"twin{at}"] = " ".join(words)
    found = contradict(docs, [f"d{at}" for at in range(8)])
    assert found.positives == 8
    for cosine in (0.9, 0.95, 0.98):
        assert dict(found.documents)[cosine] == dict(found.pairs)[cosine] == 1.0
    apart = contradict({name: text for name, text in docs.items() if name[0] == "d"}, ["d0", "d1"])
    assert dict(apart.documents) == {0.9: 0.0, 0.95: 0.0, 0.98: 0.0, 0.99: 0.0}


def test_d2_entropy_by_hand() -> None:
    """Ten documents with one text, three of them relevant: any ten nearest are all of them."""
    found = contradict({f"d{at}": "wine act" for at in range(10)}, ["d1", "d4", "d7"])
    assert found.entropy == pytest.approx(-(0.3 * math.log2(0.3) + 0.7 * math.log2(0.7)))
    assert dict(found.documents)[0.99] == 1.0


def test_d2_needs_relevant_and_other_documents_in_a_list() -> None:
    texts, queries = Texts.of({"a": "x", "b": "y"}), Texts.of({"q": "x"})
    ranking = Ranking.from_dict({"q": {"a": 2.0}}, queries.ids, texts.ids)
    qrels = judge({"q": {"a": 1}}, ranking)
    message = measure_contradiction(JudgedLists("made", queries, texts, qrels, ranking), 10)
    assert message == "no list of made has both relevant and other documents among its first 10"


# -- D3


def test_d3_no_order_of_the_head_does_better() -> None:
    docs = make_docs("abcdefgh")
    fetched = make_ranking({"q": "abcdefgh", "p": "hgfedcba"}, docs)
    qrels = judge({"q": {"c": 2, "d": 1, "h": 1}, "p": {"a": 1}}, fetched)
    found = measure_ceiling(fetched, fetched, qrels, 4)
    # q: c and d of three are in the head; p: its one is not.
    assert found.recall == pytest.approx((2 / 3 + 0) / 2)
    assert found.oracle["Rprec"] == pytest.approx((2 / 3 + 0) / 2)
    random = np.random.default_rng(0)
    for _ in range(30):
        head = fetched.cut(4)
        other = head.rescore(random.random(len(head)), source="random")
        means = measure_means(other, qrels)
        assert all((means[name] or 0) <= (found.oracle[name] or 0) + 1e-12 for name in means), "R8"


# -- D4


def test_d4_groups_are_found_and_count_once() -> None:
    random = np.random.default_rng(5)
    base = [f"w{word}" for word in random.integers(0, 5000, 300)]
    changed = [*base[:150], "other", *base[151:]]  # 5 of 296 shingles
    docs = Texts.of(
        {"a": " ".join(base), "b": "another text entirely", "c": " ".join(changed), "d": " ".join(base[:150]), "e": ""}
    )
    groups = group_near_duplicates(docs)
    assert groups.tolist() == [0, 1, 0, 3, 4]
    ranking = make_ranking({"q": "cabd"}, docs)
    qrels = judge({"q": {"a": 1, "b": 1}}, ranking)
    found = measure_duplicates(ranking, qrels, groups)
    assert (found.groups, found.documents, found.largest) == (1, 2, 2)
    assert (found.reached["Rprec"], found.once["Rprec"]) == (0.5, 1.0)


def test_d4_without_duplicates_nothing_changes() -> None:
    docs = make_docs()
    ranking = make_ranking({"q": "fedcba", "p": "abc"}, docs)
    qrels = judge({"q": {"a": 1, "d": 2}, "p": {"f": 1}}, ranking)
    found = measure_duplicates(ranking, qrels, np.arange(6))
    assert found.once == found.reached and found.groups == 0


# -- D5


def dated_lists(query: str, dates: dict[str, Any], relevant: list[str]) -> JudgedLists:
    docs = Texts.of({id: {"text": "x", "metadata": {"date": date}} for id, date in dates.items()})
    queries = Texts.of({"q": {"text": "x", "metadata": {"date": query}}})
    ranking = Ranking.from_dict({"q": dict.fromkeys(dates, 1.0)}, queries.ids, docs.ids)
    qrels = judge({"q": {doc: int(doc in relevant) for doc in dates}}, ranking)
    return JudgedLists("made", queries, docs, qrels, ranking, *(read_dates(side, "date") for side in (queries, docs)))


def test_d5_gaps_and_what_windows_leave_out() -> None:
    dates = {"a": "2014", "b": "2013-05-01", "c": "2013", "d": None, "e": "2000", "f": "2016", "g": "2015"}
    found = profile_time(dated_lists("2015-06-07", dates, list("abcdef")))
    assert isinstance(found, TimeProfile)
    assert found.gaps == ((-1, 1), (1, 1), (2, 2), (15, 1)) and found.undated == 1
    assert dict(found.outside)[1] == pytest.approx(4 / 5) and dict(found.outside)[10] == pytest.approx(2 / 5)
    later = profile_time(dated_lists("2000", {"a": "2001", "b": "2003", "c": "1990"}, list("abc")))
    assert isinstance(later, TimeProfile) and later.later
    assert dict(later.outside)[1] == pytest.approx(2 / 3) and dict(later.outside)[3] == pytest.approx(1 / 3)


def test_d5_says_why_it_has_nothing() -> None:
    lists = dated_lists("2015", {"a": None}, ["a"])
    assert profile_time(lists) == "no relevant pair of made has a date on both sides"


# -- D7


def test_d7_by_quartile_and_by_what_an_encoder_reads() -> None:
    docs = make_docs()
    lengths = {"p": 3, "q": 1000, "r": 20, "s": 500, "t": 7}
    queries = Texts.of({query: "word " * n for query, n in lengths.items()})
    scores = {query: {"a": 2.0, "b": 1.0} for query in lengths}
    ranking = Ranking.from_dict(scores, queries.ids, docs.ids)
    qrels = Qrels.from_dict({"p": {"a": 1}, "q": {"b": 1}, "r": {"a": 1}, "s": {"b": 1}}, queries.ids, docs.ids)
    found = profile_length(
        JudgedLists("made", queries, docs, qrels, ranking), ranking, "model", np.array([1, 0.05, 1, 0.6, 1])
    )
    assert [(part.name, part.measures["Rprec"]) for part in found.by_length] == [
        ("3 to 3 words", 1.0),
        ("20 to 20 words", 1.0),
        ("500 to 500 words", 0.0),
        ("1,000 to 1,000 words", 0.0),
    ]
    assert [(part.name, part.queries) for part in found.by_share] == [
        ("0% to below 10%", 1),
        ("50% to below 100%", 1),
        ("all of it", 2),
    ]
    assert found.seen == pytest.approx((1 + 0.05 + 1 + 0.6) / 4)


# -- what is asked for


def test_what_is_asked_for() -> None:
    assert parse_diagnostics(None) is None and parse_diagnostics(False) is None
    assert parse_diagnostics(True) == Diagnostics()
    assert parse_diagnostics(["time", "leak"]) == Diagnostics(("time", "leak"))
    assert parse_diagnostics("time") == Diagnostics(("time",))
    for given, message in (
        (
            ["tyme"],
            "there is no 'tyme'; there are reliance, contradiction, ceiling, duplicates, time, leak, length; did you mean 'time'?",
        ),
        (["time", "time"], "each once"),
        ([], "expected some of"),
        (3, "expected True, names, or"),
    ):
        with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
            parse_diagnostics(given)


# -- D6


def test_d6_pairs_that_name_each_other() -> None:
    docs = Texts.of({"A1": "an act", "B2": "an act that amends #Q1", "C3": "an act", "D4": "an act", "none": "x"})
    queries = Texts.of({"Q1": "an act under #A1 and #E5", "Q2": "an act under nothing"})
    ranking = Ranking.from_dict(
        {"Q1": {"C3": 4.0, "A1": 3.0, "D4": 2.0, "B2": 1.0}, "Q2": {"D4": 2.0, "A1": 1.0}}, queries.ids, docs.ids
    )
    qrels = judge({"Q1": {"A1": 1, "B2": 1, "C3": 1}, "Q2": {"A1": 1}}, ranking)

    def find_names(text: str) -> list[str]:
        return [word[1:] for word in text.split() if word.startswith("#")]

    names = [[frozenset({id} if id != "none" else ()) for id in side.ids] for side in (queries, docs)]
    found = measure_leak(JudgedLists("made", queries, docs, qrels), ranking, find_names, *names)
    assert isinstance(found, RelationLeak)
    assert (found.pairs, found.forward, found.backward, found.either) == (4, 1, 1, 2)
    # Without C3 the list of Q1 is A1, D4, B2; without A1 and B2 it is C3, D4.
    assert (found.named.queries, found.named.measures["Rprec"]) == (1, 0.5)
    assert (found.others.queries, found.others.measures["Rprec"]) == (2, 0.5)
    nameless = measure_leak(JudgedLists("made", queries, docs, qrels), ranking, find_names, *[[frozenset()] * 5] * 2)
    assert nameless == "no relevant document of made has a number that texts could name"
