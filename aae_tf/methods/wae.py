"""The Wasserstein auto-encoder (WAE, section 3, algorithms 1 and 2)."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.errors import SettingsError
from aae_tf.methods import penalty
from aae_tf.methods.adversary import Adversary
from aae_tf.methods.autoencoder import Autoencoder
from aae_tf.objectives.divergences import moment_gap
from aae_tf.objectives.reconstruction import COSTS, OF_LOGITS
from aae_tf.priors import distributions
from aae_tf.settings.own import is_own
from aae_tf.training.distribution import gathered
from aae_tf.training.phase import Batch, Draws, PhaseLoss
from aae_tf.training.trainer import Pretraining


class WassersteinAutoencoder(Autoencoder):
    """Descends a cost of reconstruction plus lambda times a divergence of q(z) from the prior.

    With `divergence=gan` a discriminator estimates the divergence (algorithm 1), and has a phase of
    its own; any other is a function of the codes and of as many samples of the prior
    (algorithm 2). Unlike in the AAE's phases, encoder and decoder take one step on both terms.
    """

    metrics = ("reconstruction", "prior_match", "cost")

    def build_networks(self):
        networks = super().build_networks()
        self.cost = _cost(self.settings.wasserstein.cost, self.image_shape, self.dtype)
        self.is_adversarial = self.settings.wasserstein.divergence == "gan"
        if not self.is_adversarial:
            self.penalty = penalty.build(self.settings, self.prior, self.latent_dim, self.dtype)
            return networks
        self.discriminator = self._make_discriminator(self.latent_dim)
        return {**networks, "discriminator": self.discriminator}

    def _discriminator_logits(self, codes):
        if not self.is_adversarial:
            return None
        logits = tf.cast(self.discriminator(codes), self.dtype)
        return logits if self._log_prior() is None else logits + self.prior.log_prob(codes)

    def build_phases(self):
        moved = (self.encoder, self.decoder)
        if not self.is_adversarial:
            yield self._phase(
                "wasserstein",
                self._wasserstein,
                self._beside_encoder(self._samples),
                *moved,
                common_draws=self.penalty.common_draws,
            )
            return
        self.adversary = Adversary(
            self.discriminator,
            self.prior.sample,
            self.latent_dim,
            self._noise_for(self.prior),
            self.settings.training,
            self.dtype,
            self._log_prior(),
        )
        draws = self._beside_encoder(self.adversary.generator_draws)
        yield self._phase("wasserstein", self._wasserstein, draws, *moved)
        draws = self._beside_encoder(self.adversary.discriminator_draws)
        yield self._phase("discriminator", self._discriminator, draws, self.discriminator)

    def pretraining(self) -> Pretraining | None:
        chosen = self.settings.wasserstein
        if not chosen.pretraining_steps:
            return None
        # At the phase's first rate: the epochs of a schedule are those of training.
        constant = dataclasses.replace(self.settings.phase("wasserstein"), schedule="constant")
        phase = self._phase(
            "wasserstein",
            self._moment_gap,
            self._beside_encoder(self._samples),
            self.encoder,
            settings=constant,
        )
        return Pretraining(phase, chosen.pretraining_steps, chosen.pretraining_batch_size)

    def reconstruction_cost(self, images: tf.Tensor) -> tf.Tensor:
        """The cost of rebuilding images from their codes, unscaled, `(batch,)`."""
        return self._rebuilding_cost(self._scaled(images), self.encode(images), False)

    def _log_prior(self):
        if not self.settings.wasserstein.log_prior_trick:
            return None
        if not distributions.has_density(self.prior, in_graph=True):
            expected = "false, since the prior has no log_prob of TensorFlow's operations"
            raise SettingsError("log_prior_trick", True, expected)
        return self.prior.log_prob

    def _wasserstein(self, batch: Batch, draws: Draws) -> PhaseLoss:
        chosen = self.settings.wasserstein
        codes = self._codes(batch, draws)
        cost = chosen.cost_scale * self._rebuilding_cost(batch["images"], codes, True)
        divergence = self._divergence(codes, draws)
        return PhaseLoss(
            cost + chosen.penalty_weight * divergence, {"cost": cost, "divergence": divergence}
        )

    def _rebuilding_cost(self, images, codes, training):
        """What it costs to rebuild each image from its code, `(batch,)`."""
        of_logits = self.settings.wasserstein.cost in OF_LOGITS
        decode = self.decoder.linear if of_logits else self.decoder
        return self.cost(images, tf.cast(decode(codes, training=training), self.dtype))

    def _divergence(self, codes, draws):
        """What each example adds to the divergence, `(batch,)`."""
        if self.is_adversarial:
            return self.adversary.fool(codes, draws)
        value = self.penalty.value(gathered(codes), gathered(draws["prior"]), draws)
        return tf.fill(tf.shape(codes)[:1], value)

    def _moment_gap(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self._codes(batch, draws)
        value = moment_gap(gathered(codes), gathered(draws["prior"]))
        return PhaseLoss(tf.fill(tf.shape(codes)[:1], value), {})

    def _discriminator(self, batch: Batch, draws: Draws) -> PhaseLoss:
        codes = self._codes(batch, draws)
        loss = self.adversary.discriminate(draws["prior"], codes, draws)
        weight = self.settings.wasserstein.penalty_weight  # as algorithm 1 has it
        return PhaseLoss(weight * loss.per_example, loss.metrics)

    def _samples(self, seed: seeds.Seed, batch_size: int) -> Draws:
        drawn = self.prior.sample(batch_size, seed=seeds.fold(seed, "prior"))
        return {"prior": tf.cast(drawn, self.dtype)}


def _cost(spec: str, image_shape, dtype):
    """The cost of that name, or the user's own, tried out on two images."""
    if not is_own(spec):
        if spec == "ssim" and (not is_picture(image_shape) or min(image_shape[:2]) < 11):
            expected = f"another cost, since {image_shape} is no image of 11 x 11 or more"
            raise SettingsError("cost", spec, expected)
        return COSTS[spec]
    images = tf.random.stateless_uniform((2, 2, *image_shape), seeds.root(0), dtype=dtype)
    shape = ", ".join(map(str, image_shape))
    expected = f"a function of two tensors (batch, {shape}) that returns (batch,)"
    function, value = penalty.load_and_try("cost", spec, expected, (images[0], images[1]), moved=1)
    if value.shape != (2,):
        expected += f"; for a batch of 2 it returned shape {value.shape}"
        raise SettingsError("cost", spec, expected)
    return lambda images, rebuilt: tf.cast(function(images, rebuilt), dtype)
