"""Folders of case law: a text a case, labels in JSON, queries in the pool or in a folder of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nirank.collections.sources.coliee import is_coliee
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load

CASES = {
    "000001.txt": "[1] The applicant seeks judicial review of a decision.\n[2] Unreasonable. <FRAGMENT_SUPPRESSED>\n",
    "000002.txt": "[1] The Minister refused the permit.\n[2] Costs to the respondent.\n",
    "000003.txt": "[1] A permit lapses.\n",
}
LABELS = {"000001.txt": ["000002.txt"], "000002.txt": ["000001.txt", "000003.txt"]}


def write_texts(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def test_b47_files_one_by_one(tmp_path: Path) -> None:
    """A folder of texts is a side whose ids are the files' names; labels are a mapping of lists."""
    pool = write_texts(tmp_path / "pool", CASES)
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    (tmp_path / "qrels.txt").write_text("000001.txt 0 000002.txt 1\n")
    (tmp_path / "q.jsonl").write_text('{"_id": "000001.txt", "text": "judicial review of a permit"}\n')
    for labels in ("labels.json", "qrels.txt"):
        collection = load(docs=pool, queries=tmp_path / "q.jsonl", qrels=tmp_path / labels)
        assert list(collection.docs.ids) == list(CASES)
        assert collection.docs[0]["text"] == CASES["000001.txt"]
        assert collection.qrels["qrels"].rows.tolist() == [1]
    (tmp_path / "single.txt").write_text("Section 12\tThe permit lapses.")
    with pytest.raises(DataError, match=r"single\.txt: is one line with a tab: a text, or a table of one row"):
        load(docs=tmp_path / "single.txt", queries=tmp_path / "q.jsonl")
    with pytest.raises(DataError, match=r"000001\.txt: is plain text; its form is not recognised"):
        load(docs=pool / "000001.txt", queries=tmp_path / "q.jsonl")


@pytest.mark.parametrize("short", [False, True])
def test_queries_named_within_the_pool_are_no_answers_to_themselves(short: bool, tmp_path: Path) -> None:
    folder = tmp_path / "task1"
    write_texts(folder / "task1_files", CASES | {"000004.txt": "[1] Nobody asks this."})
    labels = {key[:6]: [id[:6] for id in ids] for key, ids in LABELS.items()} if short else LABELS
    (folder / "task1_labels.json").write_text(json.dumps(labels))
    assert is_coliee(folder)
    collection = load(folder)
    assert (len(collection.docs), list(collection.queries.ids)) == (4, ["000001.txt", "000002.txt"])
    qrels = collection.qrels["qrels"]
    assert qrels.rows.tolist() == [1, 0, 2]
    assert collection.self_match == "id"
    assert collection.scope is not None
    assert [collection.scope.list_rows(q).tolist() for q in (0, 1)] == [[1, 2, 3], [0, 2, 3]]  # type: ignore[union-attr]


def test_query_cases_in_a_folder_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write_texts(folder / "pool", CASES)
    write_texts(folder / "queries", {"q1.txt": "permit review"})
    (folder / "labels.json").write_text('{"q1": ["000002", "000009.txt"]}')
    collection = load(folder, max_dangling=0.6)
    assert list(collection.queries.ids) == ["q1.txt"]
    assert collection.self_match == "keep"
    assert collection.qrels["qrels"].rows.tolist() == [-1, 1]
    dangling = next(finding for finding in collection.findings if finding.code == "dangling-judgements")
    assert dangling.examples == ("q1.txt 000009.txt",)


def test_splits_have_labels_and_perhaps_folders_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    for split, number in (("train", "1"), ("test", "2")):
        texts = {f"{number}00{at}.txt": f"case {number} {at}" for at in range(3)}
        write_texts(folder / f"task1_{split}_files_2024", texts)
        (folder / f"task1_{split}_labels_2024.json").write_text(json.dumps({f"{number}000.txt": [f"{number}001.txt"]}))
    assert list(load(folder).queries.ids) == ["2000.txt"]
    train = load(folder, split="train")
    assert (list(train.queries.ids), len(train.docs)) == (["1000.txt"], 3)
    assert list(load(folder / "train").docs.ids) == ["1000.txt", "1001.txt", "1002.txt"]
    with pytest.raises(ConfigError, match="there is no split 'dev'; it has test, train"):
        load(folder, split="dev")


def test_a_folder_that_cannot_be_told_says_what_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    for name in ("pool", "more"):
        write_texts(folder / name, CASES)
    (folder / "labels.json").write_text(json.dumps(LABELS))
    with pytest.raises(DataError, match=r"has several folders of cases \(more, pool\); expected one"):
        load(folder)


def test_markdown_and_html_are_texts_with_titles(tmp_path: Path) -> None:
    pool = write_texts(
        tmp_path / "pool",
        {
            "a.md": "# Water permits\n\nA permit is *needed*.\n\n## Fees\n\nNone.\n",
            "b.markdown": "Fees\n====\n\nOf fees.\n",
            "c.html": (
                "<!DOCTYPE html><html><head><title>Site</title><style>p {}</style><script>var x = '<p>no</p>';</script>"
                "</head><body><h1>Air <em>quality</em></h1><p>First<br>second<p>third &amp; last"
                "<table><tr><td>Band</td><td>Fee</td></tr><tr><td><p>A</p></td><td><p>100</p></td></tr></table>"
                "<ul><li>one<li>two</ul></body></html>"
            ),
            "d.htm": "<title>Only a title</title>H<sub>2</sub>O",
            "e.txt": "# no Markdown",
        },
    )
    (pool / "f.html").write_bytes('<meta charset="iso-8859-1"><p>caf\u00e9 \u20ac</p>'.encode("cp1252"))
    (tmp_path / "q.jsonl").write_text('{"_id": "q", "text": "permit"}\n')
    docs = load(docs=pool, queries=tmp_path / "q.jsonl").docs
    assert [docs[row]["title"] for row in range(6)] == [
        "Water permits",
        "Fees",
        "Air quality",
        "Only a title",
        "",
        "",
    ]
    assert docs[0]["text"].startswith("\nA permit is *needed*.")
    assert docs[2]["text"] == "First\nsecond\nthird & last\nBand Fee\nA 100\none\ntwo"
    assert [docs[row]["text"] for row in (3, 4, 5)] == ["H2O", "# no Markdown", "caf\u00e9 \u20ac"]
    assert list(docs.ids)[2] == "c.html"
    alone = load(docs=pool / "c.html", queries=tmp_path / "q.jsonl").docs
    assert alone[0] == docs[2]
