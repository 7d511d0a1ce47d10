"""`check_stage`: the laws that every stage obeys, tested on anybody's stage.

    from nirank.testing import check_stage

    def test_my_stage():
        check_stage(MyStage(strength=3))

Needs no plan and no store: what a stage asks for in `plan_inputs()` is computed in a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from nirank.algebra.stage import Combiner, Retriever, ScopeStage, Scorer, Stage, TextMap
from nirank.collections.collection import Collection
from nirank.testing.bench import Bench, small_collection
from nirank.testing.lists import check_combiner, check_retriever, check_scorer
from nirank.testing.texts import check_map, check_scope
from nirank.testing.values import check_value


def check_stage(stage: Stage, collection: Collection | None = None) -> None:
    """Raise AssertionError, one sentence that names the law, where a stage breaks one.

    As a value: equality, hash, frozen, pickle, `repr` that parses back, a schema that refuses
    unknown options. Running: sound output (order, no NaN, nothing twice), empty text, no queries,
    no results, determinism, inputs not changed, the order of queries and their sharding do not
    matter, the scope is respected (a scoped search is a search masked, to 1e-5), the first k of a
    deeper search are the search at k.

    collection  what to run on, where `small_collection()` does not fit the stage
    """
    check_value(stage)
    with tempfile.TemporaryDirectory(prefix="nirank-check-") as folder:
        bench = Bench(stage, collection or small_collection(), Path(folder))
        kinds: dict[type[Stage], Callable[[Bench], None]] = {
            Retriever: check_retriever,
            Scorer: check_scorer,
            Combiner: check_combiner,
            TextMap: check_map,
            ScopeStage: check_scope,
        }
        for kind, check in kinds.items():
            if isinstance(stage, kind):
                check(bench)
                break
        else:
            raise AssertionError(f"{stage!r}: is of no known kind; expected a subclass of one of the five")


__all__ = ["check_stage", "small_collection"]
