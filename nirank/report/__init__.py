"""Leaderboards as files and pages, made from plain rows."""

from nirank.report.files import check_names, write
from nirank.report.manifest import manifest
from nirank.report.page import html_table
from nirank.report.table import text_table

__all__ = ["check_names", "html_table", "manifest", "text_table", "write"]
