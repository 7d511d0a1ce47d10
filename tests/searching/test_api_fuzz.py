"""Random requests by the interface's own description: no fault, and every reply is one that it describes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import searched_folder
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from nirank import BM25, RM3, Searcher, load
from nirank.searching.application import make_application

OPERATIONS = ["POST /api/search", "GET /api/documents/{id}", "GET /api/systems", "GET /health"]
_LIMITS = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    searched_folder.write_collection(folder / "tiny")
    searcher = Searcher(load(folder / "tiny"), {"BM25": BM25(), "RM3": BM25() >> RM3()}, store=folder / "store")
    searcher.warm_up("RM3")
    schema: Any = schemathesis.openapi.from_asgi("/openapi.json", make_application(searcher, 30.0, None))
    request = schema.raw_schema["components"]["schemas"]["SearchRequest"]["properties"]
    request["system"]["enum"] = ["BM25", "RM3", "none"]  # so that many requests are answered
    request["collection"]["anyOf"][0]["enum"] = ["tiny"]
    described = (result.ok() for result in schema.get_all_operations())
    return {operation.label: operation for operation in described}


def test_all_that_is_served_is_described(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_reply_is_as_described(operations: dict[str, Any], label: str, mode: GenerationMode) -> None:
    if mode is GenerationMode.NEGATIVE and label in OPERATIONS[2:]:
        pytest.skip("takes nothing that could be wrong")

    replies: Counter[int] = Counter()

    @_LIMITS
    @given(case=operations[label].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        reply = case.call()
        replies[reply.status_code] += 1
        if reply.status_code != 413:  # which says nothing of what is inside
            case.validate_response(reply, excluded_checks=[positive_data_acceptance])  # a blank query is 400

    ask()
    assert replies[500] == 0
    assert label != OPERATIONS[0] or mode is GenerationMode.NEGATIVE or replies[200] > 5, replies
