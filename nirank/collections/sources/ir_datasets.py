"""Any collection of ir_datasets, by its id."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nirank.base.files import InputFile
from nirank.base.identity import Digester
from nirank.collections.findings import Finding
from nirank.collections.readers.records import Record, Side
from nirank.errors import ConfigError, DataError, NirankError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile

_TEXT = ("text", "body", "abstract", "contents", "content", "passage", "summary")
_QUERY_TEXT = ("text", "query", "title")
_MARKUP = ("marked_up_doc", "marked_up_text", "source_xml", "http_headers")  # the text once more, with tags


def list_ids() -> list[str]:
    """Return the ids that are registered with ir_datasets."""
    import ir_datasets

    return list(ir_datasets.registry)


def is_known(id: str) -> bool:
    """Tell whether ir_datasets has a collection under the id."""
    import ir_datasets

    try:
        ir_datasets.registry[id]
    except KeyError:
        return False
    return True


class IrDataset:
    """A collection of ir_datasets. All its topics are declared queries.

    A document's `title` is its field of that name; its `text` is what ir_datasets itself takes as
    the document's text (`default_text()`) without the title in front, or else its fields text,
    body, abstract, contents, … joined. A query's `text` is its default text (for TREC topics: the
    title). Other plain fields become metadata; the marked-up source is left out.
    """

    splits: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __init__(self, id: str) -> None:
        import ir_datasets

        self.name = self.id = id
        self.dataset = ir_datasets.load(id)
        self._content_digests: dict[Side, str] = {}  # digests of what identity() read
        lacks = [part for part in ("docs", "queries") if not self.dataset.has(part)]
        if lacks:
            below = [name for name in list_ids() if name.startswith(f"{id}/")]
            hint = f"; choose one of {', '.join(below[:12])}{', …' if len(below) > 12 else ''}" if below else ""
            raise ConfigError(f"ir_datasets '{id}': has no {' and no '.join(lacks)}{hint}")

    @classmethod
    def open_split(cls, id: str, split: str | None) -> IrDataset:
        """Open an id, or its split `id/split`.

        An id that has no judgements of its own, but below it splits that have, is read as a folder
        would be: its test split, else the only one, else ConfigError.
        """
        import ir_datasets

        below = [name for name in list_ids() if name.rpartition("/")[0] == id]
        names = [name.rpartition("/")[2] for name in below if ir_datasets.load(name).has("qrels")]
        if split is None and not ir_datasets.load(id).has("qrels") and names:
            split = "test" if "test" in names else names[0] if len(names) == 1 else None
            if split is None:
                raise ConfigError(f"ir_datasets '{id}': has several splits; choose one of {', '.join(names)}")
        if split is None or id.endswith(f"/{split}"):
            return cls(id)
        if not is_known(f"{id}/{split}"):
            hint = f"; it has {', '.join(names)}" if names else "; it has no splits"
            raise ConfigError(f"ir_datasets '{id}': no split '{split}'{hint}{suggest(split, names)}")
        return cls(f"{id}/{split}")

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        import ir_datasets

        parent = ir_datasets.parent_id(self.id, ir_datasets.EntityType(side))
        version = str(ir_datasets.__version__)
        if getattr(self.dataset, f"{side}_metadata", dict)():
            # Shipped with ir_datasets, which checks the files' hashes: id and version say it all.
            return {"reader": "ir_datasets-1", "id": parent, "side": side, "ir_datasets": version}
        # Registered by the user: the files may change under the id, so the content itself is read.
        if side not in self._content_digests:
            running = Digester()
            for record in self.read_records(side):
                running.add_bytes(json.dumps(record).encode())
            self._content_digests[side] = running.hexdigest()
        return {"reader": "ir_datasets-1", "side": side, "content": self._content_digests[side]}

    def list_input_files(self, side: Side) -> Sequence[InputFile]:
        return ()  # ir_datasets opens them itself

    def describe_origin(self) -> Mapping[str, Any]:
        import ir_datasets

        return {"source": self.id, "reader": f"ir_datasets {ir_datasets.__version__}", "files": {}}

    def name_side(self, side: Side) -> str:
        return f"ir_datasets {self.id} {side}"

    def read_records(self, side: Side) -> Iterator[Record]:
        make_record = _read_document if side == "docs" else _read_query
        items = self._guard(getattr(self.dataset, f"{side}_iter"), side)
        running = Digester()
        for number, item in enumerate(items, 1):
            record = make_record(item, number)
            if side in self._content_digests:
                running.add_bytes(json.dumps(record).encode())
            yield record
        if self._content_digests.get(side, running.hexdigest()) != running.hexdigest():
            raise DataError(f"ir_datasets '{self.id}': its {side} changed since they were read at planning; run again")

    def read_candidates(self, split: str | None) -> PairsFile | None:
        return None

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        if not self.dataset.has("qrels"):
            return {}
        items = self._guard(self.dataset.qrels_iter, "qrels")
        judged = ((item.query_id, item.doc_id, item.relevance) for item in items)
        return {"qrels": QrelsFile.of(judged, f"{self.id} qrels")}

    def _guard(self, iterate: Callable[[], Iterable[Any]], part: str) -> Iterator[Any]:
        """Pass on what ir_datasets yields; whatever goes wrong in there becomes one line."""
        try:
            yield from iterate()
        except NirankError:
            raise
        except (OSError, RuntimeError) as error:  # what ir_datasets and requests raise when a download fails
            raise DataError(
                f"ir_datasets '{self.id}': its {part} are not on this machine and cannot be fetched"
                f" ({type(error).__name__}); connect once so that ir_datasets can download them, put the files into"
                " its folder (IR_DATASETS_HOME, by default ~/.ir_datasets), or give a folder in BEIR's layout"
            ) from error
        except Exception as error:
            raise DataError(
                f"ir_datasets '{self.id}': its {part} cannot be read ({type(error).__name__}: {error})"
            ) from error


def _read_document(doc: Any, number: int) -> Record:
    title = str(getattr(doc, "title", "") or "")
    if hasattr(doc, "default_text"):
        text = str(doc.default_text() or "").removeprefix(title)
        text = text.strip() if title or text.isspace() else text
    else:
        names = [name for name in _TEXT if name in doc._fields] or [n for n in doc._fields[1:] if n != "title"]
        text = " ".join(value for name in names if isinstance(value := getattr(doc, name), str) and value)
    return _make_record(doc.doc_id, title, text, _collect_metadata(doc, ("doc_id", "title", *_TEXT, *_MARKUP)), number)


def _read_query(query: Any, number: int) -> Record:
    if hasattr(query, "default_text"):
        text = str(query.default_text() or "")
    else:
        name = next((name for name in (*_QUERY_TEXT, *query._fields[1:]) if name in query._fields), "query_id")
        text = str(getattr(query, name) or "")
    return _make_record(query.query_id, "", text, _collect_metadata(query, ("query_id", "text", "query")), number)


def _make_record(id: Any, title: str, text: str, metadata: Mapping[str, Any], number: int) -> Record:
    return Record(str(id), title, text, metadata, number, converted_id=not isinstance(id, str))


def _collect_metadata(record: Any, used: tuple[str, ...]) -> dict[str, Any]:
    """Return the plain fields that are not used otherwise."""
    values = {name: getattr(record, name) for name in record._fields if name not in used}
    return {name: value for name, value in values.items() if isinstance(value, (str, int, float)) and value != ""}
