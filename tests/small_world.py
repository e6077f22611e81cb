"""30 users, 60 films, and what they were shown: the world of most tests."""

from __future__ import annotations

import numpy as np

from simulator.domain import Catalogue, Dataset, ExposureLog, Interactions, Vectors

N_USERS, N_ITEMS, WIDTH = 30, 60, 8


def small_vectors() -> Vectors:
    """Unit vectors of the small world's users and items."""
    generator = np.random.default_rng(1)
    return Vectors(
        generator.normal(size=(N_USERS, WIDTH)).astype(np.float32),
        generator.normal(size=(N_ITEMS, WIDTH)).astype(np.float32),
    ).normalised()


def small_world() -> Dataset:
    """30 users with 5 to 9 items each out of 60, and a log of 20 exposures a user."""
    generator = np.random.default_rng(2)
    catalogue = Catalogue(
        item_ids=[f"i{k}" for k in range(N_ITEMS)],
        titles=[f"Film {k}" for k in range(N_ITEMS)],
        categories=[("Even",) if k % 2 == 0 else ("Odd", "Prime") for k in range(N_ITEMS)],
        domain="movies",
    )
    rows = [
        (user, item, 100 + place)
        for user in range(N_USERS)
        for place, item in enumerate(generator.permutation(N_ITEMS)[: 5 + user % 5])
    ]
    user, item, time = np.array(rows).T
    logged = np.repeat(np.arange(N_USERS), 20)
    return Dataset(
        name="small",
        catalogue=catalogue,
        interactions=Interactions.from_columns(user, item, time, n_users=N_USERS, n_items=N_ITEMS),
        user_ids=[f"u{k}" for k in range(N_USERS)],
        log=ExposureLog(
            user=logged.astype(np.int32),
            item=generator.integers(0, N_ITEMS, len(logged)).astype(np.int32),
            time=np.full(len(logged), 103),
            position=np.full(len(logged), -1, dtype=np.int32),
            clicked=generator.random(len(logged)) < 0.4,
        ),
    )
