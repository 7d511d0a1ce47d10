"""Details of a merged table: the lists of all runs' systems for one query side by side, every document once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nirank.report.detail_files import read_document_details, read_query_details
from nirank.results.query_detail import DetailSource, DocumentDetail, QueryDetail
from nirank.results.query_set import QuerySet


@dataclass(frozen=True)
class DetailFolder:
    """Where the details of one run's query set lie, and what its systems are called now."""

    folder: Path
    query_set: QuerySet
    names: Mapping[str, str]

    def read_queries(self) -> Iterator[QueryDetail]:
        """Yield the details of its queries, in its order."""
        for detail in read_query_details(self.folder, self.query_set):
            lists = {self.names.get(system, system): listed for system, listed in detail.lists.items()}
            yield replace(detail, lists=lists)


def list_detailed(folders: Sequence[DetailFolder], ids: Sequence[str]) -> tuple[int, ...] | None:
    """Return the places, among the merged queries, of those that some run has details of; None: of all."""
    detailed: set[str] = set()
    for folder in folders:
        own = folder.query_set
        detailed.update(own.ids if own.detailed is None else (own.ids[at] for at in own.detailed))
    places = tuple(at for at, id in enumerate(ids) if id in detailed)
    return None if len(places) == len(ids) else places


def join_details(folders: Sequence[DetailFolder], ids: Sequence[str]) -> DetailSource:
    """Return the details of all runs together, in the order of the merged queries."""
    documents: dict[str, DocumentDetail] = {}

    def read_queries() -> Iterator[QueryDetail]:
        by_run = [{detail.id: detail for detail in folder.read_queries()} for folder in folders]
        for id in ids:
            found = [details[id] for details in by_run if id in details]
            if found:
                lists = {name: listed for detail in reversed(found) for name, listed in detail.lists.items()}
                order = dict.fromkeys(name for detail in found for name in detail.lists)
                yield replace(found[0], lists={name: lists[name] for name in order})

    def find_documents(wanted: Sequence[str]) -> Iterator[DocumentDetail]:
        if not documents:
            for folder in reversed(folders):
                documents.update((each.id, each) for each in read_document_details(folder.folder, folder.query_set))
        yield from (documents[id] for id in wanted if id in documents)

    return DetailSource(read_queries, find_documents)
