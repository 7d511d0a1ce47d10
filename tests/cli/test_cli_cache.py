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
from nirank.inference.models import resolve_model
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
    collection = Collection.of(docs, {"q": "apple"}, {"q": {"a": 1}}, name="fruits")
    Experiment(collection, {"BM25": BM25(k1=k1, b=b)}, ["RR"], store=store).run()


def run_cache(*arguments: str, code: int = 0) -> str:
    outcome: Result = CliRunner().invoke(cli, ["cache", *arguments], catch_exceptions=True)
    if isinstance(outcome.exception, ConfigError):
        assert code == 2, outcome.exception
        return str(outcome.exception)
    assert outcome.exit_code == code, (outcome.output, outcome.exception)
    return outcome.output


def list_addresses(store: LocalStore) -> dict[str, str]:
    return {item.address: item.label for item in list_items(store)}


def test_what_is_stored_is_listed_the_largest_first(store: LocalStore) -> None:
    assert "0 stored, 0 B" in run_cache("ls")
    fill(store)
    store.open_memo({"pair scores": {"model": "m"}}, np.dtype("<f4")).put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    store.open_memo({"embeddings": {}}, VECTOR).put(hash_texts("ab"), np.zeros(2, VECTOR), 1.0)
    listing = run_cache("ls")
    assert "index of fruits documents" in listing and "ranking   BM25()\n" in listing
    assert "memo      pair scores, 3 rows of 4 bytes" in listing
    assert "embeddings, 2 rows of 16 bytes" in listing
    sizes = [item.bytes for item in list_items(store)]
    assert sizes == sorted(sizes, reverse=True)
    assert "2 stored" in run_cache("ls", "--kind", "memo")
    assert "1 stored" in run_cache("ls", "--kind", "memo", "--larger", "250B")
    assert "kind 'memos'; there are folder, memo, ranking; did you mean 'memo'?" in run_cache(
        "ls", "--kind", "memos", code=2
    )
    assert "an address that begins with 'zz'" in run_cache("ls", "zz", code=2)


def test_what_earlier_rules_addressed_is_said_listed_and_can_go(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(local, "ADDRESSING", 1)
        fill(store, docs={"a": "red apple", "b": "plum"})
        fill(store)
    assert all(item.earlier for item in list_items(store)) and len(list_items(store)) == 4
    size = format_size(sum(item.bytes for item in list_items(store)))
    caplog.set_level("INFO", "nirank")
    fill(store)
    warnings = [record.getMessage() for record in caplog.records if "cache rm --earlier" in record.getMessage()]
    assert warnings == [
        f"the store holds 4 artifacts ({size}) that an earlier version addressed by other rules: they are computed"
        " again; nirank cache rm --earlier removes the old ones"
    ]
    old = [item for item in list_items(store) if item.earlier]
    size = format_size(sum(item.bytes for item in old))
    assert len(old) == 2 and len(list_items(store)) == 4, "what has the same address was replaced"
    caplog.clear()
    fill(store)
    assert "--earlier" not in caplog.text, "nothing was computed"
    listing = run_cache("ls")
    assert listing.count("(addressed by earlier rules)") == 2 and f"2 of them, {size}, were addressed by" in listing
    assert "2 removed" in run_cache("rm", "--earlier")
    assert len(list_items(store)) == 2 and "earlier" not in run_cache("ls")
    fill(store, k1=2.0)
    assert "--earlier" not in caplog.text


def test_why_names_the_field_that_differs(store: LocalStore) -> None:
    fill(store)
    fill(store, k1=1.2)
    for far in (0.1, 0.2, 0.3, 0.5, 0.6):
        fill(store, k1=far, b=far)
    (address,) = (item.meta["address"] for item in store.read_artifacts() if item.meta["label"] == "BM25(1.2)")
    output = run_cache("why", address[:10])
    assert "differs from its nearest relative" in output
    assert "\n  stage.options.k1: 1.2 here, the default there\n" in output
    assert "need: " in output and "index of fruits documents" in output


def test_why_follows_inputs_down_to_the_data(store: LocalStore) -> None:
    fill(store)
    fill(store, docs={**DOCS, "b": "green pear, changed"})
    newest = max(
        store.read_artifacts(), key=lambda item: (item.meta["kind"] == "ranking", item.folder.stat().st_mtime_ns)
    )
    output = run_cache("why", newest.meta["address"])
    assert "docs: another content of fruits documents" in output
    assert "need › texts: another content of fruits documents" in output


def test_why_of_something_alone_and_of_nothing(store: LocalStore) -> None:
    fill(store)
    ranking = next(item for item in list_items(store) if item.kind == "ranking")
    assert "nothing else in the store was made by this task" in run_cache("why", ranking.address)
    assert "no artifact has an address that begins with 'zz'" in run_cache("why", "zz", code=2)
    assert "several artifacts" in run_cache("why", "", code=2)


def test_trap_41_verify_finds_a_flipped_byte_in_artifact_and_memo(store: LocalStore) -> None:
    fill(store)
    store.open_memo({"pair scores": {}}, np.dtype("<f4")).put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    assert "3 checked" in run_cache("verify") and "none damaged" in run_cache("verify")
    (rows,) = store.root.glob("artifacts/*/*/scores.npy")
    (segment,) = store.root.glob("memos/*/*.memo")
    for path in (rows, segment):
        raw = bytearray(path.read_bytes())
        raw[-9] ^= 1
        path.write_bytes(raw)
    output = run_cache("verify", code=1)
    assert (
        "damaged, removed" in output
        and "scores.npy does not match its checksum" in output
        and "1 of its segments" in output
    )
    assert "2 damaged" in output
    assert not rows.exists() and not segment.exists()
    assert "none damaged" in run_cache("verify")


def test_descriptions_that_cannot_be_read_stop_nothing(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    fill(store)
    memo = store.open_memo({"pair scores": {}}, np.dtype("<f4"))
    memo.put(hash_texts("abc"), np.zeros(3, "<f4"), 1.0)
    (description,) = store.root.glob("memos/*/memo.json")
    for broken in ("[]", "{", '{"space": 1, "row": 7}', "{}"):
        description.write_text(broken)
        assert "2 stored" in run_cache("ls"), broken
        memo.put(hash_texts("x"), np.zeros(1, "<f4"), 1.0)
        assert "3 stored" in run_cache("ls")
    (ranking,) = store.root.glob("artifacts/*/*/scores.npy")
    (ranking.parent / "artifact.json").write_text('{"files": []}')
    assert "2 stored" in run_cache("ls")
    fill(store)
    assert "3 stored" in run_cache("ls")


def test_rm_removes_what_all_conditions_choose(store: LocalStore) -> None:
    fill(store)
    old = next(item for item in list_items(store) if item.kind == "ranking")
    ten_days_ago = time.time() - 10 * 86_400
    os.utime(old.folder / "artifact.json", (ten_days_ago, ten_days_ago))
    assert "name addresses or conditions, or --all" in run_cache("rm", code=2)
    assert "1 would be removed" in run_cache("rm", "--older", "7d", "--dry-run")
    assert len(list_items(store)) == 2
    assert "0 removed" in run_cache("rm", "--older", "7d", "--kind", "folder")
    assert "1 removed" in run_cache("rm", "--older", "7d")
    assert [item.kind for item in list_items(store)] == ["folder"]
    assert not list(store.root.glob("artifacts/*/.removed*"))
    fill(store)
    assert "1 removed" in run_cache("rm", list_items(store)[0].address[:8])
    assert "1 removed" in run_cache("rm", "--all")
    assert list_items(store) == []


def test_rm_takes_memos_that_no_system_of_a_configuration_uses(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "a", "text": "w1 w2"}\n{"_id": "b", "text": "w1"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "w1"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    model, other_model = (
        tiny_models.make_bi_encoder(tmp_path / name, seed=seed) for name, seed in (("one", 5), ("two", 6))
    )

    def run(name: str, system: str) -> str:
        config = tmp_path / f"{name}.yaml"
        config.write_text(f"collections: [{folder}]\nsystems:\n  S: {system}\nmeasures: [RR]\ndevice: cpu\n")
        outcome = CliRunner().invoke(cli, ["run", str(config), "--quiet", "--out", str(tmp_path / "out")])
        assert outcome.exit_code == 0, outcome.output
        return str(config)

    def list_spaces() -> list[tuple[str, str]]:
        models = {digest(resolve_model(str(path)).loaded_identity): path.parent.name for path in (model, other_model)}
        spaces_of_memos = [memo.space for _, memo in store.open_all_memos()]
        return sorted(
            (kind, models[digest(space["model"])] + (" prompted" if space.get("prompt") else ""))
            for spaces_of_memo in spaces_of_memos
            for kind, space in spaces_of_memo.items()
        )

    plain = run("plain", f"{{dense: {{model: {model}}}}}")
    prompted = run("prompted", f"{{dense: {{model: {model}, doc_prompt: w3}}}}")
    late = run("late", f"[bm25, {{max_sim: {other_model}}}]")
    assert {kind for kind, _ in list_spaces()} == {"embeddings", "batch difference", "maxsim", "tokens"}
    all_spaces = list_spaces()
    run_cache("rm", "--unreachable", plain, "--unreachable", prompted, "--unreachable", late)
    assert list_spaces() == all_spaces
    run_cache("rm", "--unreachable", plain, "--unreachable", late)
    assert not [name for _, name in list_spaces() if "prompted" in name] and len(list_spaces()) == len(all_spaces) - 2
    run_cache("rm", "--unreachable", plain)
    assert list_spaces() == [("batch difference", "one"), ("embeddings", "one")]
    run_cache("rm", "--kind", "folder")  # with the artifact goes what it said
    run("again", f"{{dense: {{model: {model}, doc_prompt: w3}}}}")
    run_cache("rm", "--kind", "ranking", "--kind", "folder")
    run_cache("rm", "--unreachable", plain)
    assert ("embeddings", "one") in list_spaces() and ("embeddings", "one prompted") in list_spaces(), "who knows"
    run_cache("rm", "--unreachable", run("words", "bm25"))
    assert list_spaces() == []


def test_rm_of_what_a_configuration_does_not_reach(store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "a", "text": "red apple"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "apple"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"collections: [{folder}]\nsystems:\n  BM25: bm25\nmeasures: [RR]\n")
    outcome = CliRunner().invoke(cli, ["run", str(config), "--quiet", "--out", str(tmp_path / "out")])
    assert outcome.exit_code == 0, outcome.output
    needed = set(list_addresses(store))
    fill(store, k1=1.7)
    assert "2 removed" in run_cache("rm", "--unreachable", str(config))
    assert set(list_addresses(store)) == needed
    assert any(label.startswith("import") for label in list_addresses(store).values()), "collections are needed too"


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
    assert "unfinished" in run_cache("ls")
    assert "1.0 KB" in run_cache("ls", "--kind", "unfinished")
    run_cache("verify")
    run_cache("rm", "--kind", "unfinished")
    assert not (store.root / "scratch" / ("ab" * 16)).exists()
    assert "unfinished" not in run_cache("ls")
