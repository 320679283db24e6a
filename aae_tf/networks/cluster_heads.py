"""The cluster heads W_C of dimensionality reduction (AAE, section 7, figure 10)."""

from __future__ import annotations

import keras
from keras import ops

from aae_tf.seeds import name_number


class ClusterHeads(keras.Model):
    """Maps categories to points: W_C^T y, where row i of W_C is the head of cluster i.

    The heads start as samples of N(0, spread^2).

    Input shape: `(batch, num_categories)`. Output shape: `(batch, dim)`.

    Args:
      num_categories: clusters.
      dim: of the representation.
      spread: standard deviation of the first heads, in units of the code.
      seed: of the first heads.
      dtype: Keras dtype policy.
    """

    def __init__(
        self,
        num_categories: int,
        dim: int,
        spread: float = 1.0,
        seed: int = 0,
        dtype: str = "float32",
        name: str = "cluster_heads",
    ):
        super().__init__(name=name, dtype=dtype)
        start = keras.initializers.RandomNormal(stddev=spread, seed=name_number(seed, name))
        self.heads = self.add_weight(
            shape=(num_categories, dim), initializer=start, name="heads", dtype=self.variable_dtype
        )
        self.built = True

    def call(self, categories):
        return ops.matmul(categories, ops.cast(self.heads, categories.dtype))
