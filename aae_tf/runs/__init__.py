"""A training run from settings to its folder: training, logs, figures, evaluation, export."""
