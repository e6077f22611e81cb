"""The README that lies beside a trained model."""

from __future__ import annotations

from simulator.training.evaluation import Quality
from simulator.training.report import TrainingReport
from simulator.training.settings import SCRATCH

_CARD = """\
---
library_name: transformers
tags: [click-model, user-simulation]
---
# A click agent for {data}

A causal language model of {parameters:.2f} M parameters that answers one question: would this user,
whose history the prompt shows, click this item? {origin} `nudgesim agent train` made it, and
`--model FOLDER` plays it; `template.j2` is the prompt that it knows.

## Data
The log of {data} (sha256 of catalogue and histories `{sha}`): {decisions:,} exposures of {users:,}
training users. No-clicks: {no_clicks}.{shelf} {stop_users:,} further training users were kept out:
their log-loss chose the weights, and fitted the calibration. The users that nudgesim's evaluations
hold out were not touched. Who wrote the data's terms decides what this model may be used for.

## Training
{steps:,} steps ({epochs:.1f} passes; the weights of step {best_step:,} were kept) in
{minutes:.0f} minutes, {rate:,.0f} decisions a second. Loss: {loss}. Templates: {templates}.
{histories}{persona}{teacher} Seed {seed}; all numbers: `training.json`.

## Figures
On the users kept out to stop by ({n:,} exposures), who chose the weights, so that these figures
lean to the high side; `nudgesim compare` has those of the users held out.

| | AUC | log-loss | mean P(click) | click rate | calibration error |
|---|---|---|---|---|---|
{figures}

## Limits
- It knows the users and items of {data}. What it says about other catalogues is to be measured
  before it is believed.
- It was trained without few-shot examples in its prompt; ask it without (`examples = "none"`).
- A click here is what the log calls one{caution}.
- {too_long:.1%} of the exposures did not fit into its window and were left out.
"""

_LOSSES = {
    "bce": "binary cross-entropy of P(click) = p(click) / (p(click) + p(skip)), the quantity that "
    "the agent reads, plus {weight:g} times the cross-entropy of the answer as text",
    "supervised": "the likelihood of the answer as text (trl)",
    "dpo": "direct preference optimisation, the true answer before the other one (trl)",
}

_PERSONA = (
    " Prompts describe the user by what was known before (`--personas log`, taken for this folder)."
)
_TEACHER = (
    " A matrix factorisation of the training users' log taught too: its opinion counts "
    "{weight:.0%} of a logged answer, and stands alone for {guesses:g} further items each."
)


def model_card(report: TrainingReport) -> str:
    """Markdown with the front matter of the model hub."""
    settings = report.settings
    negatives = settings.negatives
    drawn = report.no_clicks == "drawn items"
    shelf = (
        f" {negatives.per_click} a click, by popularity to the power {negatives.alpha:g}, "
        "corrected for the draw: probabilities are those of a shelf of items never taken, of which "
        f"{negatives.click_rate:.0%} are clicked - an assumption."
    )
    figures = [_row("as it answers", report.stop), _row("calibrated", report.calibrated)]
    origin = (
        "It was trained from scratch, and is no general language model."
        if settings.base == SCRATCH
        else f"It goes on from {settings.base} ({report.base_revision})"
        f"{'' if settings.lora is None else f', by adapters of rank {settings.lora.rank}'}."
    )
    return _CARD.format(
        data=report.data,
        parameters=report.parameters / 1e6,
        origin=origin,
        sha=report.data_sha256[:16],
        decisions=report.decisions,
        users=report.users,
        no_clicks=report.no_clicks,
        shelf=shelf if drawn else "",
        stop_users=report.stop_users,
        steps=report.steps,
        epochs=report.epochs,
        best_step=report.best_step,
        minutes=report.seconds / 60,
        rate=report.decisions_per_second,
        loss=_LOSSES[settings.loss].format(weight=settings.language_weight),
        templates=", ".join(f"`{name}`" for name in report.templates),
        histories=_histories(settings.slates),
        persona=_PERSONA if settings.personas else "",
        teacher=_TEACHER.format(weight=settings.teacher.weight, guesses=settings.teacher.guesses)
        if report.taught and settings.teacher
        else "",
        seed=settings.seed,
        n=0 if report.stop is None else report.stop.decisions,
        figures="\n".join(row for row in figures if row),
        caution="; a no-click is a low rating of something chosen"
        if report.no_clicks == "low ratings"
        else "",
        too_long=report.too_long,
    )


def _histories(slates: int | None) -> str:
    if slates is None:
        return "Every exposure had exactly the history of its moment."
    return f"{slates} consecutive slates shared the history of the first."


def _row(name: str, quality: Quality | None) -> str:
    if quality is None:
        return ""
    values = (quality.auc, quality.log_loss, quality.mean_probability, quality.click_rate)
    cells = " | ".join(f"{value:.3f}" for value in (*values, quality.calibration_error))
    return f"| {name} | {cells} |"
