"""The report as one HTML file that needs no network: to read, to print, to put into a talk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from evals.compare import Comparison
from evals.plots import Drawing
from evals.report import (
    bias,
    click_models,
    headline_tests,
    movement,
    paths,
    runs,
    spending,
    testers,
)
from evals.report.contents import Contents
from evals.report.decisions import decisions_of_runs
from evals.report.packing import Packed, pack
from evals.report.section import Section
from evals.report.words import cautions, grouped, headline, lead

MOST_BYTES = 5_000_000
"""A report is smaller."""

_JOINT = re.compile(r"(?<=[,:/])(?=\w)|(?<==)(?=[A-Za-z])")
"""Where a name such as "agent:model=pocket,template=a/b" may be broken."""

_SPARE = 60_000
"""Left over for the page around the sections."""
_LEAST_ROOM = 400_000


class Page:
    """A report's sections, made once, and the HTML of them."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    @cached_property
    def sections(self) -> list[Section]:
        """All sections that there is something to say in, in reading order."""
        contents = self.contents
        made = [
            click_models.section(contents),
            headline_tests.section(contents),
            testers.ranking_section(contents),
            testers.conclusions_section(contents),
            bias.section(contents),
            *runs.sections(contents),
            paths.section(contents),
            movement.section(contents),
            spending.decided(contents),
            spending.cost(contents),
        ]
        return [section for section in made if section is not None]

    def html(self) -> str:
        """The page; the same text each time for the same contents."""
        from markupsafe import Markup

        environment = _environment()
        bodies = [
            (section, Markup(environment.get_template("section.html.j2").render(section=section)))
            for section in self.sections
        ]
        manifests = self._manifests()
        spent = sum(len(body.encode()) for _, body in bodies)
        spent += sum(len(text.encode()) for _, text in manifests)
        contents = self.contents
        text = environment.get_template("page.html.j2").render(
            headline=headline(contents),
            lead=lead(contents),
            findings=grouped(contents),
            cautions=cautions(contents),
            facts=self._facts(),
            sections=bodies,
            browser=self._browser(MOST_BYTES - _SPARE - spent),
            manifests=manifests,
            notes=_notes(contents),
            version=_version(),
        )
        return str(text)

    def _browser(self, room: int) -> dict[str, Any] | None:
        """The table of decisions in the room that is left."""
        decisions = self.contents.decisions
        if decisions is None and self.contents.runs is not None:
            decisions = decisions_of_runs(self.contents.runs, self.contents.catalogue)
        if decisions is None or not len(decisions):
            return None
        packed = pack(decisions, room=max(room, _LEAST_ROOM))
        return {"packed": packed.text, "notes": [*_kept(packed), *decisions.cautions]}

    def _facts(self) -> list[str]:
        contents = self.contents
        if contents.runs is not None:
            known = runs.facts(contents.runs)
            return [contents.data, *known] if contents.data not in ("", *known) else known
        found = [contents.data] if contents.data else []
        if contents.judgement is not None:
            log = contents.judgement.log
            found += [
                f"{len(contents.judgement.models)} click models",
                f"{len(log):,} exposures",
                f"{log.n_users:,} users",
            ]
        return found

    def _manifests(self) -> list[tuple[str, str]]:
        every: list[tuple[str, Mapping[str, Any]]] = [*self.contents.manifests]
        if self.contents.runs is not None:
            compared = self.contents.runs
            every += [
                (name, run.manifest)
                for name, run in zip(compared.names, compared.runs, strict=True)
            ]
        return [
            (name, json.dumps(manifest, indent=2, ensure_ascii=False, default=str))
            for name, manifest in every
        ]


def as_contents(contents: Contents | Comparison, titles: Sequence[str] | None = None) -> Contents:
    """Runs alone are a report too."""
    made = Contents(runs=contents) if isinstance(contents, Comparison) else contents
    return made if titles is None else replace(made, titles=titles)


def _kept(packed: Packed) -> list[str]:
    """What of the decisions the page holds, where it is not all."""
    out = []
    if packed.decisions < packed.total:
        out.append(
            f"A random sample of {packed.decisions:,} of {packed.total:,} decisions; the figures "
            "above rest on all of them."
        )
    if packed.prompted < packed.with_prompts:
        out.append(
            f"Prompts are kept for the {packed.prompted:,} decisions in which the models differ "
            "most, so that the file stays small."
        )
    return out


def _notes(contents: Contents) -> list[tuple[str, str]]:
    """What the report's words mean."""
    notes = []
    if contents.judgement is not None:
        notes += [
            ("AUC", "The chance that a clicked exposure has a higher P(click) than one passed by."),
            (
                "Calibration error",
                "The mean distance between P(click) and the share clicked, over bins of exposures.",
            ),
            ("Brier, log-loss", "How far P(click) is from what users did; lower is better."),
            (
                "κ and F1 at the logged rate",
                "Agreement with the log where a model clicks as often as users did, on the "
                "exposures that it finds most likely.",
            ),
            (
                "Total variation, Jensen-Shannon",
                "How far the expected clicks' distribution over segments is from the logged one.",
            ),
        ]
    if contents.runs is not None or contents.conclusions is not None:
        notes += [
            (
                "HR@P, hit rate",
                "Clicks an exposure over P rounds, clicks / (P · users), mean over targets.",
            ),
            (
                "IoI@P, increase of interest",
                "How much closer a user's preference vector is to the target's vector after round "
                "P than before round 1, mean over users and targets.",
            ),
            (
                "IoR@P, increase of rank",
                "How many places the target has climbed in the user's own ranking after round P.",
            ),
        ]
    notes.append(
        (
            "Intervals",
            "Users are resampled with everything that is theirs. p-values of differences between "
            "runs are of the paired t-test over users.",
        )
    )
    return notes


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    def figure(drawing: Drawing) -> Markup:
        return Markup(drawing.page())

    def bracketed(text: str) -> Markup:
        """A cell with its interval set small."""
        return Markup(re.sub(r" (\[[^\[\]]*\])$", r" <small>\1</small>", str(escape(text))))

    def jointed(text: str) -> Markup:
        """A name that may be broken at its joints."""
        return Markup(_JOINT.sub("<wbr>", str(escape(text))))

    environment = Environment(
        loader=PackageLoader("evals"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["bracketed"] = bracketed
    environment.filters["jointed"] = jointed
    return environment


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("nudgesim")
    except metadata.PackageNotFoundError:
        return ""
