"""What the encoder sees of an image in training: noise on it, or some of it dropped.

One corruption of a minibatch serves all phases of a step, so their passes through the encoder are
the same and XLA makes them once.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from aae_tf import seeds

IMAGES = {"images": "inputs", "labelled_images": "labelled_inputs"}


@dataclasses.dataclass(frozen=True)
class Corruption:
    """Noise and dropout on the encoder's input (AAE, appendices A.2.1 and A.3; WAE, supplement).

    Args:
      noise: sd of additive Gaussian noise.
      dropout: share of the inputs that become 0; the others grow by 1 / (1 - dropout).
      kind: of noise, 'normal' or 'truncated' at two sd.
    """

    noise: float = 0.0
    dropout: float = 0.0
    kind: str = "normal"

    def __call__(self, batch: dict[str, tf.Tensor], seed: seeds.Seed) -> dict[str, tf.Tensor]:
        """The batch with, beside each kind of images, what the encoder sees of them.

        Args:
          batch: of a step; 'images' gets 'inputs', 'labelled_images' gets 'labelled_inputs'.
          seed: of the step.
        """
        done = dict(batch)
        for kind, seen in IMAGES.items():
            if kind in batch:
                done[seen] = self._corrupt(batch[kind], seeds.fold(seed, "corruption", kind))
        return done

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
            kept = tf.cast(drawn >= self.dropout, images.dtype)
            images = images * kept / (1 - self.dropout)
        return images
