"""`nirank block`: two tables of records in, or one, candidate pairs out, and what was lost on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nirank.cli.groups import EPILOG
from nirank.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from nirank.algebra.pipeline import Pipeline
    from nirank.blocking.rules import Rule
    from nirank.collections.collection import Collection
    from nirank.collections.sources.record_tables import Ask
    from nirank.experiment.result import Result
    from nirank.flow.pairs import Pairs
    from nirank.results.row import Row

log = logging.getLogger("nirank")

_PATH = click.Path(path_type=Path)
_K = 10
_LEVELS = {  # at which a survival curve is shown
    "Jaccard similarity": (0.3, 0.5, 0.7, 0.9),
    "angle in degrees": (10.0, 20.0, 30.0, 45.0, 60.0),
}
_CELLS = (0.05, 0.1, 0.2, 0.5, 1.0)  # the same of distances, in widths of a cell
_BLOCKS = ("blocks", "comparisons", "kept_comparisons", "largest_block")  # what blockers state
_LEFT_OUT = ("purged_blocks", "records_of_full_codes", "records_without_value")  # and count
_ANSWERS = ("matches", "non_matches", "unknown")
_CANDIDATES, _RULED = "candidates", "candidates that pass the rules"


@click.command(epilog=EPILOG)
@click.argument("left", type=_PATH)
@click.argument("right", type=_PATH, required=False)
@click.option(
    "--out", type=_PATH, default=Path("candidates.csv"), show_default=True, help="A .csv, .jsonl or .parquet file."
)
@click.option("-k", type=click.IntRange(min=1), help=f"Candidates of each record that asks, where ranked [{_K}].")
@click.option("--ask", type=click.Choice(["right", "left", "both"]), help="Whose records ask for candidates [right].")
@click.option("--system", metavar="YAML", help="What finds candidates: a stage, a list, or a .yaml file [tfidf].")
@click.option("--rules", type=_PATH, metavar="FILE", help="YAML with a matching rule; non-matches are left out.")
@click.option("--pairs", type=_PATH, metavar="FILE", help="Known matches, or pairs with labels: measures recall.")
@click.option("--complete", is_flag=True, help="--pairs lists all matches, so that precision can be measured.")
@click.option("--id", "id_column", metavar="NAME", help="The column of ids, where it is not found.")
@click.option("--left-id", metavar="NAME", help="The same of LEFT alone.")
@click.option("--right-id", metavar="NAME", help="The same of RIGHT alone.")
@click.option("--row-ids", is_flag=True, help="No column holds ids: number the records from 0.")
@click.option("--exclude", multiple=True, metavar="NAME", help="A column that is not compared as text.")
@click.option("--explain", is_flag=True, help="Count records, blocks and what rules would pair; find no candidates.")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the summary.")
def block(
    left: Path,
    right: Path | None,
    out: Path,
    k: int | None,
    ask: Ask | None,
    system: str | None,
    rules: Path | None,
    pairs: Path | None,
    complete: bool,
    id_column: str | None,
    left_id: str | None,
    right_id: str | None,
    row_ids: bool,
    exclude: tuple[str, ...],
    explain: bool,
    quiet: bool,
) -> None:
    """Find candidate pairs of two tables, or duplicates within one, and list what was left out.

    \b
    Example:
      nirank block products.csv offers.csv -k 5 --pairs known.csv --out candidates.csv
    """
    from nirank.cli.console import ConsoleReporter, set_up_logging
    from nirank.config.matching_rules import read_rule_file
    from nirank.report.table_file import check_place

    set_up_logging(quiet=quiet, debug=False)
    check_place(out)
    pipeline = _choose_pipeline(system, k)
    rule = None if rules is None else read_rule_file(rules)
    columns = _name_id_columns(right, id_column, left_id, right_id, row_ids=row_ids)
    if ask is not None and right is None:
        raise ConfigError("--ask: is for two tables; the records of one table all ask")
    collection = _load_tables(left, right, pairs, exclude, columns, ask or "right")
    for line in _describe_tables(collection, left, right):
        click.echo(line)
    if not _has_records(collection):
        click.echo("a table has no records: nothing is compared, and nothing measured")
        if not explain:
            for line in _write_nothing(collection, out):
                click.echo(line)
        return
    for line in _count_rule_pairs(collection, rule):
        click.echo(line)
    for line in _estimate_recall(pipeline):
        click.echo(line)
    if explain:
        for line in _count_blocks(collection, pipeline):
            click.echo(line)
        return
    result = _find_candidates(collection, pipeline, rule, complete, ConsoleReporter(quiet=quiet))
    for line in _write_candidates(result, collection, out, measured=pairs is not None):
        click.echo(line)


def _choose_pipeline(system: str | None, k: int | None) -> Pipeline:
    """Return what finds candidates, ranked lists cut at k, or at the default where nothing else limits them."""
    from nirank.algebra.pipeline import check_system
    from nirank.config.pipeline_text import read_pipeline
    from nirank.experiment.both_ask import limits_depth
    from nirank.stages.tfidf import TFIDF

    pipeline: Pipeline = TFIDF() if system is None else read_pipeline(system, "--system")
    check_system("--system", pipeline)
    if pipeline.gives == "ranking":
        k = _K if k is None and not limits_depth(pipeline) else k
        return pipeline if k is None else _limit_lists(pipeline, k)
    if k is not None:
        raise ConfigError(f"-k: {pipeline!r} gives pairs without order, which cannot be cut; leave it out")
    return pipeline


def _limit_lists(pipeline: Pipeline, k: int) -> Pipeline:
    """Return the pipeline that gives each record k candidates; a search at its end looks for no more."""
    from nirank.algebra.pipeline import Then
    from nirank.algebra.stage import Retriever

    *before, last = pipeline.steps if isinstance(pipeline, Then) else (pipeline,)
    if not isinstance(last, Retriever) or last.k is not None:
        return pipeline % k
    last = replace(last, k=k)
    return Then((*before, last)) if before else last


def _name_id_columns(
    right: Path | None, id_column: str | None, left_id: str | None, right_id: str | None, *, row_ids: bool
) -> Mapping[str, Any] | None:
    """Return the ids' columns as a collection takes them; None for those of numbered records."""
    if row_ids and id_column is not None:
        raise ConfigError("--row-ids numbers records that have no ids, and --id names a column of ids; give one")
    if right is None:
        if right_id is not None:
            raise ConfigError("--right-id: there is one table; its ids are named by --id")
        chosen = id_column or left_id
        return None if chosen is None and not row_ids else {"records": {"id": chosen}}
    names = {"left": left_id or id_column, "right": right_id or id_column}
    return {side: {"id": name} for side, name in names.items() if name is not None or row_ids} or None


def _load_tables(
    left: Path,
    right: Path | None,
    pairs: Path | None,
    exclude: Sequence[str],
    columns: Mapping[str, Any] | None,
    ask: Ask,
) -> Collection:
    """Open the tables, which may be empty; raise DataError, with the option that helps, where there are no ids."""
    from nirank.collections.findings import raise_errors
    from nirank.errors import DataError
    from nirank.experiment.loading import load

    tables: dict[str, Any] = {"records": left} if right is None else {"left": left, "right": right, "ask": ask}
    try:
        collection = load(**tables, pairs=pairs, exclude=list(exclude), columns=columns, name=left.stem, check=False)
    except DataError as error:
        option = "--id NAME" if right is None else "--left-id or --right-id NAME, or --id NAME for both"
        advice = {
            "columns: {id: …}, where null numbers the records": f"{option}, or --row-ids, which numbers the records",
            "columns: {id: …}": option,
        }
        messages = [_replace_phrases(message, advice) for message in error.messages]
        raise DataError(*messages) from None
    if _has_records(collection):
        raise_errors(collection.findings)
    return collection


def _replace_phrases(text: str, replacements: Mapping[str, str]) -> str:
    for phrase, other in replacements.items():
        text = text.replace(phrase, other)
    return text


def _has_records(collection: Collection) -> bool:
    """Tell whether both tables have records; where they do not, nothing can be compared."""
    return bool(len(collection.docs) and len(collection.queries))


def _is_one_table(collection: Collection) -> bool:
    return collection.relation == "self"


def _name_sides(collection: Collection) -> tuple[str, str]:
    """Return which tables are the documents and the queries."""
    if _is_one_table(collection):
        return "records", "records"
    turned = collection.origin["conventions"]["ask"] == "left"
    return ("right", "left") if turned else ("left", "right")


def _name_columns(collection: Collection) -> tuple[str, str]:
    """Return the columns of ids, of documents and of queries."""
    docs, queries = _name_sides(collection)
    return ("id1", "id2") if docs == queries else (f"{docs}_id", f"{queries}_id")


def _describe_tables(collection: Collection, left: Path, right: Path | None) -> Iterator[str]:
    counts = dict(zip(_name_sides(collection), (len(collection.docs), len(collection.queries)), strict=True))
    n_left, n_right = counts.get("left", len(collection.docs)), counts.get("right", len(collection.docs))
    if right is None:
        yield f"{left}: {n_left:,} records, {n_left * (n_left - 1) // 2:,} possible pairs"
    else:
        yield f"{left}: {n_left:,} records; {right}: {n_right:,}; {n_left * n_right:,} possible pairs"


def _count_rule_pairs(collection: Collection, rule: Rule | None) -> Iterator[str]:
    """Say how many pairs each column would make that a rule compares for equality, and its largest blocks."""
    from nirank.blocking.rule_forms import list_equal_columns
    from nirank.blocking.value_blocks import count_value_blocks
    from nirank.collections.text_view import TextView

    if rule is None:
        return
    for column in list_equal_columns(rule):
        view = TextView(column)
        for side, texts in zip(_name_sides(collection), (collection.docs, collection.queries), strict=True):
            texts.text_fields.select_fields(view, f"--rules: column of the {side} table")
        sides = (texts.read(view) for texts in (collection.queries, collection.docs))
        counted = count_value_blocks(column, *sides, same_side=_is_one_table(collection))
        largest = ", ".join(f"'{value}' ({records:,} records)" for value, records in counted.largest)
        yield (
            f"equal {column}: {counted.pairs:,} pairs in {counted.blocks:,} blocks"
            + (f"; the largest: {largest}" if largest else "")
        )


def _count_blocks(collection: Collection, pipeline: Pipeline) -> Iterator[str]:
    """Say how many blocks and comparisons a blocker's keys make, and its largest block, before anything is compared."""
    from nirank.algebra.walk import walk
    from nirank.blocking.purging import purge_buckets
    from nirank.stages._blocking import Blocker

    same_side = _is_one_table(collection)
    for stage in walk(pipeline):
        if not isinstance(stage, Blocker):
            continue
        keys = stage.make_keys(collection.queries, collection.docs, same_side=same_side)
        if keys is None:
            continue
        *_, counts = purge_buckets(*keys, same_side=same_side, **stage.purging)
        before = f"{counts.buckets:,} blocks, {counts.comparisons:,} comparisons"
        after = f"{counts.kept_comparisons:,} comparisons stay, the largest block has {counts.largest:,} records"
        yield f"{stage!r}: {before}; {counts.purged_buckets:,} blocks are left out; {after}"


def _estimate_recall(pipeline: Pipeline) -> Iterator[str]:
    """Say how likely a pair becomes a candidate, for stages whose theory knows it."""
    import numpy as np

    from nirank.algebra.hashing import HashingStage
    from nirank.algebra.walk import walk

    for stage in walk(pipeline):
        if not isinstance(stage, HashingStage):
            continue
        width = getattr(stage, "width", None) or 1.0
        levels = np.array(_LEVELS.get(stage.likeness) or [part * width for part in _CELLS])
        survival = stage.find_survival(levels)
        if survival is None:
            continue
        curve = ", ".join(f"{share:.3f} at {level:g}" for share, level in zip(survival.tolist(), levels, strict=True))
        yield f"{stage!r}: estimated recall of pairs by the {stage.likeness}: {curve}"


def _find_candidates(
    collection: Collection, pipeline: Pipeline, rule: Rule | None, complete: bool, reporter: Any
) -> Result:
    """Run the pipeline, and behind it the rules."""
    from nirank.blocking.rule_forms import write_rule
    from nirank.experiment.experiment import Experiment
    from nirank.stages.rules import Rules

    systems = {_CANDIDATES: pipeline}
    if rule is not None:
        systems[_RULED] = pipeline >> Rules(write_rule(rule))
    measures = ["PC", "candidates", *(["PQ(complete)"] if complete else [])]
    result = Experiment(collection, systems, measures).run(reporter)
    for row in result.rows:
        if row.status != "ok":
            raise ConfigError(f"{row.system}: {row.error}")
    return result


def _write_candidates(result: Result, collection: Collection, out: Path, *, measured: bool) -> Iterator[str]:
    """Write candidates, records in no pair and lost matches; yield what a summary says of them."""
    from nirank.flow.ranking import Ranking
    from nirank.report import candidate_file
    from nirank.report.table_file import write_table

    one_table = _is_one_table(collection)
    row = result.rows[-1]
    candidates, pairs = result.pairs(_CANDIDATES), result.pairs(row.system)
    columns = _name_columns(collection)
    ranking = candidates if isinstance(candidates, Ranking) else None
    table = candidate_file.tabulate_candidates(pairs, ranking, columns, one_table=one_table)
    write_table(out, _order_columns(table))
    yield from _describe_counts(result.rows)
    yield f"{len(table):,} candidate pairs, {len(table) / max(collection.n_asking, 1):.2f} a record: {out}"
    yield from _write_unpaired(pairs, collection, out)
    if measured:
        yield from _describe_measures(row)
        lost = result.lost(row.system)
        path = candidate_file.name_beside(out, "lost")
        rows = zip(lost["document_id"], lost["query_id"], lost["last_in"], strict=True)
        table = candidate_file.make_text_table((*columns, "last_in"), rows)
        write_table(path, _order_columns(table))
        yield f"{len(lost):,} known matches are in no candidate pair: {path}"


def _write_nothing(collection: Collection, out: Path) -> Iterator[str]:
    """Write that there are no candidates: an empty table has no pairs."""
    from nirank.flow.pairs import Pairs
    from nirank.report import candidate_file
    from nirank.report.table_file import write_table

    one_table = _is_one_table(collection)
    pairs = Pairs.from_ids(collection.queries.ids, collection.docs.ids, {}, source="no records")
    table = candidate_file.tabulate_candidates(pairs, None, _name_columns(collection), one_table=one_table)
    write_table(out, _order_columns(table))
    yield f"0 candidate pairs: {out}"
    yield from _write_unpaired(pairs, collection, out)


def _order_columns(table: pa.Table) -> pa.Table:
    """Return a table whose first columns are the ids of the left table and of the right one."""
    if table.column_names[0] != "right_id":
        return table
    return table.select(["left_id", "right_id", *table.column_names[2:]])


def _write_unpaired(pairs: Pairs, collection: Collection, out: Path) -> Iterator[str]:
    from nirank.report import candidate_file
    from nirank.report.table_file import write_table

    one_table = _is_one_table(collection)
    unpaired = candidate_file.find_unpaired(pairs, one_table=one_table)
    path = candidate_file.name_beside(out, "unpaired")
    sides = sorted(zip(_name_sides(collection), unpaired, strict=True), key=lambda side: side[0])
    rows = [(side, record) for side, records in sides for record in records]
    write_table(path, candidate_file.make_text_table(("table", "id"), rows))
    n_first, n_second = (len(records) for _, records in sides)
    counts = f"{n_first:,} records"
    if not one_table:
        counts += f" of the left table and {n_second:,} of the right one"
    yield f"{counts} are in no candidate pair: {path}"


def _describe_counts(rows: Sequence[Row]) -> Iterator[str]:
    """Say what stages counted: blocks, comparisons and what was purged, and the answers of rules."""
    stated = {
        name: value
        for declared in rows[0].conventions.stages.values()
        for name, value in declared.items()
        if name in _BLOCKS
    }
    stated |= {name: rows[0].counts[name] for name in _LEFT_OUT if name in rows[0].counts}
    if stated:
        yield f"{rows[0].pipeline}: " + ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in stated.items())
    if len(rows) > 1:
        matches, non_matches, unknown = (rows[1].counts.get(f"rule_{name}", 0) for name in _ANSWERS)
        yield f"rules: {matches:,} matches, {non_matches:,} non-matches (left out), {unknown:,} unknown"


def _describe_measures(row: Row) -> Iterator[str]:
    names = {"PC": "recall (pair completeness, PC)", "PQ(complete)": "precision (pair quality, PQ)"}
    for measure, name in names.items():
        value = row.measures.get(measure)
        if value is None:
            if measure in row.nulls:
                yield f"{name}: {row.nulls[measure]}"
            continue
        low, high = row.intervals.get(measure, (value, value))
        yield f"{name}: {value:.4f}, 95 % interval {low:.4f} to {high:.4f}"
    if row.pairs is not None:
        yield f"{row.pairs.kept:,} of {row.pairs.matches:,} known matches are candidates"
