"""An alias of `aae_tf.runs.train` for one release."""

from aae_tf.runs.train import evaluate, export, train

__all__ = ["evaluate", "export", "train"]
