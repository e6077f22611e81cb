"""What came out of a training."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.training.evaluation import Quality
from simulator.training.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingReport:
    """What came out; written beside the model as training.json.

    Attributes:
        settings: The settings that made it.
        data: The data set's name.
        data_sha256: Its digest, as in a run's manifest.
        base_revision: Which version of the base it is; "" from scratch.
        templates: The templates' names, as the settings' "auto" was read.
        no_clicks: Where the no-clicks come from.
        taught: Whether a factorisation taught too.
        users: Training users, those kept out to stop by left out.
        decisions: Logged exposures that they have.
        stop_users: Kept out to stop by, and to calibrate on.
        stop: The kept weights on their log, as the network answers; None without such users.
        calibrated: The same, each user by a calibration fitted to the others.
        smallest_mass: The least total probability of the two labels over those rows.
        parameters: Weights of the network.
        steps: Of the optimiser.
        best_step: The step whose weights were kept.
        epochs: Passes that were made.
        too_long: Share of the decisions left out, because they did not fit into the window.
        seconds: Of training, wall clock.
        decisions_per_second: Learnt from, looks at the stop users included in the time.
        packed: Whether users' prompts were read as trees.
        click_loss: Mean click loss of each tenth of the steps, in nats.
    """

    settings: TrainingSettings
    data: str
    data_sha256: str
    base_revision: str
    templates: tuple[str, ...]
    no_clicks: str
    taught: bool
    users: int
    decisions: int
    stop_users: int
    stop: Quality | None
    calibrated: Quality | None
    smallest_mass: float | None
    parameters: int
    steps: int
    best_step: int
    epochs: float
    too_long: float
    seconds: float
    decisions_per_second: float
    packed: bool
    click_loss: tuple[float, ...]
