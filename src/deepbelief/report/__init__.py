"""Records of a study -> pictures -> one self-contained HTML page."""

from deepbelief.report.page import build_report
from deepbelief.report.tables import Table, published_table, results_table

__all__ = ["Table", "build_report", "published_table", "results_table"]
