"""The HTTP application: typed requests in, answers out, and the page that asks."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import Any

from nirank.errors import ConfigError, DataError, NirankError
from nirank.results.query_detail import DocumentDetail
from nirank.searching.answer import Answer
from nirank.searching.gate import Gate
from nirank.searching.query_run import SearchTimeout
from nirank.searching.requests import (
    MAX_BODY,
    MAX_KEYS,
    MAX_WAITING,
    Failure,
    Health,
    Limits,
    SearchRequest,
    Served,
    ServedCollection,
    ServedSystem,
)
from nirank.searching.search_queue import QueueFull, SearchQueue
from nirank.searching.searcher import Searcher, UnknownName

log = logging.getLogger("nirank")

_PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_RETRY_AFTER_S = 1


def make_application(
    searcher: Searcher, seconds: float, hosts: frozenset[str] | None, refusals: dict[tuple[str, str], str] | None = None
) -> Gate:
    """Return the application that serves a searcher.

    seconds   of a search, its turn awaited
    hosts     that a request may name; None: any
    refusals  why systems that could be asked are not, by collection and system
    """
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import Response
    from pydantic import TypeAdapter
    from starlette.exceptions import HTTPException

    application = FastAPI(title="nirank", docs_url=None, redoc_url=None, version="1")
    queue = SearchQueue(MAX_WAITING, seconds)
    answers, documents = TypeAdapter(Answer), TypeAdapter(DocumentDetail)
    served = _describe(searcher, seconds, refusals or {})

    def fail(status: int, error: str, headers: dict[str, str] | None = None) -> Any:
        return Response(Failure(error=error).model_dump_json(), status, headers, media_type="application/json")

    async def search(request: SearchRequest) -> Any:
        record = {"title": request.title or "", "text": request.query, "metadata": request.metadata}
        record = {key: value for key, value in record.items() if value}
        refusal = (refusals or {}).get((request.collection or searcher.collections[0], request.system))
        if refusal is not None:
            return fail(400, f"system '{request.system}' cannot be asked: {refusal}")

        def work(seconds: float) -> bytes:
            answer = searcher.search(request.system, record, request.k, collection=request.collection, seconds=seconds)
            return answers.dump_json(answer)

        try:
            return Response(await queue.run(work), media_type="application/json")
        except QueueFull:
            sentence = f"{MAX_WAITING} searches are waiting; ask again in a second"
            return fail(503, sentence, {"retry-after": str(_RETRY_AFTER_S)})
        except SearchTimeout as error:
            return fail(504, str(error))
        except UnknownName as error:
            return fail(404, str(error))
        except (ConfigError, DataError) as error:
            return fail(400, str(error))
        except NirankError as error:
            log.warning("a search failed: %s", error)
            return fail(500, str(error))

    async def get_document(id: str, collection: str | None = None) -> Any:
        try:
            return Response(
                documents.dump_json(searcher.get_document(id, collection=collection)), media_type="application/json"
            )
        except UnknownName as error:
            return fail(404, str(error))
        except ConfigError as error:
            return fail(400, str(error))

    async def list_systems() -> Served:
        return served

    async def check_health() -> Health:
        return Health(status="ok", waiting=queue.waiting)

    async def refuse_request(_: Any, error: Any) -> Any:
        sentences = [_describe_mistake(mistake) for mistake in error.errors()]
        return fail(422, "; ".join(sentences[:3]))

    async def refuse_method(_: Any, error: Any) -> Any:
        return fail(error.status_code, str(error.detail).lower(), error.headers)

    async def report_fault(_: Any, error: Exception) -> Any:
        return fail(500, f"nirank failed: {type(error).__name__}")

    application.add_exception_handler(RequestValidationError, refuse_request)
    application.add_exception_handler(HTTPException, refuse_method)
    application.add_exception_handler(Exception, report_fault)
    errors = {status: {"model": Failure} for status in (400, 403, 404, 408, 413, 421, 422, 500)}
    searching = {**errors, 503: {"model": Failure}, 504: {"model": Failure}}
    route = application.add_api_route
    route("/api/search", search, methods=["POST"], response_model=Answer, responses=searching)
    route("/api/documents/{id:path}", get_document, methods=["GET"], response_model=DocumentDetail, responses=errors)
    route("/api/systems", list_systems, methods=["GET"], response_model=Served)
    route("/health", check_health, methods=["GET"], response_model=Health)
    for path, (name, kind) in _PAGE.items():
        content = files("nirank.searching").joinpath("page", name).read_bytes()
        route(path, _make_endpoint(Response, content, kind), methods=["GET"], include_in_schema=False)
    return Gate(application, hosts, MAX_BODY)


def _make_endpoint(response: Any, content: bytes, kind: str) -> Any:
    async def send_file() -> Any:
        return response(content, media_type=kind)

    return send_file


def _describe(searcher: Searcher, seconds: float, refusals: dict[tuple[str, str], str]) -> Served:
    """Return what can be asked."""
    collections = [
        ServedCollection(
            name=name,
            documents=searcher.count_documents(name),
            query_keys=list(searcher.list_query_keys(name)[:MAX_KEYS]),
            systems=[
                ServedSystem(name=system, refusal=refusals.get((name, system), refusal))
                for system, refusal in searcher.list_systems(name).items()
            ],
        )
        for name in searcher.collections
    ]
    return Served(collections=collections, limits=Limits(seconds=seconds))


def _describe_mistake(mistake: Any) -> str:
    """Return what pydantic found as a sentence, without what was sent."""
    place = ".".join(str(part) for part in mistake["loc"] if part != "body")
    where = place.encode("utf-8", "replace").decode()[:200]
    return f"{where}: {mistake['msg']}" if where else str(mistake["msg"])
