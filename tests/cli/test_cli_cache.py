"""nirank cache: what is stored, why it differs, whether it is whole, what can go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from click.testing import CliRunner, Result

from nirank.base.amounts import format_size, parse_age, parse_size
from nirank.base.identity import digest
from nirank.base.memo import hash_texts
from nirank.cli.cache_commands import _format_age
from nirank.cli.main import cli
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.inference.models import resolve
from nirank.stages.bm25 import BM25
from nirank.store import LocalStore, local
from nirank.store.inventory import list_items
from nirank.store.memo import describe_type, parse_type

DOCS = {"a": "red apple", "b": "green pear"}
VECTOR = np.dtype([("vector", "<f4", (3,)), ("tokens", "<u4")])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


def fill(store: LocalStore, k1: float = 0.9, docs: dict[str, str] = DOCS, b: float = 0.4) -> None:
    one = Collection.of(docs, {"q": "apple"}, {"q": {"a": 1}}, name="fruits")
    Experiment(one, {"BM25": BM25(k1=k1, b=b)}, ["RR"], store=store).run()


def cache(*arguments: str, code: int = 0) -> str:
    done: Result = CliRunner().invoke(cli, ["cache", *arguments], catch_exceptions=True)
    if isinstance(done.exception, ConfigError):
        assert code == 2, done.exception
        return str(done.exception)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def addresses(store: LocalStore) -> dict[str, str]:
    return {one.address: one.label for one in list_items(store)}


def test_what_is_stored_is_listed_the_largest_first(store: LocalStore) -> None:
    assert "0 stored, 0 B" in cache("ls")
    fill(store)
    store.open_memo({"pair scores": {"model": "m"}}, np.dtype("<f4")).put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    store.open_memo({"embeddings": {}}, VECTOR).put(hash_texts("ab"), np.zeros(2, VECTOR), 1.0)
    listed = cache("ls")
    assert "index of fruits documents" in listed and "ranking   BM25()\n" in listed
    assert "memo      pair scores, 3 rows of 4 bytes" in listed
    assert "embeddings, 2 rows of 16 bytes" in listed
    sizes = [one.bytes for one in list_items(store)]
    assert sizes == sorted(sizes, reverse=True)
    assert "2 stored" in cache("ls", "--kind", "memo")
    assert "1 stored" in cache("ls", "--kind", "memo", "--larger", "250B")
    assert "kind 'memos'; there are folder, memo, ranking; did you mean 'memo'?" in cache(
        "ls", "--kind", "memos", code=2
    )
    assert "an address that begins with 'zz'" in cache("ls", "zz", code=2)


def test_what_earlier_rules_addressed_is_said_listed_and_can_go(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(local, "ADDRESSING", 1)
        fill(store, docs={"a": "red apple", "b": "plum"})
        fill(store)
    assert all(one.earlier for one in list_items(store)) and len(list_items(store)) == 4
    size = format_size(sum(one.bytes for one in list_items(store)))
    caplog.set_level("INFO", "nirank")
    fill(store)
    said = [one.getMessage() for one in caplog.records if "cache rm --earlier" in one.getMessage()]
    assert said == [
        f"the store holds 4 artifacts ({size}) that an earlier version addressed by other rules: they are computed"
        " again; nirank cache rm --earlier removes the old ones"
    ]
    old = [one for one in list_items(store) if one.earlier]
    size = format_size(sum(one.bytes for one in old))
    assert len(old) == 2 and len(list_items(store)) == 4, "what has the same address was replaced"
    caplog.clear()
    fill(store)
    assert "--earlier" not in caplog.text, "nothing was computed"
    listed = cache("ls")
    assert listed.count("(addressed by earlier rules)") == 2 and f"2 of them, {size}, were addressed by" in listed
    assert "2 removed" in cache("rm", "--earlier")
    assert len(list_items(store)) == 2 and "earlier" not in cache("ls")
    fill(store, k1=2.0)
    assert "--earlier" not in caplog.text


def test_why_names_the_field_that_differs(store: LocalStore) -> None:
    fill(store)
    fill(store, k1=1.2)
    for far in (0.1, 0.2, 0.3, 0.5, 0.6):
        fill(store, k1=far, b=far)
    (mine,) = (one.meta["address"] for one in store.read_artifacts() if one.meta["label"] == "BM25(1.2)")
    told = cache("why", mine[:10])
    assert "differs from its nearest relative" in told
    assert "\n  stage.options.k1: 1.2 here, the default there\n" in told
    assert "need: " in told and "index of fruits documents" in told


def test_why_follows_inputs_down_to_the_data(store: LocalStore) -> None:
    fill(store)
    fill(store, docs={**DOCS, "b": "green pear, changed"})
    newest = max(store.read_artifacts(), key=lambda one: (one.meta["kind"] == "ranking", one.folder.stat().st_mtime_ns))
    told = cache("why", newest.meta["address"])
    assert "docs: another content of fruits documents" in told
    assert "need › texts: another content of fruits documents" in told


def test_why_of_something_alone_and_of_nothing(store: LocalStore) -> None:
    fill(store)
    ranking = next(one for one in list_items(store) if one.kind == "ranking")
    assert "nothing else in the store was made by this task" in cache("why", ranking.address)
    assert "no artifact has an address that begins with 'zz'" in cache("why", "zz", code=2)
    assert "several artifacts" in cache("why", "", code=2)


def test_trap_41_verify_finds_a_flipped_byte_in_artifact_and_memo(store: LocalStore) -> None:
    fill(store)
    store.open_memo({"pair scores": {}}, np.dtype("<f4")).put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    assert "3 checked" in cache("verify") and "none damaged" in cache("verify")
    (rows,) = store.root.glob("artifacts/*/*/scores.npy")
    (segment,) = store.root.glob("memos/*/*.memo")
    for path in (rows, segment):
        raw = bytearray(path.read_bytes())
        raw[-9] ^= 1
        path.write_bytes(raw)
    told = cache("verify", code=1)
    assert (
        "damaged, removed" in told and "scores.npy does not match its checksum" in told and "1 of its segments" in told
    )
    assert "2 damaged" in told
    assert not rows.exists() and not segment.exists()
    assert "none damaged" in cache("verify")


def test_descriptions_that_cannot_be_read_stop_nothing(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    fill(store)
    memo = store.open_memo({"pair scores": {}}, np.dtype("<f4"))
    memo.put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    (described,) = store.root.glob("memos/*/memo.json")
    for broken in ("[]", "{", '{"space": 1, "row": 7}', "{}"):
        described.write_text(broken)
        assert "2 stored" in cache("ls"), broken
        memo.put(hash_texts("x"), np.zeros(1, "<f4"), 1.0)
        assert "3 stored" in cache("ls")
    (ranking,) = store.root.glob("artifacts/*/*/scores.npy")
    (ranking.parent / "artifact.json").write_text('{"files": []}')
    assert "2 stored" in cache("ls")
    fill(store)
    assert "3 stored" in cache("ls")


def test_rm_removes_what_all_conditions_choose(store: LocalStore) -> None:
    fill(store)
    old = next(one for one in list_items(store) if one.kind == "ranking")
    then = time.time() - 10 * 86_400
    os.utime(old.folder / "artifact.json", (then, then))
    assert "name addresses or conditions, or --all" in cache("rm", code=2)
    assert "1 would be removed" in cache("rm", "--older", "7d", "--dry-run")
    assert len(list_items(store)) == 2
    assert "0 removed" in cache("rm", "--older", "7d", "--kind", "folder")
    assert "1 removed" in cache("rm", "--older", "7d")
    assert [one.kind for one in list_items(store)] == ["folder"]
    assert not list(store.root.glob("artifacts/*/.removed*"))
    fill(store)
    assert "1 removed" in cache("rm", list_items(store)[0].address[:8])
    assert "1 removed" in cache("rm", "--all")
    assert list_items(store) == []


def test_rm_takes_memos_that_no_system_of_a_configuration_uses(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "a", "text": "w1 w2"}\n{"_id": "b", "text": "w1"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "w1"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    model, other = (tiny_models.bi_encoder(tmp_path / name, seed=seed) for name, seed in (("one", 5), ("two", 6)))

    def run(name: str, system: str) -> str:
        config = tmp_path / f"{name}.yaml"
        config.write_text(f"collections: [{folder}]\nsystems:\n  S: {system}\nmeasures: [RR]\ndevice: cpu\n")
        done = CliRunner().invoke(cli, ["run", str(config), "--quiet", "--out", str(tmp_path / "out")])
        assert done.exit_code == 0, done.output
        return str(config)

    def spaces() -> list[tuple[str, str]]:
        models = {digest(resolve(str(path)).loaded): path.parent.name for path in (model, other)}
        found = [memo.space for _, memo in store.open_all_memos()]
        return sorted(
            (what, models[digest(space["model"])] + (" prompted" if space.get("prompt") else ""))
            for one in found
            for what, space in one.items()
        )

    plain = run("plain", f"{{dense: {{model: {model}}}}}")
    prompted = run("prompted", f"{{dense: {{model: {model}, doc_prompt: w3}}}}")
    late = run("late", f"[bm25, {{max_sim: {other}}}]")
    assert {what for what, _ in spaces()} == {"embeddings", "batch difference", "maxsim", "tokens"}
    everything = spaces()
    cache("rm", "--unreachable", plain, "--unreachable", prompted, "--unreachable", late)
    assert spaces() == everything
    cache("rm", "--unreachable", plain, "--unreachable", late)
    assert not [name for _, name in spaces() if "prompted" in name] and len(spaces()) == len(everything) - 2
    cache("rm", "--unreachable", plain)
    assert spaces() == [("batch difference", "one"), ("embeddings", "one")]
    cache("rm", "--kind", "folder")  # with the artifact goes what it said
    run("again", f"{{dense: {{model: {model}, doc_prompt: w3}}}}")
    cache("rm", "--kind", "ranking", "--kind", "folder")
    cache("rm", "--unreachable", plain)
    assert ("embeddings", "one") in spaces() and ("embeddings", "one prompted") in spaces(), "who knows"
    cache("rm", "--unreachable", run("words", "bm25"))
    assert spaces() == []


def test_rm_of_what_a_configuration_does_not_reach(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "a", "text": "red apple"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "apple"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"collections: [{folder}]\nsystems:\n  BM25: bm25\nmeasures: [RR]\n")
    done = CliRunner().invoke(cli, ["run", str(config), "--quiet", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    needed = set(addresses(store))
    fill(store, k1=1.7)
    assert "2 removed" in cache("rm", "--unreachable", str(config))
    assert set(addresses(store)) == needed
    assert any(label.startswith("import") for label in addresses(store).values()), "collections are needed too"


@pytest.mark.parametrize(("text", "size"), [("100MB", 1e8), ("1.5 gb", 1.5e9), ("7", 7)])
def test_sizes(text: str, size: float) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "age"), [("7d", 604_800), ("12h", 43_200), ("2 w", 1_209_600), ("30min", 1800)])
def test_ages(text: str, age: float) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "7", "d", "7 years", "-1d"])
def test_what_is_no_age_is_said(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not an age such as 7d, 12h or 2w \(units: s, min, h, d, w\)"):
        parse_age(text)


def test_words() -> None:
    assert [format_size(size) for size in (0, 999, 1500, 2.5e9)] == ["0 B", "999 B", "1.5 KB", "2.5 GB"]
    assert [_format_age(s) for s in (5, 300, 7200, 200_000)] == ["5 s", "5 min", "2 h", "2 d"]
    for kind in (VECTOR, np.dtype("<f4")):
        assert parse_type(describe_type(kind)) == kind


def test_what_an_unfinished_training_left_is_listed_and_can_go(store: LocalStore) -> None:
    left = store.root / "scratch" / ("ab" * 16) / "training" / "checkpoint-7"
    left.mkdir(parents=True)
    (left / "weights").write_bytes(b"x" * 1000)
    assert "unfinished" in cache("ls")
    assert "1.0 KB" in cache("ls", "--kind", "unfinished")
    cache("verify")
    cache("rm", "--kind", "unfinished")
    assert not (store.root / "scratch" / ("ab" * 16)).exists()
    assert "unfinished" not in cache("ls")
