"""Formats outside nirank: entry points that read files as the built-in ones do; the one of docs/extending.md is among them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nirank.collections.collection import Collection
from nirank.collections.readers import formats
from nirank.errors import ConfigError, DataError
from nirank.experiment.loading import load
from nirank.store import LocalStore

RIS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[3] / "docs" / "extending.md").read_text(), re.DOTALL)
REFERENCES = """TY  - JOUR
ID  - r1
TI  - Aspirin and the heart
AB  - A trial of aspirin
PY  - 2019
ER  -

TY  - JOUR
ID  - r2
TI  - Statins
AB  - Of statins
AB  - in two lines
ER  -
"""

Install = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lay out an installed package with a module and an entry point, as pip would."""

    def lay_out(module: str, point: str = "ris = ris_format:RIS", name: str = "ris_format") -> None:
        root = tmp_path / "site"
        info = root / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (root / f"{name}.py").write_text(module)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[nirank.formats]\n{point}\n")
        monkeypatch.syspath_prepend(root)
        monkeypatch.delitem(sys.modules, name, raising=False)
        formats.load_outside_formats.cache_clear()

    return lay_out


@pytest.fixture(autouse=True)
def forget_formats() -> Iterator[None]:
    forget = formats.load_outside_formats.cache_clear
    yield
    forget()


def find_example() -> str:
    return next(code for code in RIS if "TextFormat(" in code)


def load_references(folder: Path, store: LocalStore, name: str = "corpus.ris", text: str = REFERENCES) -> Collection:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "aspirin"}\n')
    if name.startswith("corpus"):
        return load(folder, store=store)
    return load(docs=folder / name, queries=folder / "queries.jsonl", store=store)


@pytest.mark.parametrize("name", ["corpus.ris", "references.txt"])
def test_the_example_of_the_docs_reads_files_by_ending_and_by_first_lines(
    name: str, install: Install, tmp_path: Path, store: LocalStore
) -> None:
    install(find_example())
    docs = load_references(tmp_path / "c", store, name).docs
    assert docs[0] == {
        "id": "r1",
        "title": "Aspirin and the heart",
        "text": "A trial of aspirin",
        "metadata": {"PY": "2019"},
    }
    assert docs[1]["text"] == "Of statins in two lines"


@pytest.mark.parametrize("name", ["corpus.ris", "references.txt"])
def test_without_the_package_nirank_reads_the_file_itself(name: str, tmp_path: Path, store: LocalStore) -> None:
    docs = load_references(tmp_path / "c", store, name).docs
    assert docs[1]["text"] == "Of statins in two lines"
    assert docs[0]["metadata"] == {"type": "JOUR", "date": "2019", "year": 2019}


def test_mistakes_name_file_and_line(install: Install, tmp_path: Path, store: LocalStore) -> None:
    install(find_example())
    with pytest.raises(DataError, match=r"corpus.ris:1: the reference has no ID"):
        load_references(tmp_path / "c", store, text="TY  - JOUR\nTI  - x\nER  -\n")
    with pytest.raises(DataError, match=r"corpus.ris:1: the reference has no end"):
        load_references(tmp_path / "c", store, text="TY  - JOUR\nID  - r1\nTI  - x\n")
    with pytest.raises(DataError, match=r"is in the form of RIS, which has no columns to name"):
        load(tmp_path / "c", store=store, columns={"text": "AB"})


def test_a_new_version_of_a_format_imports_its_files_again(
    install: Install, tmp_path: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(find_example())
    load_references(tmp_path / "c", store)
    newer = formats.TextFormat("RIS", lambda *_: iter([formats.Record("new", "", "text", {}, 1)]), ("ris",), version=2)
    monkeypatch.setattr(formats, "load_outside_formats", lambda: (newer,))
    assert list(load(tmp_path / "c", store=store).docs.ids) == ["new"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("RIS = 1\n", r"entry point ris = ris_format:RIS is no format; expected a TextFormat"),
        ("import nothing_of_that_name\n", r"entry point ris = ris_format:RIS cannot be loaded: No module"),
    ],
)
def test_an_entry_point_that_is_no_format_is_named(
    module: str, message: str, install: Install, tmp_path: Path, store: LocalStore
) -> None:
    install(module)
    with pytest.raises(ConfigError, match=message):
        load_references(tmp_path / "c", store)
