"""Label information in the adversarial regularisation (AAE, section 2.3, figure 3)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import seeds
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.priors import class_parts
from aae_tf.training.phase import Batch, Draws


class LabelInformedAutoencoder(AdversarialAutoencoder):
    """An AAE whose discriminator knows the label, so that a class finds its part of the prior.

    Beside the code the discriminator sees a one-hot vector of the classes and of one more, for
    'unlabelled'. A labelled image's positive sample comes from its class's part of the prior, an
    unlabelled one's from the whole prior. Neither encoder nor decoder sees a label.
    """

    labels = "within"
    needs_labels = True
    metrics = ("reconstruction", "prior_match", "component_share")
    figures = (*AdversarialAutoencoder.figures, "components")

    def build_networks(self):
        self.class_prior = class_parts.build(self.prior, self.settings.prior, self.num_classes)
        return super().build_networks()

    def _discriminator_logits(self, codes):
        unlabelled = tf.fill(tf.shape(codes)[:1], self.num_classes)
        condition = self._condition({"labels": unlabelled})
        return self.discriminator(tf.concat([codes, condition], -1))

    @property
    def condition_dim(self) -> int:
        return self.num_classes + 1

    def _sample_prior(self, count: int, seed: seeds.Seed):
        """Samples of every class's part and, last, of the whole, `(count, classes + 1, dim)`."""
        parts = self.class_prior.sample_of_each(count, seeds.fold(seed, "parts"))
        whole = self.prior.sample(count, seed=seeds.fold(seed, "whole"))
        return tf.concat([parts, whole[:, None]], axis=1)

    def _positives(self, batch: Batch, draws: Draws):
        return tf.gather(draws["prior"], batch["labels"], axis=1, batch_dims=1)

    def _condition(self, batch: Batch):
        return tf.one_hot(batch["labels"], self.num_classes + 1, dtype=self.dtype)
