"""Measure runs and click models: metrics, intervals, comparison, judgement, report.

Reads run directories and click models, never the loop's insides.
"""

from evals.agreement import flipped
from evals.bootstrap import Bootstrap
from evals.compare import Comparison, compare
from evals.conclusions import Conclusions, conclude
from evals.headlines import HeadlineJudgement, judge_headlines
from evals.judgement import Judgement
from evals.judging import judge, judge_answers
from evals.labelled import LabelledExposures
from evals.metrics import Metric, per_user
from evals.probes import Probes, probe
from evals.report import render_report, write_comparison, write_report
from evals.summary import summarise
from evals.tables import render_table, to_latex, to_markdown
from evals.testers import RecommenderRanking, rank_recommenders

__all__ = [
    "Bootstrap",
    "Comparison",
    "Conclusions",
    "HeadlineJudgement",
    "Judgement",
    "LabelledExposures",
    "Metric",
    "Probes",
    "RecommenderRanking",
    "compare",
    "conclude",
    "flipped",
    "judge",
    "judge_answers",
    "judge_headlines",
    "per_user",
    "probe",
    "rank_recommenders",
    "render_report",
    "render_table",
    "summarise",
    "to_latex",
    "to_markdown",
    "write_comparison",
    "write_report",
]
