"""Scikit-learn's wine as a table: 13 measures of 178 wines, three kinds, and a constant column."""

import csv

from sklearn.datasets import load_wine

FEATURES = 14
SMALL = (
    "--encoder_units=16",
    "--decoder_units=16",
    "--discriminator_units=16",
    "--batch_size=4",
    "--noxla",
)


def write(path):
    """Writes the table, whose column 'kind' has the classes' names."""
    wine = load_wine()
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*wine.feature_names, "constant", "kind"])
        for row, kind in zip(wine.data, wine.target, strict=True):
            writer.writerow([*row, 7.5, wine.target_names[kind]])
