"""Reports of runs: one HTML file that holds everything and opens offline; ``write_report`` makes it."""

from genoml.report.content import (
    AttentionView,
    Composition,
    FalseCall,
    ReportData,
    Section,
    SequenceView,
    VariantView,
)
from genoml.report.experiments import write_experiment_report
from genoml.report.filters import filter_matches
from genoml.report.html import build_report
from genoml.report.page import expect_writable, write_report, write_variant_report
from genoml.report.views import attention_views, sequence_views

__all__ = [
    "AttentionView",
    "Composition",
    "FalseCall",
    "ReportData",
    "Section",
    "SequenceView",
    "VariantView",
    "attention_views",
    "build_report",
    "expect_writable",
    "filter_matches",
    "sequence_views",
    "write_experiment_report",
    "write_report",
    "write_variant_report",
]
