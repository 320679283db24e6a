"""SavedModels for TF Serving; knows networks and priors, not training."""

from aae_tf.serving.export import export

__all__ = ["export"]
