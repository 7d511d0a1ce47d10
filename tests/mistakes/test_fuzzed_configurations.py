"""The project's own configurations, each changed at random: a sentence or success, never a traceback."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_result import run_nirank
from test_imports import write_folder

ROOT = Path(__file__).parents[2]
N_CHANGES = 250  # changes of a part; four parts
VALUES = (
    *(None, [], {}, [[]], 0, -1, 1, True, False, 1.5, float("nan"), float("inf"), 10**30, "", "🦑", "~nobody/x"),
    *("é", "a/b", "..", "\0", "1e-2", "null", [None], [1], ["a"], {"a": None}, {"a": 1}, {"": ""}, "{", "{}"),
    *("{text", "%s", "$$", "2020-01-01", "1:30", "\u2028", "x" * 5000),
)
COLLECTION = {
    "path": "tiny", "qrels": {"main": {"min_rel": 1}}, "split": "test", "name": "t", "min_rel": 1, "self_match": "id",
    "time": "all", "expect": {"docs": 3}, "measures": ["AP"], "group": "g", "max_dangling": 0.1,
    "ranges": 2,
}  # fmt: skip


def read_configurations() -> list[dict[str, Any]]:
    """All configurations under experiments and in the documentation, over a small collection."""
    pages = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    texts = [path.read_text() for path in sorted((ROOT / "experiments").rglob("*.yaml"))]
    texts += [text for page in pages for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    mappings = [tree for tree in map(yaml.safe_load, texts) if isinstance(tree, dict)]
    return [{"measures": ["AP"], "systems": {"Z": "bm25"}, **tree, "collections": ["tiny"]} for tree in mappings]


def list_paths(tree: Any, path_above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a tree."""
    if path_above:
        yield path_above
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in children:
        yield from list_paths(value, (*path_above, key))


def get_value(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def change_tree(tree: Any, chance: random.Random) -> Any:
    """Return the tree with one thing wrong: a key gone, renamed or nested, or another value."""
    tree = copy.deepcopy(tree)
    paths = list(list_paths(tree))
    if not paths:
        return tree
    path = chance.choice(paths)
    parent, key = get_value(tree, path[:-1]), path[-1]
    match chance.choice(("delete", "value", "value", "value", "rename", "nest", "wrap", "unwrap", "copy")):
        case "delete":
            del parent[key]
        case "value":
            parent[key] = chance.choice(VALUES)
        case "rename" if isinstance(parent, dict) and str(key):
            letter = chance.randrange(len(str(key)))
            parent[str(key)[:letter] + chance.choice(("", "x")) + str(key)[letter + 1 :]] = parent.pop(key)
        case "nest":
            parent[key] = {str(key): parent[key]}
        case "wrap":
            parent[key] = [parent[key]]
        case "unwrap":
            value = parent[key]
            inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
            parent[key] = inner[0] if inner else str(value)
        case "copy":
            parent[key] = copy.deepcopy(get_value(tree, chance.choice(paths)))
    return tree


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_folder(tmp_path / "here" / "tiny")
    return tmp_path / "here"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_whatever_is_changed_it_is_checked_or_refused_in_sentences(place: Path, part: int) -> None:
    trees = read_configurations()
    for seed in range(part * N_CHANGES, (part + 1) * N_CHANGES):
        chance = random.Random(seed)
        tree = copy.deepcopy(chance.choice(trees))
        if chance.random() < 0.4:
            tree["collections"] = [dict(COLLECTION)]
        for _ in range(chance.choice((1, 1, 2))):
            tree = change_tree(tree, chance)
        text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
        lines = text.splitlines(keepends=True)
        if chance.random() < 0.1:  # a key twice
            text += chance.choice(lines)
        (place / "c.yaml").write_text(text, encoding="utf-8")
        result = run_nirank("run", "c.yaml", "--check", cwd=place)
        assert result.code in (0, 2), f"{result}\n{text}"
        result.assert_guarded()
