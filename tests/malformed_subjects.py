"""Every format that nudgesim reads, by name."""

from __future__ import annotations

from collections.abc import Mapping

from malformed_data_sets import (
    COAT,
    DOUBAN,
    ITEMS,
    LASTFM,
    MIND,
    MOVIELENS,
    PARQUET,
    SHOP,
    STEAM,
    STEAM_REVIEWS,
    TABLES,
    TALLREC_BOOKS,
    TALLREC_FILMS,
    UPWORTHY,
    question,
)
from malformed_formats import Subject, parquet, table
from malformed_own_files import BOOK, CACHE, CALIBRATION, CONFIG, EXAMPLES, RUN, TEMPLATE

__all__ = [
    "BOOK",
    "CACHE",
    "CALIBRATION",
    "COAT",
    "CONFIG",
    "DOUBAN",
    "EXAMPLES",
    "ITEMS",
    "LASTFM",
    "MIND",
    "MOVIELENS",
    "PARQUET",
    "RUN",
    "SHOP",
    "STEAM",
    "STEAM_REVIEWS",
    "SUBJECTS",
    "TABLES",
    "TALLREC_BOOKS",
    "TALLREC_FILMS",
    "TEMPLATE",
    "UPWORTHY",
    "Subject",
    "parquet",
    "question",
    "table",
]

SUBJECTS: Mapping[str, Subject] = {
    subject.name: subject
    for subject in (
        MOVIELENS, LASTFM, STEAM, STEAM_REVIEWS, DOUBAN, MIND, COAT, TALLREC_FILMS, TALLREC_BOOKS,
        UPWORTHY, TABLES, PARQUET, RUN, CONFIG, EXAMPLES, TEMPLATE, CALIBRATION, CACHE, BOOK,
    )
}  # fmt: skip
