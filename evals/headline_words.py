"""What the words of a headline tell by themselves, learnt from other tests."""

from __future__ import annotations

import numpy as np

from simulator.data.upworthy import HeadlineTests
from simulator.domain import FloatArray
from simulator.seeding import generator

FOLDS = 5


def scores_by_words(tests: HeadlineTests, *, seed: int = 0) -> FloatArray:
    """A score for each headline from a ridge regression on the words of the other tests' headlines.

    The tests are parted in five; each fifth is scored by a regression on the others, of the log
    click rate less its mean in the group, on words and pairs of words weighted by rarity (TF-IDF).

    Args:
        tests: Headlines with their counts.
        seed: Which test is in which fifth.

    Returns:
        Higher for what is likely to be clicked more, shape (n,); 0 for all where there are too few
        tests to learn from.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge

    size = np.bincount(tests.group)
    # Half a click more keeps a headline without any finite.
    rate = np.log((tests.clicks + 0.5) / (tests.impressions + 1))
    rate -= (np.bincount(tests.group, weights=rate) / size)[tests.group]
    order = generator(seed, "headline folds").permutation(len(tests.test_ids))
    fold = (order % FOLDS)[tests.test]
    titles = np.array(tests.titles, dtype=object)
    learnt = size[tests.group] > 1
    score = np.zeros(len(tests))
    for k in range(FOLDS):
        others, mine = learnt & (fold != k), fold == k
        if mine.any() and others.any():
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
            model = Ridge(alpha=3.0).fit(words.fit_transform(titles[others]), rate[others])
            score[mine] = model.predict(words.transform(titles[mine]))
    return score
