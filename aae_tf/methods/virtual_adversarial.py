"""A virtual adversarial term beside a phase's loss (Miyato et al., 2018); not in the AAE paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from aae_tf import seeds
from aae_tf.objectives import categorical
from aae_tf.settings import CategorySettings
from aae_tf.training.distribution import gathered
from aae_tf.training.phase import Batch, Draws, warmed_up

TERM = "virtual_adversarial"  # as its draws and its beginning are named


class VirtualAdversary:
    """Asks that q(y|x) stay what it is under the small change of x that changes it most.

    Args:
      settings: in which phase the term stands, how heavy it is and how long the changes are.
      logits_of: of images `(batch, height, width, channels)`, the encoder's draws and the noise on
        its hidden layers: logits of q(y|x) in training, `(batch, classes)`.
      encoder_draws: `(seed, batch size)` to what a random encoder draws.
      image_shape: `(height, width, channels)`.
      steps_per_epoch: in which start and warm-up are counted.
      dtype: of images and losses.
    """

    def __init__(
        self,
        settings: CategorySettings,
        logits_of: Callable[[tf.Tensor, Draws, tf.Tensor | None], tf.Tensor],
        encoder_draws: Callable[[seeds.Seed, int], Draws],
        image_shape: Sequence[int],
        steps_per_epoch: int,
        dtype,
    ):
        self._settings, self._logits_of, self._encoder_draws = settings, logits_of, encoder_draws
        self._image_shape, self._steps_per_epoch = image_shape, steps_per_epoch
        self._start = settings.virtual_adversarial_start * steps_per_epoch
        self._dtype = dtype

    def begins(self, phase: str) -> dict[str, int]:
        """The step at which the term begins, where the phase has it and it begins later."""
        return {TERM: self._start} if self._start and self._stands_in(phase) else {}

    def draws(self, phase: str, seed: seeds.Seed, batch_size: int) -> Draws:
        """Where the search for the change starts, in the phase that has the term."""
        if not self._stands_in(phase):
            return {}
        shape, folded = [batch_size, *self._image_shape], seeds.fold(seed, "direction")
        direction = tf.random.stateless_normal(shape, folded, dtype=self._dtype)
        return {TERM: {**self._encoder_draws(seed, batch_size), "direction": direction}}

    def loss(self, batch: Batch, draws: Draws) -> tf.Tensor:
        """How far the change of the clean images moves q(y|x), `(batch,)` in nats.

        Args:
          batch: of a step.
          draws: of the phase, among them the term's.
        """
        images, noise, drawn = batch["images"], batch.get("hidden_noise"), draws[TERM]

        def logits_of(changed):
            return self._logits_of(changed, drawn, noise)

        radius = self._settings.virtual_adversarial_radius
        if self._settings.virtual_adversarial_neighbour_share:
            nearest = categorical.nearest_distance(images, gathered(images))
            radius = self._settings.virtual_adversarial_neighbour_share * nearest
        change = categorical.adversarial_perturbation(logits_of, images, drawn["direction"], radius)
        return categorical.divergence(logits_of(images), logits_of(images + change))

    def weight(self, draws: Draws) -> float | tf.Tensor:
        """Of the term at the step whose draws these are."""
        chosen = self._settings
        steps = chosen.virtual_adversarial_warmup * self._steps_per_epoch
        return warmed_up(chosen.virtual_adversarial_weight, steps, draws, self._start, self._dtype)

    def _stands_in(self, phase):
        chosen = self._settings
        return chosen.virtual_adversarial_weight > 0 and chosen.virtual_adversarial_phase == phase
