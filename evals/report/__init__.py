"""A comparison as one HTML file that needs no network, and its figures and tables as files."""

from evals.report.contents import Contents
from evals.report.decisions import Decisions, decisions_of, decisions_of_runs
from evals.report.words import cautions, findings, headline
from evals.report.writing import render_report, tables_of, write_comparison, write_report

__all__ = [
    "Contents",
    "Decisions",
    "cautions",
    "decisions_of",
    "decisions_of_runs",
    "findings",
    "headline",
    "render_report",
    "tables_of",
    "write_comparison",
    "write_report",
]
