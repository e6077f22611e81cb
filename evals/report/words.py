"""The report's headline and findings, over all its parts."""

from __future__ import annotations

from evals.report.contents import Contents
from evals.wording import click_models, headline_tests, runs, testers


def headline(contents: Contents) -> str:
    """The one sentence to remember."""
    if contents.judgement is not None:
        text = click_models.headline(contents.judgement, contents.baselines)
        return f"{contents.data}: {text}" if contents.data else text
    if contents.runs is not None:
        return runs.headline(contents.runs)
    sentences = findings(contents)
    return sentences[0].rstrip(".") if sentences else contents.data or "A comparison"


def lead(contents: Contents) -> str:
    """The headline's figures."""
    if contents.judgement is not None:
        return click_models.lead(contents.judgement)
    return "" if contents.runs is None else runs.lead(contents.runs)


def findings(contents: Contents) -> list[str]:
    """A sentence each, part by part."""
    return [sentence for _, sentences in grouped(contents) for sentence in sentences]


def grouped(contents: Contents) -> list[tuple[str, list[str]]]:
    """The findings under what they are about; parts that have none are left out."""
    made: list[tuple[str, list[str]]] = []
    if contents.judgement is not None:
        found = click_models.findings(contents.judgement, contents.baselines)
        made.append(("Against logged users", found))
    if contents.headlines is not None:
        made.append(("Against headline tests", headline_tests.ordered(contents.headlines)))
    testing = [] if contents.ranking is None else testers.ranked(contents.ranking)
    if contents.conclusions is not None:
        testing += testers.concluded(contents.conclusions)
    made.append(("As testers of recommenders", testing))
    made.append(("Bias", [testers.moved(probes) for probes in contents.probes]))
    if contents.runs is not None:
        made.append(("Runs side by side", runs.findings(contents.runs)))
    return [(title, sentences) for title, sentences in made if sentences]


def cautions(contents: Contents) -> list[str]:
    """What a reader must know before anything else; a part's own stand with the part."""
    of_runs = contents.runs.cautions if contents.runs is not None else ()
    return [*contents.cautions, *of_runs]
