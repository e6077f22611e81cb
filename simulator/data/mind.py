"""MIND: articles shown on MSN News, with what was clicked and what was passed over.

F. Wu et al., "MIND: A Large-scale Dataset for News Recommendation", ACL 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from simulator.data.archive import Archive
from simulator.data.fields import Fields
from simulator.data.filters import left_out
from simulator.data.ids import rows_of_texts
from simulator.data.separated import read_separated
from simulator.domain import BoolArray, Catalogue, Dataset, ExposureLog, IntArray, Interactions
from simulator.errors import DataError, excerpt

MIND = Archive(
    url="https://msnews.github.io/",
    md5=None,
    folder="mind",
    files=("behaviors.tsv", "news.tsv"),
    note="Both files are in MINDsmall_train.zip; those of another part of MIND have the same form.",
)
LICENCE = "Microsoft Research License Terms: non-commercial research, no redistribution"

_BEHAVIOUR_COLUMNS = ("impression", "user", "time", "history", "shown")
_NEWS_COLUMNS = ("news_id", "category", "subcategory", "title", "abstract")
_PUBLISHED_COLUMNS = (*_NEWS_COLUMNS, "url", "title_entities", "abstract_entities")
_TIME = "%m/%d/%Y %I:%M:%S %p"


class _Tokens(NamedTuple):
    """The articles that a column names, line after line.

    Attributes:
        line: Row of the file, shape (n,).
        article: Row of the news, -1 where it is not among them, shape (n,).
        clicked: Whether the token ends in -1, shape (n,); all False in a history.
    """

    line: IntArray
    article: IntArray
    clicked: BoolArray

    def known(self) -> _Tokens:
        """Those whose article is among the news."""
        kept = self.article >= 0
        return _Tokens(self.line[kept], self.article[kept], self.clicked[kept])


def load_mind(folder: Path) -> Dataset:
    """Read one part of MIND, such as the training part of MINDsmall.

    Users are in the ascending order of their ids, articles in the order of the file; articles that
    occur in no history and no impression are left out. A user's interactions are the clicked
    articles of the publisher's history, in its order, and then those clicked in impressions, at the
    impression's time. The history's own times are not published; it ended before the impressions
    began, and is put one second before the first of them. It is the same in all impressions of a
    user; where it is not, the longest counts.

    The log's no-clicks are real: shown on one page with a clicked article, and passed over. The
    publisher shuffled each page, so positions are unknown.

    Args:
        folder: Holds `behaviors.tsv`, five columns without a header, and `news.tsv`: either the
            publisher's eight columns without a header, or the first five under their names.

    Raises:
        DataError: If a file is missing or malformed; names file, line and column.
    """
    MIND.require(folder)
    news = _read_news(folder / "news.tsv")
    behaviours = read_separated(folder / "behaviors.tsv", _BEHAVIOUR_COLUMNS, "\t", "utf-8")
    behaviours.require_unique("impression")
    news.require_unique("news_id")
    news.require_filled("title", "a language model reads titles.")
    row_of = {name: row for row, name in enumerate(news.columns["news_id"])}
    users = behaviours.require_filled("user", "name the user.")
    user_ids = sorted(set(users))
    user = rows_of_texts(users, user_ids)
    time = _times(behaviours)
    shown = _shown(behaviours, row_of)
    history, n_shorter = _histories(behaviours, user, row_of)

    n_shown, n_past = len(shown.article), len(history.article)
    shown, history = shown.known(), history.known()
    articles, row = np.unique(np.concatenate([history.article, shown.article]), return_inverse=True)
    if not len(shown.article):
        raise DataError("No shown article has a title; fetch both files again.", path=news.path)
    past, item = np.split(row, [len(history.article)])
    clicked = shown.clicked
    log = ExposureLog(
        user=user[shown.line].astype(np.int32),
        item=item.astype(np.int32),
        time=time[shown.line],
        position=np.full(len(item), -1, dtype=np.int32),
        clicked=clicked,
    )
    return Dataset(
        name="mind",
        catalogue=_catalogue(news, articles),
        interactions=Interactions.from_columns(
            user=np.concatenate([user[history.line], log.user[clicked]]),
            item=np.concatenate([past, log.item[clicked]]),
            time=np.concatenate([np.full(len(past), time.min() - 1), log.time[clicked]]),
            n_users=len(user_ids),
            n_items=len(articles),
        ),
        user_ids=user_ids,
        log=log,
        source={
            "publisher": MIND.url,
            "licence": LICENCE,
            "time": "of the impression; histories, undated, one second before the first of them",
            "log": "A click is an article that its reader opened, a no-click one that stood on the "
            "same page and was not opened.",
            "caution": "The publisher shuffled each page: nothing is known about positions.",
            "dropped": left_out(
                shown_articles_without_a_title=n_shown - len(shown.article),
                articles_of_histories_without_a_title=n_past - len(history.article),
                articles_that_nobody_was_shown=len(news) - len(articles),
                shorter_histories_of_the_same_readers=n_shorter,
            ),
            **{f"sha256:{f.path.name}": f.sha256 for f in (behaviours, news)},
        },
    )


def _read_news(path: Path) -> Fields:
    """The publisher's file, or one with the five first columns under their names."""
    with path.open("rb") as file:
        named = file.readline().startswith(b"news_id\t")
    columns = _NEWS_COLUMNS if named else _PUBLISHED_COLUMNS
    return read_separated(path, columns, "\t", "utf-8", header=named)


def _times(behaviours: Fields) -> IntArray:
    """Seconds since 1970 of each impression, shape (n_rows,)."""
    texts = behaviours.texts("time")
    moments = pd.to_datetime(pd.Series(texts), format=_TIME, errors="coerce")
    bad = np.flatnonzero(moments.isna())
    if len(bad):
        row = int(bad[0])
        message = f"{excerpt(texts[row])} is no time such as 11/14/2019 7:01:48 AM."
        raise behaviours.fault(message, row, "time")
    return moments.to_numpy().astype("datetime64[s]").astype(np.int64)


def _shown(behaviours: Fields, row_of: dict[str, int]) -> _Tokens:
    """What was shown, one token such as N23814-1 an article."""
    pages = [page.split() for page in behaviours.require_filled("shown", "name what was shown.")]
    line = np.repeat(np.arange(len(pages)), [len(page) for page in pages])
    tokens = [token for page in pages for token in page]
    ends = np.array([token[-2:] for token in tokens])
    bad = np.flatnonzero((ends != "-0") & (ends != "-1"))
    if len(bad):
        first = int(bad[0])
        raise behaviours.fault(
            f"{excerpt(tokens[first])} ends in neither -1 (clicked) nor -0; the test part of MIND "
            "has no answers, take the training or the validation part.",
            int(line[first]),
            "shown",
        )
    article = np.array([row_of.get(token[:-2], -1) for token in tokens], dtype=np.int64)
    return _Tokens(line, article, ends == "-1")


def _histories(behaviours: Fields, user: IntArray, row_of: dict[str, int]) -> tuple[_Tokens, int]:
    """Each user's longest history, from the first line that has it; how many lines have another."""
    texts = behaviours.texts("history")
    lengths = np.array([len(text.split()) for text in texts])
    order = np.lexsort((np.arange(len(user)), -lengths, user))
    chosen = order[np.unique(user[order], return_index=True)[1]]
    line = np.repeat(chosen, lengths[chosen])
    article = [row_of.get(name, -1) for k in chosen for name in texts[k].split()]
    other = sum(text != texts[k] for text, k in zip(texts, chosen[user], strict=True))
    tokens = _Tokens(line, np.array(article, dtype=np.int64), np.zeros(len(line), dtype=bool))
    return tokens, other


def _catalogue(news: Fields, rows: IntArray) -> Catalogue:
    sections = zip(news.columns["category"], news.columns["subcategory"], strict=True)
    categories = [tuple(filter(None, names)) for names in sections]
    return Catalogue(
        item_ids=[news.columns["news_id"][k] for k in rows],
        titles=[news.columns["title"][k].strip() for k in rows],
        categories=[categories[k] for k in rows],
        domain="news",
    )
