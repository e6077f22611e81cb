"""The README that lies beside a pocket checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.data.demo import KINDS, N_FAVOURITES, N_SLATES, N_USERS, SLATE_SIZE

if TYPE_CHECKING:
    from simulator.training.pocket import PocketReport

_CARD = """\
---
license: apache-2.0
library_name: transformers
tags: [click-model, user-simulation]
---
# nudgesim pocket agent

A causal language model of {parameters:.2f} M parameters (Llama architecture, {layers} layers,
width {hidden}, {vocabulary} tokens) that answers one question: would this user, whose history the
prompt shows, click this film? It was trained from scratch by `nudgesim agent train` so that a
machine without a model hub has a real model to run. It is no general language model.

## Data
The demo world (`simulator/data/demo.py`): real films and {users} synthetic users, each with
{favourites} favourites and {slates} slates of {slate_size} films, clicked or not by a documented
law. Genres come in {kinds} kinds, and each user likes two of them. Users are split once, four
fifths to learn from and one fifth held out. The model saw the learners' log only, through the
templates {templates} as they are at inference; the true probabilities were never a target.

## Training
{steps} steps of {batch} decisions, {minutes:.0f} minutes of wall clock. The first
{easy} tell a learner's other favourites from random films, which teaches to compare a film with a
history; {epochs:g} passes over the click log follow, which teach how likely a click is. The loss is
the binary cross-entropy of P(click) = p(click) / (p(click) + p(skip)), the very quantity that the
agent reads, plus {language_weight:g} times the cross-entropy of the answer's own token and of the
end after it. {short:.0%} of the histories were cut to a random stretch; {strange:.0%} of the users
saw every film under another film's title, so that unknown titles with known genres get sensible
answers; {bare:.0%} saw no genres; {examples:.0%} of the batches showed few-shot examples.
All numbers: `training.json`. The same settings give the same model up to float noise.

## Figures
{decisions:,} logged exposures of held-out users, each with its user's history at that moment, no
few-shot examples. The truth is the best that any model can do; nobody can see it.

| | AUC | log-loss | mean P(click) | click rate | calibration error |
|---|---|---|---|---|---|
| pocket agent | {auc:.3f} | {log_loss:.3f} | {mean:.3f} | {rate:.3f} | {error:.3f} |
| truth | {true_auc:.3f} | {true_loss:.3f} | {true_mean:.3f} | {rate:.3f} | {true_error:.3f} |

Of the way from chance (0.5) to the truth's AUC it goes {share:.0%}. The labels' total probability
was never below {mass:.3f}. `python -m evals.benchmarks.pocket` measures this again, with and
without examples, beside the fitted distribution model.

## Limits
- It knows the demo world's users: they like kinds of genres, a little of an era, and never change.
  What it says about real people is a placeholder; pass `--model` a real language model for that. On
  MovieLens 100k the shipped checkpoint tells rated films from random ones with an AUC of 0.57, and
  likes from dislikes not at all (0.44).
- It is worse the longer users have been clicking, since sampled clicks tell less of a taste than
  favourites do. On the newer half of the log the shipped checkpoint goes 82% of the way and the
  fitted distribution model 71% (AUC +0.039, 95% interval 0.023 to 0.054 over the 120 held-out
  users); on the newest fifth 80% and 74% (+0.016, -0.008 to 0.039).
- The settings were tried on 24 of the held-out users, and the number of passes was chosen by the
  held-out score, so the figures above lean to the high side a little.
- It reads genres. A film without any is judged by its title, which works for the demo world's
  films at best. Other catalogues work as far as their categories are MovieLens' genre names.
- It knows the shipped film templates, in English (`yes`/`no`) and Chinese. Another wording may
  leave it with too little probability on the labels, which the agent reports as a failure.
- Its window is 1,024 tokens.
"""


def pocket_card(report: PocketReport) -> str:
    """Markdown with the front matter of the model hub."""
    training, held_out, truth = report.training, report.held_out, report.truth
    settings = training.settings
    network, variety = settings.network, settings.variety
    return _CARD.format(
        parameters=training.parameters / 1e6,
        layers=network.layers,
        hidden=network.hidden,
        vocabulary=f"{network.vocabulary:,}",
        users=N_USERS,
        favourites=N_FAVOURITES,
        slates=N_SLATES,
        slate_size=SLATE_SIZE,
        kinds=len(KINDS),
        templates=" and ".join(f"`{name}`" for name in settings.templates),
        epochs=settings.epochs,
        steps=f"{training.steps:,}",
        batch=settings.batch_decisions,
        easy=settings.bare_steps + settings.favourite_steps,
        minutes=training.seconds / 60,
        language_weight=settings.language_weight,
        short=variety.short_history,
        strange=variety.strange_titles,
        bare=variety.no_categories,
        examples=variety.examples,
        decisions=held_out.decisions,
        auc=held_out.auc,
        log_loss=held_out.log_loss,
        mean=held_out.mean_probability,
        rate=held_out.click_rate,
        error=held_out.calibration_error,
        true_auc=truth.auc,
        true_loss=truth.log_loss,
        true_mean=truth.mean_probability,
        true_error=truth.calibration_error,
        share=report.share,
        mass=report.smallest_mass,
    )
