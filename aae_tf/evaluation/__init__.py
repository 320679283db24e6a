"""Numbers on held-out images; knows networks and priors, not training."""

from aae_tf.evaluation.evaluator import Evaluator, check_data

__all__ = ["Evaluator", "check_data"]
