"""Several folders of results become one leaderboard: what can be compared is compared anew, what cannot is refused."""

from nirank.report.merging.merge import merge_reports

__all__ = ["merge_reports"]
