"""Which stages exist: scanning, entry points of an installed distribution, clashes; and where a stage comes from."""

from __future__ import annotations

import json
import linecache
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nirank
from nirank.algebra.registry import describe_origin, find_stage, load_stages
from nirank.algebra.stage import Scorer, Stage, stage
from nirank.errors import ConfigError
from nirank.stages.apply import AppliedCombiner, AppliedScorer
from nirank.stages.rrf import RRF

BUILT_IN = {"complete", "cut", "first_words", "intersection", "only", "rrf", "run", "union", "weighted_sum", "windows"}
PLUGIN = """
from dataclasses import dataclass
import numpy as np
from nirank.algebra.stage import Scorer, option, stage

@stage
class Longest(Scorer):
    '''Prefer long documents.'''

    power: float = option(1.0, help="of the length")

    name = "longest"
    version = 7

    def score(self, pairs, ctx):
        return np.array([float(len(t)) for t in ctx.docs.take(pairs.rows).columns["text"].to_pylist()]) ** self.power
"""


@stage
class Here(Scorer):
    """A stage of a script: this file."""

    name = "here"


def install(root: Path, points: str, module: str = PLUGIN, name: str = "far_away") -> Path:
    """Lay out an installed distribution, as pip would: a module and its `.dist-info`."""
    root.mkdir(exist_ok=True)
    (root / f"{name}.py").write_text(module)
    info = root / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nirank.stages]\n{points}\n")
    return root


def run_python(code: str, *paths: Path) -> Any:
    """Run code in a fresh interpreter that has the distributions; it prints JSON."""
    path = os.pathsep.join([*map(str, paths), str(Path(nirank.__file__).parents[1])])
    env = {**os.environ, "PYTHONPATH": path}
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


TELL = """
import json
from nirank.errors import ConfigError
from nirank.algebra.registry import find_stage, load_stages
said = {}
for name in %r:
    try:
        said[name] = find_stage(name).__qualname__
    except ConfigError as error:
        said[name] = list(error.messages)
try:
    said["*"] = sorted(load_stages())
except ConfigError as error:
    said["*"] = list(error.messages)
print(json.dumps(said))
"""


def test_scanning_finds_ours_by_name() -> None:
    assert set(load_stages()) >= BUILT_IN
    assert list(load_stages()) == sorted(load_stages())
    assert find_stage("rrf") is RRF and load_stages()["rrf"] is RRF
    assert AppliedScorer not in load_stages().values() and AppliedCombiner not in load_stages().values()
    assert all(isinstance(kind.name, str) and kind.__doc__ for kind in load_stages().values())


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"there is no stage 'weigthed_sum'; did you mean 'weighted_sum'\?"):
        find_stage("weigthed_sum")


def test_a_stage_of_another_distribution(tmp_path: Path) -> None:
    root = install(tmp_path / "site", "longest = far_away:Longest")
    answer = run_python(
        """
        import json
        from nirank.algebra.registry import find_stage, load_stages
        from nirank.testing import check_stage
        longest = find_stage("longest")
        check_stage(longest(2.0))
        one = longest(2.0)
        print(json.dumps({"in": "longest" in load_stages(), "identity": one.describe_identity(), "repr": repr(one)}))
        """,
        root,
    )
    assert answer == {
        "in": True,
        "identity": {"distribution": "far-away", "stage": "longest", "version": 7, "options": {"power": 2.0}},
        "repr": "Longest(2.0)",
    }


def test_entry_points_that_cannot_be_used_stop_nobody_else(tmp_path: Path) -> None:
    good_folder = install(tmp_path / "a", "longest = far_away:Longest")
    module = PLUGIN + "\nlongest = 5\nclass Bare: pass\n"
    broken_points = ["gone = nowhere_at_all:X", "missing = broken:Y", "five = broken:longest", "bare = broken:Bare"]
    points = "\n".join([*broken_points, "other = broken:Longest"])
    bad_folder = install(tmp_path / "b", points, module, "broken")
    answers = run_python(
        TELL % (["longest", "rrf", "gone", "missing", "five", "bare", "other", "longst"],), good_folder, bad_folder
    )
    assert answers["longest"] == "Longest" and answers["rrf"] == "RRF"
    assert answers["gone"] == ["entry point gone = nowhere_at_all:X cannot be loaded: No module named 'nowhere_at_all'"]
    assert "cannot be loaded" in answers["missing"][0] and "has no attribute 'Y'" in answers["missing"][0]
    assert answers["five"] == ["entry point five = broken:longest is not a stage; expected a subclass of Stage"]
    assert answers["bare"] == ["entry point bare = broken:Bare is not a stage; expected a subclass of Stage"]
    assert "the stage calls itself 'longest'; expected the same name" in answers["other"][0]
    assert answers["longst"] == ["there is no stage 'longst'; did you mean 'longest'?"]
    assert len(answers["*"]) == 5  # all of them at once


def test_clashing_names(tmp_path: Path) -> None:
    first = install(tmp_path / "a", "longest = far_away:Longest")
    second = install(tmp_path / "b", "longest = other:Longest", name="other")
    third = install(tmp_path / "c", "rrf = own:Rrf", PLUGIN.replace("longest", "rrf").replace("Longest", "Rrf"), "own")
    answers = run_python(TELL % (["longest", "rrf", "cut"],), first, second, third)
    assert answers["longest"] == [
        "entry point longest = other:Longest: stage 'longest' exists already in far_away:Longest"
    ]
    assert answers["rrf"] == ["entry point rrf = own:Rrf: stage 'rrf' exists already in nirank.stages.rrf"]
    assert answers["cut"] == "Cut"
    assert sorted(answers["*"]) == [
        "entry point longest = other:Longest: stage 'longest' exists already in far_away",
        answers["rrf"][0],
    ]


def test_a_scripts_stage_is_its_source(tmp_path: Path) -> None:
    assert describe_origin(RRF) == {}
    assert (
        set(describe_origin(Here)) == {"source"}
        and Here().describe_identity()["source"] == describe_origin(Here)["source"]
    )
    script = tmp_path / "script.py"
    tail = "\nimport json\nprint(json.dumps(Longest(2.0).describe_identity()))\n"

    def identity(text: str) -> Any:
        script.write_text(text + tail)
        process = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        return json.loads(process.stdout)

    first = identity("def helper(): return 1\n" + PLUGIN)
    assert first == identity("def helper(): return 1\n" + PLUGIN)
    assert first != identity("def helper(): return 2\n" + PLUGIN)  # a stage may call any function of its file


def test_a_notebooks_stage_is_its_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_cell(text: str) -> type[Stage]:
        name = f"<ipython-input-{abs(hash(text))}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        names: dict[str, Any] = {"__name__": "a_notebook"}
        monkeypatch.setitem(sys.modules, "a_notebook", ModuleType("a_notebook"))
        exec(compile(text, name, "exec"), names)
        kind: type[Stage] = names["Longest"]
        return kind

    power, product = run_cell(PLUGIN), run_cell(PLUGIN.replace("** self.power", "* self.power"))
    assert describe_origin(power) == describe_origin(run_cell(PLUGIN)) != describe_origin(product)


BASES = """
from nirank.algebra.stage import Scorer
from helpers import weight

class Weighing(Scorer):
    def score(self, pairs, ctx):
        from late import shift
        return weight(pairs) + shift
"""
SCRIPT_MODULE = """
import json, sys
from nirank.algebra.stage import stage
from bases import Weighing

@stage
class Mine(Weighing):
    name = "mine"
"""


@pytest.mark.parametrize("edited", ["mine", "bases", "helpers", "late", "inner/deep"])
def test_a_scripts_stage_is_all_that_it_imports_and_nobody_installed(tmp_path: Path, edited: str) -> None:
    """Base classes, what they import, packages, and what is imported inside of functions; but nothing else there."""
    files = {
        "mine": SCRIPT_MODULE,
        "bases": BASES,
        "helpers": "import inner.deep\ndef weight(pairs): return inner.deep.one\n",
        "late": "shift = 1\n",
        "inner/__init__": "",
        "inner/deep": "one = 1\n",
        "stranger": "other = 1\n",
    }

    def identity() -> Any:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.py").write_text(text)
        code = "import json, mine; print(json.dumps(mine.Mine().describe_identity()))"
        process = subprocess.run(
            [sys.executable, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return json.loads(process.stdout)

    first = identity()
    files["stranger"] += "another = 2\n"
    assert identity() == first
    files[edited] += "more = 2\n"
    assert identity() != first


def test_source_is_what_was_imported_not_what_lies_there(tmp_path: Path) -> None:
    """A file that is edited while the program runs: the stage computes, and is addressed, as it was imported."""
    (tmp_path / "mine.py").write_text(SCRIPT_MODULE)
    (tmp_path / "bases.py").write_text(BASES.replace("from helpers import weight", "weight = len"))
    (tmp_path / "late.py").write_text("shift = 1\n")
    edit = "open('bases.py', 'a').write('# other'); open('mine.py', 'a').write('# other'); "
    code = "import json, mine; {} print(json.dumps(mine.Mine().describe_identity()))"

    def identity(code_between: str) -> Any:
        command = [sys.executable, "-B", "-c", code.format(code_between)]
        process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return json.loads(process.stdout)

    first = identity("")
    assert identity(edit) == first
    assert identity("") != first


def test_a_script_that_is_run_and_one_that_is_imported_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SCRIPT_MODULE + "print(json.dumps(Mine().describe_identity()))\n")
    (tmp_path / "bases.py").write_text(BASES)
    (tmp_path / "helpers.py").write_text("weight = len\n")
    ways = [["mine.py"], ["-c", "import mine"]]
    processes = [
        subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, check=True)
        for arguments in ways
    ]
    assert processes[0].stdout == processes[1].stdout != b""


def make_weighed(weight: Any, by_default: Any = 1) -> Any:
    @stage
    class Weighed(Scorer):
        name = "weighed"

        def score(self, pairs: Any, ctx: Any, more: Any = by_default) -> Any:
            return weight, more

    return Weighed


def test_classes_of_a_factory_differ_by_what_they_got() -> None:
    two = make_weighed(2)
    assert describe_origin(two) == describe_origin(make_weighed(2)) != describe_origin(make_weighed(3))
    assert describe_origin(make_weighed(1, 2)) != describe_origin(make_weighed(1, 3))
    assert describe_origin(make_weighed(np.arange(3))) != describe_origin(make_weighed(np.arange(4)))
    assert describe_origin(make_weighed(lambda: 1)) == describe_origin(make_weighed(lambda: 1))
    with pytest.raises(ConfigError, match="'weighed': its code uses 'weight', a Thing from outside of it.*an option"):
        describe_origin(make_weighed(Thing()))


class Thing:
    """What no identity can state."""


def test_a_notebooks_stage_is_also_what_its_methods_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions and values of other cells, class attributes; other cells' other contents are nothing to it."""

    def run(*cells: str) -> Mapping[str, str]:
        names: dict[str, Any] = {"__name__": "a_notebook"}
        monkeypatch.setitem(sys.modules, "a_notebook", ModuleType("a_notebook"))
        for text in cells:
            name = f"<ipython-input-{abs(hash(text))}>"
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), names)
        return describe_origin(names["Mine"])

    stage_cell = """
from nirank.algebra.stage import Scorer, stage

@stage
class Mine(Scorer):
    name = "mine"
    factor = 2

    def score(self, pairs, ctx):
        return helper(pairs) * SHARE * self.factor
"""
    helper, share = "def helper(pairs):\n    return len(pairs)\n", "SHARE = 0.5\n"
    first = run(helper, share, stage_cell)
    assert run(helper, share, "x = 1\n", stage_cell) == first
    assert run(helper.replace("len", "sum"), share, stage_cell) != first
    assert run(helper, "SHARE = 0.25\n", stage_cell) != first
    assert run(helper, share, stage_cell.replace("factor = 2", "factor = 3")) != first


def test_a_stage_whose_source_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nowhere", ModuleType("nowhere"))
    names: dict[str, Any] = {"__name__": "nowhere"}
    exec(PLUGIN, names)
    with pytest.raises(ConfigError, match=r"stage 'longest': its source cannot be read.*define it in a file"):
        names["Longest"]().describe_identity()


def test_describing_stages_loads_nothing_heavy() -> None:
    heavy = ["torch", "jnius", "pandas", "scipy", "pydantic", "transformers", "sentence_transformers"]
    code = f"""
    import json, sys, nirank.algebra.registry
    nirank.algebra.registry.load_stages()
    print(json.dumps([name for name in {heavy} if name in sys.modules]))
    """
    assert run_python(textwrap.dedent(code)) == []
