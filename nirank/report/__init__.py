"""Leaderboards as files and pages, made from rows."""

from nirank.report.details import make_brief_grids, make_detail_grids
from nirank.report.files import write_report
from nirank.report.html_table import render_html_table
from nirank.report.manifest import make_manifest
from nirank.report.run_files import list_run_files
from nirank.report.saved_report import read_report
from nirank.report.table import format_text

__all__ = [
    "format_text",
    "list_run_files",
    "make_brief_grids",
    "make_detail_grids",
    "make_manifest",
    "read_report",
    "render_html_table",
    "write_report",
]
