"""The semi-supervised AAE (AAE, section 5, figure 8)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.methods.categorical import CategoricalAutoencoder
from aae_tf.methods.virtual_adversarial import TERM
from aae_tf.objectives.categorical import cross_entropy
from aae_tf.training.phase import Batch, Draws, PhaseLoss


class SemiSupervisedAutoencoder(CategoricalAutoencoder):
    """A categorical AAE whose categories are the classes, by a last phase on labelled images.

    All training images take part in the other phases, without their labels.
    """

    labels = "beside"
    needs_labels = True
    metrics = ("reconstruction", "prior_match", "categories", "classification")
    figures = ("reconstructions", "style_grid", "codes", "interpolations", "confusion")

    def categories_of_settings(self) -> int:
        if self.settings.labels.count == 0:
            expected = "a positive number, or all (without labels use --experiment=clustering)"
            raise SettingsError("num_labels", 0, expected)
        return self.num_classes

    def build_phases(self):
        yield from super().build_phases()
        if self.labels == "beside":
            begins = self.virtual_adversary.begins("classification")
            yield self._phase(
                "classification",
                self._classification,
                self._labelled_draws,
                self.encoder,
                begins=begins,
            )

    def _classification(self, batch: Batch, draws: Draws) -> PhaseLoss:
        logits = self._logits(batch["labelled_inputs"], draws, batch.get("labelled_hidden_noise"))
        right = tf.equal(tf.argmax(logits, -1, tf.int32), batch["labels"])
        loss = cross_entropy(batch["labels"], logits)
        metrics = {"accuracy": tf.cast(right, self.dtype)}
        if TERM in draws:
            term = self.virtual_adversary.loss(batch, draws)
            metrics["virtual_adversarial_loss"] = term
            # Its mean beside each labelled image's loss, since there may be more or fewer images.
            loss += self.virtual_adversary.weight(draws) * tf.reduce_mean(term)
        return PhaseLoss(loss, metrics)

    def _labelled_draws(self, seed, batch_size: int) -> Draws:
        draws = self._encoder_draws(seed, self.settings.labels.minibatch)
        return draws | self.virtual_adversary.draws("classification", seed, batch_size)
