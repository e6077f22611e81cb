"""The factors of a logistic matrix factorisation, by quasi-Newton steps on the exact gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from simulator.domain import BoolArray, FloatArray, IntArray
from simulator.seeding import generator

_STEPS = 150
_START = 0.1
"""Spread of the vectors' start; at zero their gradient would be zero."""


@dataclass(frozen=True)
class FactorSettings:
    """How free the factors are.

    Attributes:
        dimension: d, of the vectors; 0 for biases alone.
        penalty: Of the vectors' squared lengths.
        bias_penalty: Of the biases' squares. The mean has none.
    """

    dimension: int
    penalty: float
    bias_penalty: float

    def describe(self) -> str:
        """All of them."""
        return (
            f"{self.dimension} dimensions, penalties {self.penalty:g} of vectors and "
            f"{self.bias_penalty:g} of biases"
        )


@dataclass(frozen=True, eq=False)
class Factors:
    """What a user and an item add to a logit.

    The last row of each table is zero: it is that of all who are not in the table.

    Attributes:
        mean: m.
        user_bias: float64, shape (n_users + 1,).
        item_bias: float64, shape (n_items + 1,).
        user: float64, shape (n_users + 1, d).
        item: float64, shape (n_items + 1, d).
    """

    mean: float
    user_bias: FloatArray
    item_bias: FloatArray
    user: FloatArray
    item: FloatArray

    def logit(self, user: IntArray, item: IntArray) -> FloatArray:
        """`m + b_u + c_i + p_u . q_i`, float64, shape (n,)."""
        u = np.minimum(user, len(self.user_bias) - 1)
        i = np.minimum(item, len(self.item_bias) - 1)
        inner = np.einsum("nd,nd->n", self.user[u], self.item[i])
        return np.asarray(self.mean + self.user_bias[u] + self.item_bias[i] + inner)


def fit_factors(
    user: IntArray,
    item: IntArray,
    clicked: BoolArray,
    settings: FactorSettings,
    *,
    seed: int,
) -> Factors:
    """Minimise the log-loss, summed over rows, and half the penalties' squared lengths.

    L-BFGS (Liu and Nocedal, 1989, as SciPy has it) on one thread: the last bits of a sum on more
    depend on the machine's load.

    Args:
        user: shape (n,).
        item: Likewise.
        clicked: Likewise.
        settings: Dimension and penalties.
        seed: Of the vectors' start.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    users, u = np.unique(user, return_inverse=True)
    items, i = np.unique(item, return_inverse=True)
    task = _Task(u, i, clicked, (len(users), len(items)), settings)
    with threadpool_limits(limits=1, user_api="blas"):
        found = minimize(
            task.loss_and_gradient,
            task.start(generator(seed, "factorisation start")),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS, "ftol": 1e-6, "gtol": 1e-3},
        )
    mean, user_bias, item_bias, user_rows, item_rows = task.parts(found.x)
    return Factors(
        float(mean[0]),
        *(_spread(bias, ids) for bias, ids in ((user_bias, users), (item_bias, items))),
        *(_spread(rows, ids) for rows, ids in ((user_rows, users), (item_rows, items))),
    )


class _Task:
    """The penalised loss as a function of one flat array."""

    def __init__(
        self,
        user: IntArray,
        item: IntArray,
        clicked: BoolArray,
        shape: tuple[int, int],
        settings: FactorSettings,
    ) -> None:
        from scipy.sparse import csr_array

        self.user, self.item = user, item
        self.sign = np.where(clicked, 1.0, -1.0)
        self.mean = float(np.clip(clicked.mean(), 1e-6, 1 - 1e-6))
        self.n_users, self.n_items = shape
        self.dimension, self.penalty = settings.dimension, settings.penalty
        self.bias_penalty = settings.bias_penalty
        row, one = np.arange(len(user)), np.ones(len(user))
        # Adds up what the rows of a user (an item) have, whatever their order.
        self.by_user = csr_array((one, (user, row)), shape=(self.n_users, len(user)))
        self.by_item = csr_array((one, (item, row)), shape=(self.n_items, len(user)))

    def start(self, draws: np.random.Generator) -> FloatArray:
        """The overall rate, no biases, small vectors."""
        vectors = draws.normal(size=(self.n_users + self.n_items) * self.dimension) * _START
        biases = np.zeros(self.n_users + self.n_items)
        logit = np.log(self.mean / (1 - self.mean))
        return np.concatenate([[logit], biases, vectors])

    def parts(self, flat: FloatArray) -> tuple[FloatArray, ...]:
        """Mean, biases of users and items, vectors of users and items: views."""
        sizes = (1, self.n_users, self.n_items, self.n_users * self.dimension)
        mean, user_bias, item_bias, user, item = np.split(flat, np.cumsum(sizes))
        return (
            mean,
            user_bias,
            item_bias,
            user.reshape(self.n_users, self.dimension),
            item.reshape(self.n_items, self.dimension),
        )

    def loss_and_gradient(self, flat: FloatArray) -> tuple[float, FloatArray]:
        """Both at once, since they share the logits."""
        mean, user_bias, item_bias, user, item = self.parts(flat)
        p, q = user[self.user], item[self.item]
        logit = mean + user_bias[self.user] + item_bias[self.item] + np.einsum("nd,nd->n", p, q)
        loss = float(np.logaddexp(0.0, -self.sign * logit).sum())
        loss += 0.5 * self.bias_penalty * float(user_bias @ user_bias + item_bias @ item_bias)
        loss += 0.5 * self.penalty * float(np.square(user).sum() + np.square(item).sum())
        pull = -self.sign * expit(-self.sign * logit)
        gradient = np.concatenate(
            [
                [pull.sum()],
                self.by_user @ pull + self.bias_penalty * user_bias,
                self.by_item @ pull + self.bias_penalty * item_bias,
                (self.by_user @ (pull[:, None] * q) + self.penalty * user).ravel(),
                (self.by_item @ (pull[:, None] * p) + self.penalty * item).ravel(),
            ]
        )
        return loss, gradient


def _spread(rows: FloatArray, ids: IntArray) -> FloatArray:
    """The rows at their ids' places, zeros at all others and one row of zeros beyond."""
    out = np.zeros((int(ids[-1]) + 2, *rows.shape[1:]))
    out[ids] = rows
    return out
