"""Training agents: language models that learn a log's users, from scratch or from a base.

Imports torch and transformers; import it only where training is wanted.

>>> from simulator.training import TrainingSettings, train_agent
>>> split = users_split(data)  # doctest: +SKIP
>>> report = train_agent(TrainingSettings(), data, Path("my-agent"), split=split)  # doctest: +SKIP
"""

from simulator.training.agent import train_agent
from simulator.training.evaluation import Quality, share_of_the_way
from simulator.training.negatives import TrainingLog, with_no_clicks
from simulator.training.pocket import POCKET, PocketReport, train_pocket
from simulator.training.progress import Progress
from simulator.training.report import TrainingReport
from simulator.training.settings import (
    SCRATCH,
    LoraSettings,
    NegativeSettings,
    NetworkSettings,
    TeacherSettings,
    TrainingSettings,
    Variety,
    recipe,
)

__all__ = [
    "POCKET",
    "SCRATCH",
    "LoraSettings",
    "NegativeSettings",
    "NetworkSettings",
    "PocketReport",
    "Progress",
    "Quality",
    "TeacherSettings",
    "TrainingLog",
    "TrainingReport",
    "TrainingSettings",
    "Variety",
    "recipe",
    "share_of_the_way",
    "train_agent",
    "train_pocket",
    "with_no_clicks",
]
