"""The supervised AAE, which parts style from class (AAE, section 4, figure 6)."""

from __future__ import annotations

import tensorflow as tf

from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.training.phase import Batch


class SupervisedAutoencoder(AdversarialAutoencoder):
    """An AAE whose decoder sees the class, so that the code need keep the style alone.

    In the paper the discriminator sees codes only, so what is matched to the prior are the codes of
    all classes together, and a code of many dimensions can still tell the class. With
    `conditional_discriminator` it sees the label too, which asks of each class's codes that they
    match the prior, and so of style and class that they be independent.
    """

    labels = "within"
    needs_labels = True
    final_metrics = ("style",)
    figures = ("reconstructions", "style_grid", "codes", "interpolations")
    signatures = ("encode", "generate", "reconstruct_labelled", "sample")
    default_signature = "generate"

    def build_networks(self):
        self.num_categories = self.num_classes
        return super().build_networks()

    @property
    def condition_dim(self) -> int:
        return self.num_classes if self.settings.style.conditional_discriminator else 0

    def reconstruct(self, images, labels=None):
        if labels is None:
            raise ValueError("the decoder of the supervised AAE needs labels. Received: None")
        return self.decode(self.encode(images), self._one_hot(labels))

    def _one_hot(self, labels):
        return tf.one_hot(labels, self.num_classes, dtype=self.dtype)

    def _categories(self, batch: Batch):
        return self._one_hot(batch["labels"])

    def _condition(self, batch: Batch):
        return self._one_hot(batch["labels"]) if self.condition_dim else None

    def _decoder_input(self, codes, categories):
        return tf.concat([categories, codes], axis=-1)
