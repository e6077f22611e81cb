"""Measure runs and click models: metrics, intervals, comparison, judgement, report.

Reads run directories and click models, never the loop's insides.
"""

from evals.agreement import flipped
from evals.bootstrap import Bootstrap
from evals.compare import Comparison, compare
from evals.judgement import Judgement
from evals.judging import judge, judge_answers
from evals.labelled import LabelledExposures
from evals.metrics import Metric, per_user
from evals.report import render_report, write_report
from evals.summary import summarise
from evals.tables import render_table, to_latex, to_markdown

__all__ = [
    "Bootstrap",
    "Comparison",
    "Judgement",
    "LabelledExposures",
    "Metric",
    "compare",
    "flipped",
    "judge",
    "judge_answers",
    "per_user",
    "render_report",
    "render_table",
    "summarise",
    "to_latex",
    "to_markdown",
    "write_report",
]
