"""What is said of written queries: counts, examples that models wrote, a map, a file with all of them."""

from __future__ import annotations

from dataclasses import replace

from nirank.report import format_text, make_detail_grids
from nirank.report.page import render_page
from nirank.report.report import Report
from nirank.report.table import format_markdown
from nirank.report.written import make_written_grids, make_written_sections
from nirank.results.row import Row
from nirank.results.row_training import DocMap, QuerySieve, TrainingQueries, WrittenQueries

HOSTILE = "<script>alert('x')</script> | \u202e[x](http://a.example) \x1b[31m"
WRITTEN = WrittenQueries(
    what="queries written by a model",
    address="0123456789abcdef",
    selection="20 documents of 5 clusters",
    generator={"model": "m", "prompt": ["Document: {document}", HOSTILE]},
    documents=20,
    written=40,
    kept=7,
    evaluated=2,
    dropped=False,
    sieves=(
        QuerySieve("cleaned queries", 40, 30, (("d1", HOSTILE),), (("d2", "what is a <b>"),)),
        QuerySieve("filter of written queries: round trip in 3", 30, 7),
    ),
    clusters=5,
    covered=4,
    covered_at_random=2.5,
    tokens=400,
    seconds=12.5,
    map=DocMap(("0,0 1000,1000", "500,500"), "500,500", "0,0", "250,750", 0.4),
)
TRAINED = TrainingQueries(WRITTEN.what, 2, False, written=40, kept=7)
ROW = Row("c", "S", trained_on=(TRAINED,), written=(WRITTEN,), measures={"nDCG@10": 0.5})
MANIFEST = {
    "ended": "now", "seconds": 1.0, "computed": [], "versions": {}, "collections": [],
    "machine": {"processor": "p", "cores": 1, "platform": "x"},
}  # fmt: skip


def test_each_set_is_told_of_once_however_many_systems_use_it():
    rows = [ROW, replace(ROW, system="T"), replace(ROW, system="U", written=())]
    (grid,) = make_written_grids(rows)
    assert [[cell.text for cell in line] for line in grid.body] == [
        ["written", "40", "40", "-"],
        ["cleaned queries", "40", "30", "0.7500"],
        ["filter of written queries: round trip in 3", "30", "7", "0.2333"],
    ]
    notes = " ".join(grid.notes)
    assert "in 4 of 5 clusters; as many documents drawn at random would lie in 2.5" in notes
    assert "2 with the words of evaluated queries: kept" in notes
    assert "12.5 seconds, 400 tokens" in notes
    assert "written/0123456789ab.tsv.gz" in notes
    (section,) = make_written_sections(rows)
    assert [(line.document, line.fate) for line in section.examples] == [("d1", "dropped"), ("d2", "kept")]


def test_what_a_model_wrote_is_no_markup_and_no_command():
    details = make_detail_grids([ROW], ["nDCG@10"])
    page = render_page(Report([ROW], ["nDCG@10"], [], MANIFEST))
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(" in page
    assert "what is a &lt;b&gt;" in page
    assert "Document: {document}" in page
    assert "\u202e" not in page.partition("Every row")[0]
    assert "\\u202e[x](http://a.example) \\u001b[31m" in page
    for text in (format_text([ROW], ["nDCG@10"], details), format_markdown([ROW], ["nDCG@10"], details)):
        assert "script" not in text
        assert "\x1b[31m" not in text
        assert "queries written by a model: 40 written, 7 kept, no label" in " ".join(text.split())
