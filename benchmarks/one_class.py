"""Anomalies: ROC-AUC of an AAE's scores beside scikit-learn's isolation forest and PCA.

    python benchmarks/one_class.py [--seeds=0,1,2] [--digits=1,8] [--epochs=3]

Two experiments: scikit-learn's breast cancer (trained on benign cases, 30 features, malignant ones
are to be found), and MNIST (trained on nine digits, the tenth is to be found among test images).
Nothing is chosen: the AAE has the practical recipe with codes of 8 dimensions, and of the others
each has its defaults, PCA as many components as the code has dimensions.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import aae_tf
from aae_tf.models.base import SCORES

DIM = 8


def areas(train, test, is_usual, seed: int, **settings) -> dict[str, float]:
    """ROC-AUC by score, of examples `(n, ...)` and whether each of `test` is of the kind."""
    model = aae_tf.AAE(latent_dim=DIM, seed=seed, **settings)
    model.fit(train, verbose=0)
    found = {name: model.score_samples(test, name) for name in SCORES}
    flat, flat_test = (x.reshape(len(x), -1).astype(np.float64) for x in (train, test))
    scale = StandardScaler().fit(flat) if settings.get("standardize") else None
    if scale is not None:
        flat, flat_test = scale.transform(flat), scale.transform(flat_test)
    forest = IsolationForest(random_state=seed).fit(flat)
    found["IsolationForest"] = forest.score_samples(flat_test)
    pca = PCA(DIM, random_state=seed).fit(flat)
    rebuilt = pca.inverse_transform(pca.transform(flat_test))
    found["PCA's reconstruction"] = -((rebuilt - flat_test) ** 2).sum(1)
    return {name: roc_auc_score(is_usual, score) for name, score in found.items()}


def cancer(seed: int) -> dict[str, float]:
    x, y = load_breast_cancer(return_X_y=True)
    benign, held_out = train_test_split(x[y == 1], test_size=0.4, random_state=seed)
    test = np.concatenate([held_out, x[y == 0]])
    is_usual = np.arange(len(test)) < len(held_out)
    small = {"encoder_units": (64, 64), "decoder_units": (64, 64), "discriminator_units": (64, 64)}
    more = {"standardize": True, "epochs": 200, "batch_size": 50}
    return areas(benign, test, is_usual, seed, **small, **more)


def digit(number: int, seed: int, epochs: int) -> dict[str, float]:
    from aae_tf.data.load import load_mnist

    mnist = load_mnist()
    train = mnist.train.images[mnist.train.labels != number]
    return areas(train, mnist.test.images, mnist.test.labels != number, seed, epochs=epochs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--digits", default="1,8")
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    rows = {"breast cancer": [cancer(seed) for seed in seeds]}
    for number in map(int, filter(None, options.digits.split(","))):
        rows[f"MNIST without {number}"] = [digit(number, s, options.epochs) for s in seeds]
    names = list(rows["breast cancer"][0])
    print("| trained on the others, ROC-AUC | " + " | ".join(names) + " |")
    print("|---" * (1 + len(names)) + "|")
    for title, found in rows.items():
        cells = []
        for name in names:
            values = np.array([each[name] for each in found])
            cells.append(
                f"{values.mean():.3f} ± {values.std(ddof=1) if len(values) > 1 else 0:.3f}"
            )
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
