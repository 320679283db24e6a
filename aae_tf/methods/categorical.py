"""The AAE with a categorical code (AAE, sections 5 to 7, figure 8): clusters, without labels."""

from __future__ import annotations

import tensorflow as tf

from aae_tf import seeds
from aae_tf.methods.adversary import Adversary
from aae_tf.methods.base import Method
from aae_tf.methods.virtual_adversarial import TERM, VirtualAdversary
from aae_tf.networks.encoder import log_probabilities, probabilities
from aae_tf.objectives.categorical import marginal_kl
from aae_tf.objectives.reconstruction import half_squared_error
from aae_tf.priors import distributions
from aae_tf.training.distribution import gathered
from aae_tf.training.phase import Batch, Draws, PhaseLoss, warmed_up


class CategoricalAutoencoder(Method):
    """An AAE of two codes, each with a discriminator of its own.

    The encoder's hidden layers end in q(y|x), a softmax matched to one-hot vectors of equally
    probable categories, and in z, matched to the prior. The decoder takes both. Nothing tells the
    categories what to stand for: they become clusters. Without the label adversary
    (`--noadversarial_label`) nothing asks q(y|x) to be one-hot either, and the autoencoder uses the
    softmax as a continuous code.
    """

    metrics = ("reconstruction", "prior_match", "categories", "clustering")
    figures = ("reconstructions", "clusters", "codes", "interpolations")
    signatures = ("encode", "classify", "generate", "reconstruct", "score", "sample")
    default_signature = "classify"

    def categories_of_settings(self) -> int:
        """Size of the categorical code: the number of clusters."""
        return self.settings.clusters.num_clusters

    def build_networks(self):
        self.num_categories = self.categories_of_settings()
        self.category_prior = distributions.categorical(
            self.num_categories, self.dtype, self.settings.categories.category_shares
        )
        self.encoder = self._make_encoder(self.num_categories)
        self.decoder = self._make_decoder(self.representation_dim)
        self.style_discriminator = self._make_discriminator(self.latent_dim, "style_discriminator")
        networks = {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "style_discriminator": self.style_discriminator,
        }
        if self.settings.categories.adversarial_label:
            self.label_discriminator = self._make_discriminator(
                self.num_categories, "label_discriminator"
            )
            networks["label_discriminator"] = self.label_discriminator
        return networks

    @property
    def representation_dim(self) -> int:
        """Size of what the decoder takes."""
        return self.num_categories + self.latent_dim

    @property
    def encoder_noise_dim(self) -> int:
        return self.encoder.noise_dim

    def represent(self, codes, categories):
        """What the decoder takes: category and style, side by side."""
        return tf.concat([categories, codes], axis=-1)

    def encode(self, images, noise=None):
        return self.encode_both(images, noise)[1]

    def encode_both(self, images, noise=None):
        """q(y|x) `(batch, num_categories)` and codes z `(batch, latent_dim)` of images."""
        logits, codes = self.encoder(self._scaled(images), noise)
        return tf.cast(probabilities(logits), self.dtype), tf.cast(codes, self.dtype)

    def classify(self, images):
        """q(y|x) `(batch, num_categories)` of images."""
        return self.encode_both(images)[0]

    def log_classify(self, images):
        """log q(y|x) `(batch, num_categories)` in float64, which tells certainties apart."""
        logits, _ = self.encoder(self._scaled(images))
        return log_probabilities(logits)

    def _discriminator_logits(self, codes):
        return self.style_discriminator(codes)

    def decode(self, codes, categories=None):
        if categories is None:
            raise ValueError("the decoder takes a category beside the code. Received: None")
        return self._intensities(self.decoder(self.represent(codes, categories)))

    def reconstruct(self, images, labels=None):
        del labels
        categories, codes = self.encode_both(images)
        return self.decode(codes, categories)

    def draw_labels(self, seed: seeds.Seed, count: tf.Tensor | int) -> tf.Tensor:
        """Categories `(count,)` of the distribution that the code is matched to."""
        # Equal shares are drawn as ever, so that the samples of a kept run stay what they were.
        if self.settings.categories.category_shares == "equal":
            return super().draw_labels(seed, count)
        return tf.argmax(self.category_prior.sample(count, seed=seed), -1)

    def build_phases(self):
        chosen = self.settings.categories
        self.virtual_adversary = VirtualAdversary(
            chosen,
            self._logits,
            self._encoder_draws,
            self.image_shape,
            self.steps_per_epoch,
            self.dtype,
        )
        self.adversaries = {
            "style": Adversary(
                self.style_discriminator,
                self.prior.sample,
                self.latent_dim,
                self._noise_for(self.prior),
                self.settings.training,
                self.dtype,
            )
        }
        if chosen.adversarial_label:
            self.adversaries["label"] = Adversary(
                self.label_discriminator,
                self.category_prior.sample,
                self.num_categories,
                chosen.label_discriminator_noise or self._noise_for(self.category_prior),
                self.settings.training,
                self.dtype,
            )
        yield self._phase(
            "reconstruction",
            self._reconstruction,
            self._encoder_draws,
            *self.reconstructing_networks(),
        )
        yield self._phase(
            "discriminator",
            self._discriminator,
            self._discriminator_draws,
            *(adversary.network for adversary in self.adversaries.values()),
        )
        begins = self.virtual_adversary.begins("generator")
        yield self._phase(
            "generator", self._generator, self._generator_draws, self.encoder, begins=begins
        )

    def reconstructing_networks(self):
        """The networks that the reconstruction phase moves."""
        return (self.encoder, self.decoder)

    def _logits(self, inputs, draws: Draws, hidden_noise):
        """Logits of q(y|x) in training `(batch, num_categories)`."""
        logits, _ = self._encode_in_training(inputs, draws, hidden_noise)
        return tf.cast(logits, self.dtype)

    def _codes(self, batch: Batch, draws: Draws):
        """Both codes in training, by adversary, from one pass: a second would cost as much."""
        logits, codes = self._encode_in_training(batch["inputs"], draws, batch.get("hidden_noise"))
        categories = tf.cast(probabilities(logits), self.dtype)
        return {"style": tf.cast(codes, self.dtype), "label": categories}

    def _reconstruction(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self._codes(batch, draws)
        shown = codes["label"]
        if not self.settings.categories.category_from_reconstruction:
            shown = tf.stop_gradient(shown)
        decoded = self.decoder(self.represent(codes["style"], shown), training=True)
        error = half_squared_error(batch["images"], tf.cast(decoded, self.dtype))
        return PhaseLoss(error, {"largest_probability": tf.reduce_max(codes["label"], -1)})

    def _discriminator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        losses, metrics, codes = [], {}, self._codes(batch, draws)
        for name, adversary in self.adversaries.items():
            loss = adversary.discriminate(draws[name]["prior"], codes[name], draws[name])
            losses.append(loss.per_example)
            metrics[f"{name}_loss"] = loss.per_example
            metrics.update({f"{name}_{key}": value for key, value in loss.metrics.items()})
        return PhaseLoss(tf.add_n(losses), metrics)

    def _generator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes, chosen = self._codes(batch, draws), self.settings.categories
        losses = {
            name: adversary.fool(codes[name], draws[name])
            for name, adversary in self.adversaries.items()
        }
        steps = chosen.label_adversary_warmup * self.steps_per_epoch
        label_weight = warmed_up(chosen.label_adversary_weight, steps, draws, dtype=self.dtype)
        weights = {"style": 1.0, "label": label_weight}
        total = tf.add_n([weights[name] * loss for name, loss in losses.items()])
        metrics = {f"{name}_loss": loss for name, loss in losses.items()}
        if chosen.category_balance_weight:
            # Of the whole minibatch: the mean over a replica's part of it would be farther off.
            log_shares = tf.nn.log_softmax(self.category_prior.logits)
            value = marginal_kl(gathered(codes["label"]), log_shares)
            metrics["imbalance"] = tf.fill(tf.shape(total), value)
            total += chosen.category_balance_weight * value
        if TERM in draws:
            term = self.virtual_adversary.loss(batch, draws)
            metrics["virtual_adversarial_loss"] = term
            total += self.virtual_adversary.weight(draws) * term
        return PhaseLoss(total, metrics)

    def _discriminator_draws(self, seed: seeds.Seed, batch_size: int) -> Draws:
        return self._encoder_draws(seed, batch_size) | {
            name: adversary.discriminator_draws(seeds.fold(seed, name), batch_size)
            for name, adversary in self.adversaries.items()
        }

    def _generator_draws(self, seed: seeds.Seed, batch_size: int) -> Draws:
        draws = self._encoder_draws(seed, batch_size) | {
            name: adversary.generator_draws(seeds.fold(seed, name), batch_size)
            for name, adversary in self.adversaries.items()
        }
        return draws | self.virtual_adversary.draws("generator", seed, batch_size)
