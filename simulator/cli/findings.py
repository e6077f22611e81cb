"""What a comparison found, in the terminal."""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from evals.judgement import Judgement
from evals.report import Contents, cautions, findings, headline
from evals.tables import Table, number, rich_table
from evals.testers import RecommenderRanking
from simulator.cli.console import console

_MEASURES = {
    "auc": "AUC",
    "log_loss": "log-loss",
    "calibration_error": "calibration error",
    "click_rate_ratio": "expected/logged",
}


def show_comparison(contents: Contents) -> None:
    """Print each click model's main figures and the findings in words."""
    if contents.judgement is not None:
        table = _click_models(contents.judgement, contents.ranking)
        console.print(rich_table(table))
    console.print(Text(f"\n{headline(contents)}", style="bold"))
    for finding in findings(contents):
        console.print(Padding(Text(f"· {finding}"), (0, 0, 0, 2)))
    for caution in cautions(contents):
        console.print(Text(f"Note: {caution}", style="yellow"))


def _click_models(judgement: Judgement, ranking: RecommenderRanking | None) -> Table:
    """A row a model, ± half the interval; Kendall's tau where recommenders were ranked."""
    level = judgement.measures.set_index(["model", "measure"])
    half = (level["high"] - level["low"]) / 2

    def figure(model: str, measure: str) -> str:
        return f"{level['value'].loc[model, measure]:.3f} ±{half.loc[model, measure]:.3f}"

    rows = [[model, *(figure(model, m) for m in _MEASURES)] for model in judgement.models]
    columns = ["click model", *_MEASURES.values()]
    if ranking is not None:
        columns.append("τ")
        tau = ranking.agreement.set_index("model")["tau"]
        for row in rows:
            row.append(number(float(tau.get(row[0], float("nan"))), 2))
    return Table(
        f"{len(judgement.log):,} held-out exposures of {judgement.log.n_users:,} users "
        f"(± half the {judgement.bootstrap.level:.0%} interval; τ: recommenders ranked as the log)",
        tuple(columns),
        tuple(tuple(row) for row in rows),
    )
