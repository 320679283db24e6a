"""The semi-supervised AAE (AAE, section 5, figure 8)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.errors import SettingsError
from aae_tf.methods.categorical import VAT, CategoricalAutoencoder
from aae_tf.objectives.categorical import cross_entropy
from aae_tf.training.phase import Batch, Draws, Phase, PhaseLoss


class SemiSupervisedAutoencoder(CategoricalAutoencoder):
    """A categorical AAE whose categories are the classes, by a last phase on labelled images.

    All training images take part in the other phases, without their labels.
    """

    labels = "beside"
    needs_labels = True
    metrics = ("reconstruction", "latent_match", "categories", "classification")

    def categories_of_settings(self) -> int:
        if self.settings.labels.count == 0:
            expected = "a positive number, or all (without labels use --experiment=clustering)"
            raise SettingsError("num_labels", 0, expected)
        return self.num_classes

    def phases(self, steps_per_epoch: int) -> tuple[Phase, ...]:
        return (*super().phases(steps_per_epoch), self.classification_phase(steps_per_epoch))

    def classification_phase(self, steps_per_epoch: int) -> Phase:
        """The phase that moves the encoder to q(y|x) on the labelled minibatch."""
        return self._phase(
            "classification",
            (self.encoder,),
            self._classification,
            self._labelled_draws,
            steps_per_epoch,
            begins=self._virtual_adversarial_begins("classification"),
        )

    def _classification(self, batch: Batch, draws: Draws) -> PhaseLoss:
        logits, _ = self._encode_in_training(
            batch["labelled_inputs"], draws, batch.get("labelled_hidden_noise")
        )
        logits = tf.cast(logits, self.dtype)
        right = tf.equal(tf.argmax(logits, -1, tf.int32), batch["labels"])
        loss = cross_entropy(batch["labels"], logits)
        metrics = {"accuracy": tf.cast(right, self.dtype)}
        if self._has_virtual_adversarial("classification", draws):
            term = self._virtual_adversarial(batch, draws[VAT])
            metrics["virtual_adversarial_loss"] = term
            # Its mean beside each labelled image's loss, since there may be more or fewer images.
            loss += self._virtual_adversarial_weight(draws) * tf.reduce_mean(term)
        return PhaseLoss(loss, metrics)

    def _labelled_draws(self, seed, batch_size: int) -> Draws:
        draws = self._encoder_draws(seed, self.settings.labels.minibatch)
        return draws | self._virtual_adversarial_draws("classification", seed, batch_size)
