"""Whom the lab looks at: development users for iterating, test users for what is settled."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from evals.labelled import LabelledExposures
from simulator.domain import Dataset, IntArray
from simulator.errors import ConfigError, DataError
from simulator.experiment.labelled import labelled_exposures
from simulator.experiment.split import example_givers, known_before_judging, split_log
from simulator.seeding import generator

Split = Literal["development", "test"]


class Samples:
    """Samples of a log's later exposures.

    The development users are the training users of `split_log`, but for those whose exposures may
    be shown as few-shot examples; the test users are the held-out ones.

    Args:
        data: With a log.
        seed: Of the samples.

    Raises:
        ConfigError: If the data has no log, or too few users.
    """

    def __init__(self, data: Dataset, seed: int) -> None:
        self._data, self._seed = data, seed
        self._split = split_log(data)
        self._givers = example_givers(data)

    def rows(self, split: Split, exposures: int) -> IntArray:
        """Log rows to judge on, ascending: a sample that holds every smaller one.

        Raises:
            ConfigError: If the split is empty, or there is no such split.
        """
        if split not in get_args(Split):
            raise ConfigError(f"split = {split!r}; choose {' or '.join(get_args(Split))}.")
        log = self._data.log
        assert log is not None  # split_log has refused data without
        rows = self._split.judging if split == "test" else self._split.fitting
        rows = rows[~np.isin(log.user[rows], self._givers)]
        if not len(rows) or exposures < 1:
            raise ConfigError(
                f"The {split} split of {self._data.name} has {len(rows):,} exposures, and "
                f"{exposures:,} were asked for: there is nothing to judge a prompt on. Take data "
                "with more users, or ask for more exposures."
            )
        return np.sort(generator(self._seed, f"lab {split}").permutation(rows)[:exposures])

    def known(self) -> IntArray:
        """Log rows that may be known of users, shape (n,).

        Those before a user's first judged moment, in whichever split; all of the users whose
        exposures may be shown as examples.
        """
        return known_before_judging(self._data, self._split)

    def log(
        self, split: Split, exposures: int, cautions: tuple[str, ...] = ()
    ) -> LabelledExposures:
        """Those rows with their answers.

        Raises:
            ConfigError: As in `rows`.
            DataError: If the sample has only clicks or only no-clicks.
        """
        if split == "test":
            cautions = (*self._split.cautions, *cautions)
        rows = self.rows(split, exposures)
        try:
            return labelled_exposures(self._data, rows, self._split.early, cautions=cautions)
        except DataError as error:
            raise DataError(
                f"The sample of {len(rows):,} exposures cannot be judged on; ask for more. {error}"
            ) from error
