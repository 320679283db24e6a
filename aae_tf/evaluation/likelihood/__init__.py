"""The likelihood analysis of the AAE paper's section 3: a Parzen window on a model's samples."""

from aae_tf.evaluation.log_likelihood import LogLikelihood

__all__ = ["LogLikelihood"]
