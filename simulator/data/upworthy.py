"""Upworthy's headline tests: how often people clicked each headline of an article.

J. N. Matias, K. Munger, M. A. Le Quere and C. Ebersole, "The Upworthy Research Archive, a time
series of 32,487 experiments in U.S. media", Scientific Data 8, 2021. The tests have no users, so
they are no `Dataset`; `evals.headlines` asks a click model about them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simulator.data.archive import Archive
from simulator.data.filters import left_out
from simulator.data.home import data_home
from simulator.data.ids import rows_of_texts
from simulator.data.table_files import read_table
from simulator.domain import BoolArray, IntArray
from simulator.errors import DataError

UPWORTHY = Archive(
    url="https://osf.io/jd64p/",
    md5=None,
    folder="upworthy",
    files=("packages.tsv",),
    note="The publisher's CSV files of packages read alike: name one as `file`.",
)
LICENCE = "CC BY 4.0"
_MOST_PEOPLE = 10**12
"""In one row; sums of rows stay far from the largest integer."""
FAULTY_WEEKS = (201325, 201402)
"""First and last week in which people were not assigned at random, as the publisher found out."""


@dataclass(frozen=True, eq=False)
class HeadlineTests:
    """n headlines; those of one test were shown to people at random.

    Attributes:
        test_ids: The publisher's, ascending, length n_tests.
        titles: The headlines, length n.
        test: Row of the test among `test_ids`, int64, shape (n,), ascending.
        group: Which headlines were shown in one test with the same image, int64, shape (n,),
            ascending from 0; within a group only the headline differs.
        impressions: How many people saw it, int64, at least 1, shape (n,).
        clicks: How many of them clicked, int64, shape (n,).
        week: Year and week, such as 201446, in which the test began, int64, shape (n,).
        source: Where the tests came from.
    """

    test_ids: Sequence[str]
    titles: Sequence[str]
    test: IntArray
    group: IntArray
    impressions: IntArray
    clicks: IntArray
    week: IntArray
    source: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.titles)

    def take(self, rows: IntArray | BoolArray) -> HeadlineTests:
        """The given headlines, ascending or by mask; tests and groups are numbered anew."""
        index: IntArray = np.arange(len(self))[rows]
        kept, test = np.unique(self.test[index], return_inverse=True)
        return HeadlineTests(
            test_ids=[self.test_ids[k] for k in kept],
            titles=[self.titles[k] for k in index],
            test=test,
            group=np.unique(self.group[index], return_inverse=True)[1],
            impressions=self.impressions[index],
            clicks=self.clicks[index],
            week=self.week[index],
            source=self.source,
        )

    def contested(self) -> HeadlineTests:
        """The headlines that have another in their group to be compared to."""
        return self.take(np.bincount(self.group)[self.group] > 1)


def load_upworthy(home: Path | None = None) -> HeadlineTests:
    """Read the headline tests that lie among the data sets, by `load_headline_tests`.

    Args:
        home: The folder of all data sets; `data_home()` by default.
    """
    return load_headline_tests((home or data_home()) / UPWORTHY.folder)


def load_headline_tests(folder: Path, *, file: str = UPWORTHY.files[0]) -> HeadlineTests:
    """Read headline tests.

    A row of the file is a package: a headline, an image and texts that show only elsewhere, such
    as the one for sharing. Packages of one test with the same headline and image looked alike
    where they were clicked, so they are counted together. Headlines with different images stay
    apart, since the image moves clicks as well. Packages without an image id, and those of the
    weeks whose randomisation was faulty, are left out; `source["dropped"]` counts them.

    Args:
        folder: Holds the file.
        file: Has the columns clickability_test_id, headline, impressions, clicks, test_week and
            eyecatcher_id (the image), and perhaps more; ends in .tsv or .csv.

    Raises:
        DataError: If the file is missing or malformed; names file, line and column.
        UnknownNameError: If a column is missing.
    """
    if file == UPWORTHY.files[0]:
        UPWORTHY.require(folder)
    table = read_table(folder / file)
    rows = pd.DataFrame(
        {
            "test": table.require_filled("clickability_test_id", "name the test."),
            "image": table.texts("eyecatcher_id"),
            "headline": table.require_filled("headline", "a language model reads headlines."),
            "impressions": table.integers("impressions", 1, _MOST_PEOPLE),
            "clicks": table.integers("clicks", 0, _MOST_PEOPLE),
            "week": table.integers("test_week", 1),
        }
    )
    above = np.flatnonzero(rows["clicks"] > rows["impressions"])
    if len(above):
        row = int(above[0])
        message = f"{rows['clicks'][row]} clicks of {rows['impressions'][row]} impressions."
        raise table.fault(message, row, "clicks")
    rows["headline"] = rows["headline"].str.strip()
    faulty = rows["week"].between(*FAULTY_WEEKS)
    bare = rows["image"] == ""
    kept = rows[~faulty & ~bare]
    if kept.empty:
        raise DataError("No package with an image is left; fetch the file again.", path=table.path)
    shown = kept.groupby(["test", "image", "headline"], sort=True, as_index=False).agg(
        {"impressions": "sum", "clicks": "sum", "week": "min"}
    )
    test_ids = sorted(set(shown["test"]))
    return HeadlineTests(
        test_ids=test_ids,
        titles=shown["headline"].tolist(),
        test=rows_of_texts(shown["test"].tolist(), test_ids),
        group=shown.groupby(["test", "image"], sort=True).ngroup().to_numpy(),
        impressions=shown["impressions"].to_numpy(),
        clicks=shown["clicks"].to_numpy(),
        week=shown["week"].to_numpy(),
        source={
            "publisher": UPWORTHY.url,
            "licence": LICENCE,
            "log": "A click rate is that of the people, drawn at random, who saw the headline.",
            "merged": f"{len(kept) - len(shown)} packages with the headline and image of another",
            "dropped": left_out(
                packages_without_an_image_id=int((bare & ~faulty).sum()),
                packages_of_weeks_with_faulty_randomisation=int(faulty.sum()),
            ),
            f"sha256:{table.path.name}": table.sha256,
        },
    )
