"""Two click models, the same users and the same luck: what differs, in a table and a report.

python examples/compare_click_models.py [comparison.html]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from evals import compare, write_report
from recommender import IPG
from simulator import DistributionClicks, Vectors, load_dataset, simulate

if __name__ == "__main__":
    data = load_dataset("demo")
    names = data.catalogue.category_names
    genres = np.array(
        [[name in own for name in names] for own in data.catalogue.categories], dtype=np.float32
    )
    # Users and items in the space of genres; `recommender.embeddings` trains better ones.
    early = data.interactions.before(data.log.time.min())
    taste = np.zeros((data.n_users, len(names)), dtype=np.float32)
    np.add.at(taste, early.user, genres[early.item])
    vectors = Vectors(taste - taste.mean(axis=0), genres).normalised()

    logged = data.logged_exposures().with_vectors(vectors)
    models = {
        "fitted": DistributionClicks.fit(logged, data.log.clicked),
        "released-code": DistributionClicks.preset("released-code"),
    }
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            simulate(
                data,
                IPG(vectors),
                model,
                vectors=vectors,
                users=np.arange(100),
                targets=np.array([3, 8]),
                rounds=10,
                seed=7,
                out=Path(folder) / name,
            )
            for name, model in models.items()
        ]
    comparison = compare(runs)
    print(comparison.levels.pivot(index="metric", columns="run", values="mean").round(3))
    report = Path(sys.argv[1] if len(sys.argv) > 1 else "comparison.html")
    print(f"report: {write_report(comparison, report, titles=data.catalogue.titles)}")
