"""The tables and figures that can be made again, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.errors import UnknownNameError
from simulator.experiment.world import Say
from simulator.reproduction.case_study import table5
from simulator.reproduction.click_models import figure6
from simulator.reproduction.exhibit import Exhibit
from simulator.reproduction.intention_shares import figure8
from simulator.reproduction.method_tables import table3, table4
from simulator.reproduction.movement import figure7
from simulator.reproduction.playing import Player, Watch
from simulator.reproduction.sensitivity import figure4
from simulator.reproduction.settings import ReproductionSettings
from simulator.reproduction.writing import write_exhibit

SUBJECTS: Mapping[str, Callable[[ReproductionSettings, Player], Exhibit]] = {
    "table3": table3,
    "table4": table4,
    "table5": table5,
    "figure4": figure4,
    "figure6": figure6,
    "figure7": figure7,
    "figure8": figure8,
}
"""What `nudgesim reproduce` knows to make."""


def reproduce(name: str, settings: ReproductionSettings, say: Say, watch: Watch) -> Exhibit:
    """Play what a table or figure needs, and write it into `settings.folder`.

    Args:
        name: One of `SUBJECTS`.
        settings: On which data, in which size.
        say: Told what is going on.
        watch: Opens a progress bar for a run.

    Raises:
        UnknownNameError: If there is no such table or figure, data set, method, ...
        NudgesimError: Whatever keeps a run from being played; what is done stays done.
    """
    if name not in SUBJECTS:
        raise UnknownNameError("table or figure", name, SUBJECTS)
    with Player(settings.data, say, watch) as player:
        exhibit = SUBJECTS[name](settings, player)
    for path in write_exhibit(exhibit, settings.folder):
        say(f"written: {path}")
    return exhibit
