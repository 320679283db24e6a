"""How good decoded samples of the prior are, beside what the data's own images would get."""

from aae_tf.evaluation.sample_quality import SampleQuality, check

__all__ = ["SampleQuality", "check"]
