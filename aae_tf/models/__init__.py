"""The models as one imports them: made from settings, fitted to arrays, asked for codes.

    import aae_tf

    model = aae_tf.AAE(latent_dim=8, epochs=10)
    model.fit(x_train)
    codes = model.encode(x_test)

Importing it imports no TensorFlow; the first call that needs it does.
"""

from aae_tf.models.base import Model, load
from aae_tf.models.classes import (
    AAE,
    RAE,
    VAE,
    WAE,
    ClusteringAAE,
    DimReductionAAE,
    LabelInformedAAE,
    SemiSupervisedAAE,
    SupervisedAAE,
)

__all__ = [
    "AAE",
    "RAE",
    "VAE",
    "WAE",
    "ClusteringAAE",
    "DimReductionAAE",
    "LabelInformedAAE",
    "Model",
    "SemiSupervisedAAE",
    "SupervisedAAE",
    "load",
]
