"""Axis two: click models as testers of recommenders and of nudging methods."""

from __future__ import annotations

from evals import plots
from evals.conclusions import Conclusions
from evals.report.contents import Contents
from evals.report.pivots import pivot
from evals.report.section import Figures, Section, Sheet, Words, cautions
from evals.tables import Table, interval, number, p_value, percentage, records
from evals.testers import RecommenderRanking
from evals.wording.listing import listed


def ranking_section(contents: Contents) -> Section | None:
    """Does a click model rank recommenders as the log does?"""
    ranking = contents.ranking
    if ranking is None:
        return None
    judges = ("log", *ranking.models)
    given = {judge: _given(ranking, judge) for judge in judges}
    order = sorted(given["log"], key=lambda name: -given["log"][name])
    taus = {row["model"]: row for row in records(ranking.agreement)}
    notes = {m: f"τ {number(taus[m]['tau'], 2)}" for m in ranking.models if m in taus}
    values = ranking.values.rename(columns={"recommender": "row"}).assign(series="")
    panels = [
        plots.Panel(
            "the log" if j == "log" else j, values[values["model"] == j], None, "click rate"
        )
        for j in judges
    ]
    told = f"Click rates of {listed(ranking.recommenders)}, a panel each for {listed(judges)}"
    sheet = pivot(
        "Click rate of what each recommender picks",
        ranking.values,
        ("recommender", order),
        ("model", judges),
    )
    return Section(
        "recommenders",
        "Does it rank recommenders as the log does?",
        "Recommenders",
        (
            Words(
                f"Each recommender picks its best {ranking.k} of every logged slate "
                f"({ranking.slates:,} slates of {ranking.users:,} users); its value is the click "
                "rate of what it picked, by the users' own answers or by a click model's "
                "probabilities. τ is Kendall's tau-b to the log's ranking: 1 is the same order, 0 "
                "none, −1 the reverse."
            ),
            *cautions(ranking.cautions),
            Figures((plots.ranks("recommender-ranks", given, notes, "recommenders"),)),
            Sheet(_taus(ranking), "recommender-agreement"),
            Figures(
                (plots.dots("recommender-values", panels, order, told, one_hue=False, columns=4),)
            ),
            Sheet(sheet, "recommender-values", folded=True),
        ),
        {"recommender-values": ranking.values, "recommender-agreement": ranking.agreement},
    )


def _given(ranking: RecommenderRanking, judge: str) -> dict[str, float]:
    """What a judge gives to each recommender."""
    rows = records(ranking.values[ranking.values["model"] == judge])
    return {str(row["recommender"]): float(row["value"]) for row in rows}


def _taus(ranking: RecommenderRanking) -> Table:
    rows = tuple(
        (str(row["model"]), interval(row, "tau", 2), percentage(row["same_best"]))
        for row in records(ranking.agreement)
    )
    columns = ("click model", "Kendall's τ to the log", "same best (of resamples)")
    return Table("Does the model's ranking agree with the log's?", columns, rows)


def conclusions_section(contents: Contents) -> Section | None:
    """Do the conclusions about nudging methods survive another click model?"""
    found = contents.conclusions
    if found is None:
        return None
    metrics = [str(metric) for metric in found.values["metric"].unique()]
    values = found.values.rename(columns={"model": "row", "method": "series"})
    panels = [plots.Panel(m, values[values["metric"] == m]) for m in metrics]
    told = f"Values of {listed(found.methods)} before {listed(found.models)}"
    sheets = [
        Sheet(
            pivot(
                f"{metric} by method and click model",
                found.values[found.values["metric"] == metric],
                ("method", found.methods),
                ("model", found.models),
                digits=1 if metric.startswith("IoR") else 3,
            ),
            f"nudging-{metric.replace('@', '-').lower()}",
            folded=True,
        )
        for metric in metrics
    ]
    return Section(
        "nudging",
        "Do the nudging conclusions survive?",
        "Nudging",
        (
            Words(
                f"The same nudging methods, played before each click model with the same draws and "
                f"{found.users:,} users; conclusions are held against those under {found.base}."
            ),
            *cautions(found.cautions),
            Figures((plots.dots("nudging", panels, found.models, told, series=found.methods),)),
            Words("Who wins, and is it decided?", "heading"),
            Sheet(_winners(found), "nudging-winners"),
            *_pairs(found),
            Sheet(_agreement(found), "nudging-agreement"),
            *sheets,
        ),
        {
            "nudging-values": found.values,
            "nudging-winners": found.winners,
            "nudging-agreement": found.agreement,
            "nudging-pairs": found.pairs,
        },
    )


def _winners(found: Conclusions) -> Table:
    rows = []
    for row in records(found.winners):
        digits = 1 if str(row["metric"]).startswith("IoR") else 3
        verdict = str(row["winner"]) if row["decided"] else f"undecided ({row['winner']} leads)"
        rows.append(
            (
                str(row["metric"]),
                str(row["model"]),
                verdict,
                str(row["runner_up"]),
                interval(row, "margin", digits, signed=True),
                p_value({"p_corrected": row["p_corrected"]}),
            )
        )
    columns = ("metric", "click model", "wins", "runner-up", "margin", "p")
    return Table("Which method wins (p: Holm-corrected)", columns, tuple(rows), names=4)


def _pairs(found: Conclusions) -> tuple[Words | Sheet, ...]:
    if found.pairs.empty:
        return (Words(f"Under {found.base} no two methods can be told apart."),)
    rows = tuple(
        (
            str(row["metric"]),
            f"{row['method']} − {row['other']}",
            number(
                row["base_difference"],
                1 if str(row["metric"]).startswith("IoR") else 3,
                signed=True,
            ),
            f"{row['holds']:.0f}",
            f"{row['reversed']:.0f}",
            f"{row['undecided']:.0f}",
        )
        for row in records(found.pairs)
    )
    columns = ("metric", "pair", f"under {found.base}", "holds", "reversed", "undecided")
    return (
        Words(
            f"Every difference between two methods that {found.base} decides, and in how many of "
            "the other click models it holds, turns round, or cannot be told from zero."
        ),
        Sheet(Table("Do differences hold?", columns, rows, names=2), "nudging-pairs"),
    )


def _agreement(found: Conclusions) -> Table:
    others = [m for m in found.models if m != found.base]
    metrics = [str(metric) for metric in found.agreement["metric"].unique()]
    return pivot(
        f"Kendall's τ of the methods' ranking to that under {found.base}",
        found.agreement.rename(columns={"tau": "value"}),
        ("model", others),
        ("metric", metrics),
        digits=2,
    )
