"""Whatever lies where a file is expected: a sentence that names it, or a collection; never another exception."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.flow.judgement_files import read_pairs, read_qrels
from nirank.flow.trec import read_run
from nirank.store import LocalStore

_ROUNDS = 4  # of each good file and each reader
ENDINGS = (
    "jsonl",
    "json",
    "csv",
    "tsv",
    "parquet",
    "trec",
    "xml",
    "txt",
    "ALL",
    "qrels",
    "run",
    "gz",
    "zst",
    "jsonl.gz",
    "",
)


def _pack_parquet(**columns: list[object]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


VALID: dict[str, bytes] = {
    "jsonl": b'{"_id": "a", "title": "t", "text": "x", "metadata": {"year": 1}}\n{"_id": "b", "text": "y"}\n' * 1,
    "json": json.dumps([{"_id": "a", "text": "x"}, {"_id": "b", "text": ["y", 1]}], indent=1).encode(),
    "squad": b'{"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [{"id": "q", "question": "w"}]}]}]}',
    "csv": b'id,title,text\na,"t, u",x\nb,,"y\nz"\n',
    "tsv": b"_id\ttitle\ttext\na\tt\tx\nb\tu\ty\n",
    "parquet": _pack_parquet(_id=["a", "b"], text=["x", "y"], n=[1, 2]),
    "trec": b"<DOC>\n<DOCNO> a </DOCNO>\n<TITLE>t</TITLE>\nx &amp; y\n</DOC>\n<DOC>\n<DOCNO>b</DOCNO>\n</DOC>\n",
    "topics": b"<top>\n<num> Number: 1\n<title> x\n<desc> Description:\ny\n</top>\n",
    "xml": b'<?xml version="1.0"?><topics><topic number="1"><query>x</query></topic></topics>',
    "smart": b".I 1\n.T\nt\n.W\nx\n.I 2\n.W\ny\n",
    "qrels": b"q 0 a 1\nq 0 b 0\n",
    "beir": b"query-id\tcorpus-id\tscore\nq\ta\t1\nq\tb\t0\n",
    "pairs": b"query_id,doc_id\nq,a\n",
    "judged": b'{"q": {"a": 1, "b": 0}}',
    "run": b"q Q0 a 1 2.5 t\nq Q0 b 2 1.5 t\n",
    "judged parquet": _pack_parquet(**{"query-id": ["q"], "corpus-id": ["a"], "score": [1]}),
    "run parquet": _pack_parquet(query=["q"], document=["a"], score=[1.0]),
}
_PIECES = (
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\n",
        b"\r",
        b"\t",
        b" ",
        b'"',
        b",",
        b";",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b"<",
        b">",
        b"</top>",
        b"<DOC>",
        b"&#x110000;",
        b"<!DOCTYPE x>",
        b"nan",
        b"1e999",
        b"-",
        "−1".encode(),
        b"\\ud800",
    ),
    *(
        b"9" * 5000,
        b"[" * 3000,
        b'{"a":' * 3000,
        b"\xe2\x80\xa8",
        b"\x85",
        b"\x1c",
        b"\x0b",
        b"null",
        b"true",
        b"{}",
        b'""',
    ),
)


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Return good bytes with a few cuts, repeats, swaps and strange pieces."""
    raw = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, upto = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
        kind = chance.randrange(5)
        if kind == 0:
            del raw[at : min(upto, at + 20)]
        elif kind == 1:
            raw[at:at] = raw[at:upto]
        elif kind == 2 and raw:
            raw[at % len(raw)] = chance.randrange(256)
        else:
            raw[at:at] = chance.choice(_PIECES)
    return bytes(raw)


def write_mutant(folder: Path, content: bytes, form: str, chance: random.Random) -> Path:
    """Write content under an ending that fits or does not."""
    ending = chance.choice(ENDINGS) if chance.random() < 0.5 else form.split()[-1]
    path = folder / f"given.{ending}".rstrip(".")
    compress = {"gz": gzip.compress, "zst": _pack_zstd}.get(ending.rpartition(".")[2])
    path.write_bytes(compress(content) if compress and chance.random() < 0.8 else content)
    return path


def _pack_zstd(content: bytes) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.CompressedOutputStream(buffer, "zstd") as stream:
        stream.write(content)
    return bytes(buffer.getvalue())


def _load_docs(path: Path, folder: Path) -> object:
    return load(docs=path, queries=folder / "good.jsonl", store=LocalStore(folder / "store"), check=False)


def _load_queries(path: Path, folder: Path) -> object:
    return load(docs=folder / "good.jsonl", queries=path, qrels=path, store=LocalStore(folder / "store"), check=False)


def _load_qrels(path: Path, folder: Path) -> object:
    return load(
        docs=folder / "good.jsonl", queries=folder / "good.jsonl", qrels=path, candidates=path, check=False,
        store=LocalStore(folder / "store"),
    )  # fmt: skip


READERS: tuple[Callable[[Path, Path], object], ...] = (
    _load_docs,
    _load_queries,
    _load_qrels,
    lambda path, folder: read_qrels(path),
    lambda path, folder: read_pairs(path, judgements_too=True),
    lambda path, folder: read_run(path),
)


def try_reader(reader: Callable[[Path, Path], object], path: Path, folder: Path) -> None:
    (folder / "good.jsonl").write_bytes(VALID["jsonl"])
    try:
        reader(path, folder)
    except (DataError, ConfigError) as error:
        for message in error.messages:
            assert path.name[:20] in message or path.stem in message, message
            assert len(message) < 20_000


@pytest.mark.parametrize("form", VALID)
def test_mutated_files(form: str, tmp_path: Path) -> None:
    chance = random.Random(form)
    for number in range(_ROUNDS):
        for at, reader in enumerate(READERS):
            folder = tmp_path / f"{number}-{at}"
            folder.mkdir()
            try_reader(reader, write_mutant(folder, mutate(VALID[form], chance), form, chance), folder)


def test_random_bytes_and_endings(tmp_path: Path) -> None:
    chance = random.Random(7)
    for number, ending in enumerate(ENDINGS):
        for at, reader in enumerate(READERS):
            folder = tmp_path / f"{number}-{at}"
            folder.mkdir()
            content = chance.choice((b"", b" ", b"\n\n", b"\xef\xbb\xbf", chance.randbytes(chance.randrange(300))))
            path = folder / f"given.{ending}".rstrip(".")
            path.write_bytes(content)
            try_reader(reader, path, folder)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "round").symlink_to(tmp_path / "inside")
    (tmp_path / "inside" / "loop.jsonl").symlink_to(tmp_path / "inside" / "loop.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "closed.jsonl").write_bytes(VALID["jsonl"])
    (tmp_path / "closed.jsonl").chmod(0)
    os.mkfifo(tmp_path / "inside" / "pipe")
    names = ("empty", "loop", "dangling.jsonl", "inside", "folder.jsonl", "folder.parquet", "closed.jsonl", "absent")
    for name in (*names, "x" * 300, "absent/inside.jsonl", "closed.jsonl/x"):
        for reader in READERS:
            try_reader(reader, tmp_path / name, tmp_path)
