"""What disturbs the encoder in training: noise on an image or some of it dropped, hidden noise.

One corruption of a minibatch serves all phases of a step, so what they ask of the encoder is
the same and XLA computes it once.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from aae_tf import seeds

IMAGES = {"images": "inputs", "labelled_images": "labelled_inputs"}
HIDDEN_NOISE = {"images": "hidden_noise", "labelled_images": "labelled_hidden_noise"}


@dataclasses.dataclass(frozen=True)
class Corruption:
    """Noise and dropout on the encoder's input (AAE, appendices A.2.1 and A.3; WAE, supplement).

    And, which neither has, noise on what its hidden layers give (Rasmus et al., 2015,
    arXiv:1507.02672, who add it before the activation).

    Args:
      noise: sd of additive Gaussian noise.
      dropout: share of the inputs that become 0; the others grow by 1 / (1 - dropout).
      kind: of noise, 'normal' or 'truncated' at two sd.
      hidden_noise: sd of additive Gaussian noise on the outputs of hidden layers.
      hidden_units: all the hidden layers' sizes together.
    """

    noise: float = 0.0
    dropout: float = 0.0
    kind: str = "normal"
    hidden_noise: float = 0.0
    hidden_units: int = 0

    def __call__(self, batch: dict[str, tf.Tensor], seed: seeds.Seed) -> dict[str, tf.Tensor]:
        """The batch with, beside each kind of images, what the encoder sees of them.

        Args:
          batch: of a step; 'images' gets 'inputs', 'labelled_images' gets 'labelled_inputs'. If
            there is noise on hidden layers, they also get 'hidden_noise' and
            'labelled_hidden_noise', each `(batch, hidden_units)`.
          seed: of the step.
        """
        corrupted = dict(batch)
        for kind, seen in IMAGES.items():
            if kind in batch:
                folded = seeds.fold(seed, "corruption", kind)
                corrupted[seen] = self._corrupt(batch[kind], folded)
                if self.hidden_noise:
                    shape = [batch[kind].shape[0], self.hidden_units]
                    drawn = tf.random.stateless_normal(
                        shape, seeds.fold(folded, "hidden"), dtype=batch[kind].dtype
                    )
                    corrupted[HIDDEN_NOISE[kind]] = self.hidden_noise * drawn
        return corrupted

    def _corrupt(self, images, seed):
        if self.noise:
            draw = {
                "normal": tf.random.stateless_normal,
                "truncated": tf.random.stateless_truncated_normal,
            }[self.kind]
            drawn = draw(images.shape, seeds.fold(seed, "noise"), dtype=images.dtype)
            images = images + self.noise * drawn
        if self.dropout:
            drawn = tf.random.stateless_uniform(
                images.shape, seeds.fold(seed, "dropout"), dtype=images.dtype
            )
            mask = tf.cast(drawn >= self.dropout, images.dtype)
            images = images * mask / (1 - self.dropout)
        return images
