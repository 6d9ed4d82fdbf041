"""Reports of runs: one HTML file that holds everything and opens offline; ``write_report`` makes it."""

from genoml.report.content import (
    AttentionView,
    ReportData,
    SequenceView,
    VariantView,
    attention_views,
    filter_matches,
    sequence_views,
)
from genoml.report.page import build_report, expect_writable, write_report
from genoml.report.variants import write_variant_report

__all__ = [
    "AttentionView",
    "ReportData",
    "SequenceView",
    "VariantView",
    "attention_views",
    "build_report",
    "expect_writable",
    "filter_matches",
    "sequence_views",
    "write_report",
    "write_variant_report",
]
