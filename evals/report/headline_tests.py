"""Headline tests: does a model order two headlines of an article as readers did?"""

from __future__ import annotations

from evals import plots
from evals.report.contents import Contents
from evals.report.section import Figures, Section, Sheet, Words, cautions
from evals.tables import Table, interval, records

_MEASURES = {
    "ordered": "ordered right, of pairs that differ",
    "ordered_all": "ordered right, of all pairs",
    "spearman": "rank correlation",
}


def section(contents: Contents) -> Section | None:
    """The share of pairs that each model orders right; None without headlines."""
    found = contents.headlines
    if found is None:
        return None
    table = found.measures.rename(columns={"model": "row"}).assign(series="")
    rows = [str(model) for model in table["row"].unique()]
    panels = [
        plots.Panel(
            name,
            table[table["measure"] == measure],
            0.0 if measure == "spearman" else 0.5,
            "luck is dashed",
        )
        for measure, name in _MEASURES.items()
        if (table["measure"] == measure).any()
    ]
    told = "Headlines ordered as readers did, a row a model"
    return Section(
        "headlines",
        "Does it order headlines as readers did?",
        "Headlines",
        (
            Words(
                "Two headlines of one article were shown to readers at random; the one that was "
                "clicked more often should get the higher P(click). One half is luck. Intervals "
                "resample tests."
            ),
            *cautions(found.cautions),
            Figures((plots.dots("headlines", panels, rows, told, one_hue=False),)),
            Sheet(_sheet(contents), "headlines"),
        ),
        {"headlines": found.measures, "headline-differences": found.differences},
    )


def _sheet(contents: Contents) -> Table:
    assert contents.headlines is not None
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in records(contents.headlines.measures):
        found.setdefault(str(row["model"]), {})[str(row["measure"])] = row
    rows = tuple(
        (
            model,
            *(interval(by.get(measure), "value", 3) for measure in _MEASURES),
            f"{by['ordered']['pairs']:,.0f}" if "ordered" in by else "–",
            f"{by['ordered']['tests']:,.0f}" if "ordered" in by else "–",
        )
        for model, by in found.items()
    )
    columns = ("model", *_MEASURES.values(), "pairs", "tests")
    return Table("Headline tests", columns, rows)
