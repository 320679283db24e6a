"""The encoder of two codes: a category q(y|x) and a style q(z|x) (AAE, figure 8)."""

from __future__ import annotations

from keras import ops

from aae_tf.networks.encoder import Encoder


class CategoricalEncoder(Encoder):
    """Maps images to the logits of a category y and to a code z, from shared hidden layers.

    Input shape: as `Encoder`.
    Output shape: logits `(batch, num_categories)`, codes `(batch, latent_dim)`.

    Args:
      num_categories: size of the categorical code.
      *args, **kwargs: as `Encoder`, whose code is z.
    """

    def __init__(self, num_categories: int, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_categories = num_categories
        style, units, batch_norm = self.head_style
        self.category = style.layer(
            num_categories, "category", self.name, hidden=False, norm=batch_norm
        )
        self.category.build((None, units))

    def call(self, images, noise=None, training=False, hidden_noise=None):
        """Logits of q(y|x), and a code for each image as `Encoder` draws it."""
        features = self._features(images, noise, training, hidden_noise)
        logits = self.category(features, training=training)
        return logits, self._code_of(features, noise, training)


def probabilities(logits):
    """q(y|x) of logits `(batch, num_categories)`, in float32 or wider."""
    wide = logits if ops.dtype(logits) == "float64" else ops.cast(logits, "float32")
    return ops.softmax(wide)


def log_probabilities(logits):
    """log q(y|x) of logits `(batch, num_categories)`, in float64, which tells certainties apart.

    Where a category's logit exceeds the others by more than 37 its probability is 1 even in
    float64; the largest term, which is 1, is therefore left to log1p.
    """
    wide = ops.cast(logits, "float64")
    shifted = wide - ops.max(wide, -1, keepdims=True)
    largest = ops.one_hot(ops.argmax(wide, -1), ops.shape(wide)[-1], dtype="bool")
    others = ops.sum(ops.where(largest, 0.0, ops.exp(shifted)), -1, keepdims=True)
    return shifted - ops.log1p(others)
