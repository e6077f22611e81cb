"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.files import cache_folder

_REPOSITORY = Path(__file__).resolve().parents[2]


def data_home() -> Path:
    """The folder that holds one folder for each data set; it need not exist yet.

    In this order: the environment variable NUDGESIM_DATA; `../shared/data` beside the repository,
    where that exists; else `nudgesim/data` in the user's cache (XDG_CACHE_HOME, or `~/.cache`).
    """
    named = os.environ.get("NUDGESIM_DATA")
    if named:
        return Path(named).expanduser()
    shared = _REPOSITORY.parent / "shared" / "data"
    if shared.is_dir():
        return shared
    return cache_folder() / "data"
