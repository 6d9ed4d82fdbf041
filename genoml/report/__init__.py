"""A run's report: one HTML file that holds everything, to open anywhere and offline."""

from genoml.report.content import AttentionView, ReportData, SequenceView
from genoml.report.gather import attention_views, filter_matches, sequence_views
from genoml.report.page import build_report

__all__ = [
    "AttentionView",
    "ReportData",
    "SequenceView",
    "attention_views",
    "build_report",
    "filter_matches",
    "sequence_views",
]
