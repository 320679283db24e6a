"""An alias of `aae_tf.runs.train` for one release."""

from aae_tf.runs.train import compare, evaluate, export, train

__all__ = ["compare", "evaluate", "export", "train"]
