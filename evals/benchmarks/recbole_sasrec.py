"""RecBole's SASRec on a file of interactions: the other side of `sequence_models.py`.

    PYTHON_WITH_RECBOLE evals/benchmarks/recbole_sasrec.py FOLDER NAME --epochs 20 --batch 256

Runs in an environment of its own, with `recbole` and `torch` and nothing of this project. It reads
FOLDER/NAME/NAME.inter (user_id, item_id, timestamp), holds out each user's last interaction for
testing and the one before for validation, trains, and prints one line of JSON: the test item's
rank for each user, among all items that are not in the user's history.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib import import_module
from typing import Any

# RecBole loads its own checkpoint with a pickle that newer versions of torch refuse by default.
os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


def settings(folder: str, epochs: int, batch: int, seed: int) -> dict[str, Any]:
    """RecBole's own defaults for SASRec, on the split of this project."""
    return {
        "data_path": folder,
        "checkpoint_dir": f"{folder}/checkpoints",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": 50,
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "order": "TO",
            "group_by": "user",
            "mode": "full",
        },
        "train_neg_sample_args": None,
        "loss_type": "CE",
        "metrics": ["Recall", "NDCG"],
        "topk": [10, 20],
        "valid_metric": "NDCG@20",
        "epochs": epochs,
        "train_batch_size": batch,
        "stopping_step": 4,
        "seed": seed,
        "use_gpu": False,
        "show_progress": False,
        "log_wandb": False,
    }


def main() -> None:
    """Train, rank, print."""
    import torch

    # By name, since neither its types nor the package itself are to be had here.
    data, utils = import_module("recbole.data"), import_module("recbole.utils")
    sasrec = import_module("recbole.model.sequential_recommender").SASRec
    trainer_class = import_module("recbole.trainer").Trainer
    config_class = import_module("recbole.config").Config

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("name")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = config_class(
        model="SASRec",
        dataset=given.name,
        config_dict=settings(given.folder, given.epochs, given.batch, given.seed),
    )
    utils.init_seed(given.seed, reproducibility=True)
    utils.init_logger(config)
    dataset = data.create_dataset(config)
    train, valid, test = data.data_preparation(config, dataset)
    model = sasrec(config, train.dataset)
    trainer = trainer_class(config, model)
    trainer.fit(train, valid, verbose=True, show_progress=False)
    trainer.resume_checkpoint(trainer.saved_model_file)
    model.eval()
    # Whole histories, since a model's input holds the newest 50 items only.
    seen: dict[int, list[int]] = {}
    columns = dataset.inter_feat
    for user, item, place in zip(
        columns["user_id"].tolist(),
        columns["item_id_list"].tolist(),
        columns["item_length"].tolist(),
        strict=True,
    ):
        seen.setdefault(user, []).extend(item[:place])
    ranks: dict[str, int] = {}
    with torch.no_grad():
        for interaction, *_ in test:
            scores = model.full_sort_predict(interaction)
            users, items = interaction["user_id"].tolist(), interaction["item_id"].tolist()
            for row, (user, item) in enumerate(zip(users, items, strict=True)):
                own = scores[row, item].item()
                scores[row, 0] = -torch.inf
                scores[row, torch.tensor(seen[user])] = -torch.inf
                ranks[str(dataset.id2token("user_id", user))] = int((scores[row] > own).sum())
    print(json.dumps({"ranks": ranks}))


if __name__ == "__main__":
    main()
