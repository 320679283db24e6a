"""Numbers on held-out images; knows networks and priors, not training."""

from aae_tf.evaluation.evaluator import Evaluator

__all__ = ["Evaluator"]
