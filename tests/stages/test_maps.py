"""Text maps and the scope of listed documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.stages.first_words import FirstWords
from nirank.stages.only import Only, read_id_file
from nirank.stages.windows import Windows

DOCS = Texts.of({"a": {"title": "T", "text": "one two three four five", "metadata": {"year": 5}}, "b": {"text": ""}})
SIDES = Sides(Node.leaf("texts", "q", "q"), Node.leaf("texts", "d", "d"), collection="c", split="test")


def test_first_words_of_title_and_text() -> None:
    texts = FirstWords(3).map(DOCS, None, Context())
    assert texts[0] == {"id": "a", "text": "T one two", "metadata": {"year": 5}} and texts[1]["text"] == ""
    assert texts.parents is not None and texts.parents.tolist() == [0, 1]
    queries = Texts.of({"q": "  a\tb\nc ", "r": "a"})
    assert FirstWords(2).map(queries, None, Context()).columns["text"].to_pylist() == ["a b", "a"]
    with pytest.raises(ConfigError, match="first_words: words must be 1 or more, got 0"):
        FirstWords(0)


def test_windows_repeat_the_title_and_end_with_the_text() -> None:
    passages = Windows(3, overlap=1).map(DOCS, None, Context())
    assert [passages[row] for row in range(len(passages))] == [
        {"id": "a#0", "title": "T", "metadata": {"year": 5}, "text": "one two three"},
        {"id": "a#1", "title": "T", "metadata": {"year": 5}, "text": "three four five"},
        {"id": "b#0", "title": "", "metadata": {}, "text": ""},
    ]
    assert passages.parents is not None and passages.parents.tolist() == [0, 0, 1]
    assert Windows(2).map(DOCS, None, Context()).columns["text"].to_pylist() == ["one two", "three four", "five", ""]


@given(st.lists(st.integers(0, 30), max_size=4), st.integers(1, 8), st.data())
@settings(max_examples=60, deadline=None)
def test_windows_cover_every_word_once_but_for_the_overlap(lengths: list[int], words: int, data: Any) -> None:
    overlap = data.draw(st.integers(0, words - 1))
    texts = Texts.of({f"d#{i}": " ".join(map(str, range(n))) for i, n in enumerate(lengths)})
    passages = Windows(words, overlap).map(texts, None, Context())
    assert passages.parents is not None and not passages.ids.find_duplicates()
    for row, length in enumerate(lengths):
        windows = [passages[int(i)]["text"].split() for i in np.flatnonzero(np.asarray(passages.parents) == row)]
        joined = windows[0] + [word for window in windows[1:] for word in window[overlap:]]
        assert joined == [str(i) for i in range(length)]
        assert all(len(window) == words for window in windows[:-1])
        assert len(windows) == 1 or len(windows[-1]) > overlap  # none lies inside the one before


def test_maps_of_no_texts() -> None:
    no_texts = DOCS.take(np.empty(0, np.int64))
    assert len(Windows(3).map(no_texts, None, Context())) == len(FirstWords().map(no_texts, None, Context())) == 0


def test_windows_refuse() -> None:
    for sizes in ((0,), (3, 3), (3, -1)):
        with pytest.raises(ConfigError, match="windows: "):
            Windows(*sizes)
    with pytest.raises(DataError, match="there is no column or metadata key 'text'"):
        Windows(3).map(Texts.from_columns(DOCS.ids, [{"body": "x"}] * 2), None, Context())


def list_allowed(stage: Only, docs: Texts) -> list[str]:
    ctx = Context()
    queries = Texts.of({"q": "", "r": ""})
    scope = stage.build_scope(queries, docs, ctx)
    assert scope.list_pairs().to_dict()["q"] == scope.list_pairs().to_dict()["r"]
    return scope.list_pairs().to_dict()["q"]


def test_only_listed_documents() -> None:
    assert list_allowed(Only(("b",)), DOCS) == ["b"]
    assert list_allowed(Only(["b", "a", "b"]), DOCS) == ["a", "b"]  # type: ignore[arg-type]
    docs = Texts.of({f"doc{i}": "" for i in range(20)})
    with pytest.raises(ConfigError) as error:
        list_allowed(Only(tuple(f"dok{i}" for i in range(8))), docs)
    assert error.value.messages[0] == "only: docs: 'dok0' is not a document of the collection; did you mean 'doc0'?"
    assert len(error.value.messages) == 6 and error.value.messages[-1] == "… and 3 more"


def test_only_from_a_file(tmp_path: Path) -> None:
    file, twin = tmp_path / "c-test.txt", tmp_path / "twin.txt"
    file.write_bytes(b"\xef\xbb\xbfb\r\n\r\na\r\nb\r\n")
    twin.write_bytes(file.read_bytes())
    stage = Only(path=str(tmp_path / "{collection}-{split}.txt"))
    (node,) = stage.plan_inputs(SIDES)
    assert node.address == Only(path=str(twin)).plan_inputs(SIDES)[0].address
    assert stage.describe_identity() == Only(path=str(twin)).describe_identity()
    ctx, folder = Context(), tmp_path / "out"
    folder.mkdir()
    read_id_file(Job(node.params, {"docs": [DOCS]}, folder, ctx, node.stage))
    assert np.load(folder / "rows.npy").tolist() == [0, 1] and ctx.counts["repeated_ids"] == 1
    scope = stage.build_scope(Texts.of({"q": ""}), DOCS, Context(inputs=(folder,)))
    assert scope.list_pairs().to_dict() == {"q": ["a", "b"]}
    file.write_text("a\nx\n")
    (node,) = stage.plan_inputs(SIDES)
    with pytest.raises(DataError, match=r"c-test\.txt:2: 'x' is not a document of the collection"):
        read_id_file(Job(node.params, {"docs": [DOCS]}, folder, ctx, node.stage))
    file.write_text("\n")
    (node,) = stage.plan_inputs(SIDES)
    with pytest.raises(DataError, match="holds no ids; expected one a line"):
        read_id_file(Job(node.params, {"docs": [DOCS]}, folder, ctx, node.stage))


def test_only_refuses() -> None:
    with pytest.raises(ConfigError, match="only: expected either docs or path, got neither"):
        Only()
    with pytest.raises(ConfigError, match="only: expected either docs or path, got both"):
        Only(("a",), "file")
    with pytest.raises(ConfigError, match="only: docs: input should be a list, got 'abc'"):
        Only("abc")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="only: docs: input should be a valid string, got 5"):
        Only((5,))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="there is no such file"):
        Only(path="gone.txt").plan_inputs(SIDES)
