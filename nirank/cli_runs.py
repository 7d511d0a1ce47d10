"""The commands for run files that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class Lists(click.Command):
    """A command some of whose options take all that follows, up to the next option: `--run A B C`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for one in self.params if isinstance(one, click.Option) and one.multiple for name in one.opts}
        spread: list[str] = []
        current = ""
        for at, arg in enumerate(args):
            if arg.startswith("-") and len(arg) > 1:
                current = arg if arg in several else ""
                spread.append(arg)
            elif current and args[at - 1] != current:
                spread += [current, arg]
            else:
                spread.append(arg)
        return super().parse_args(ctx, spread)


def significance_of(baseline: str | None, test: str, correction: str, alpha: float, seed: int) -> Any:
    """Return how systems are compared, from the command line."""
    from nirank.evaluation.comparisons import Significance

    return Significance(test, correction, alpha, seed=seed, baseline=baseline)  # type: ignore[arg-type]


def evaluate_tar_files(qrels: Path, runs: tuple[Path, ...], year: str) -> str:
    """Evaluate CLEF TAR runs and return a table of their ALL lines, as the year's script prints them."""
    from nirank.evaluation.clef_tar import evaluate_tar, printed, read_tar_run
    from nirank.judgements import read_qrels
    from nirank.run_files import name_runs

    judged = read_qrels(qrels)
    labels: dict[str, dict[str, int]] = {}
    columns = (judged.query_ids.to_pylist(), judged.doc_ids.to_pylist(), judged.grades.tolist())
    for topic, record, label in zip(*columns, strict=True):
        labels.setdefault(topic, {})[record] = label
    found = {
        name: evaluate_tar(read_tar_run(run), labels, year)  # type: ignore[arg-type]
        for name, run in name_runs(runs).items()
    }
    names = list(dict.fromkeys(name for one in found.values() for name in one.overall))
    rows = [["", *found], ["topics", *(str(len(one.per_topic)) for one in found.values())]]
    rows.append(["skipped", *(str(len(one.skipped)) for one in found.values())])
    rows.append(["absent", *(str(len(one.absent)) for one in found.values())])
    for name in names:
        told = [printed(one.overall[name], year) if name in one.overall else "-" for one in found.values()]  # type: ignore[arg-type]
        rows.append([name, *told])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if at else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
