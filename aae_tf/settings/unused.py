"""Settings that were given and that nothing in the run reads.

They are no mistakes, since a sweep over the weight of a term passes through 0; but who gives one
should know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aae_tf.settings.flat import flatten
from aae_tf.settings.groups import Settings
from aae_tf.settings.method_groups import PHASES


def _has_phase(name: str, settings: Settings) -> bool:
    return any(phase.name == name for phase in settings.phases)


def _resizes(settings: Settings) -> bool:
    of_paper = settings.data.dataset.lower().replace("_", "").startswith("celeba")
    return of_paper or settings.data.image_size > 0


def _by_adam(name: str, settings: Settings) -> bool:
    return not _has_phase(name, settings) or settings.phase(name).optimizer == "adam"


# Flags, whether a run reads them, and what it would take. A name that ends in "_" stands for all
# flags of a phase. What an experiment doesn't have at all is refused elsewhere.
COUNT_WITH = (
    (["resize_filter"], _resizes, "--image_size"),
    (["input_noise_kind"], lambda s: s.training.input_noise > 0, "--input_noise above 0"),
    (
        [
            "discriminator_noise",
            "discriminator_units",
            "discriminator_network",
            "critic_penalty",
            "critic_penalty_weight",
        ],
        lambda s: _has_phase("discriminator", s),
        "an experiment that has a discriminator",
    ),
    (
        ["critic_penalty_weight"],
        lambda s: (
            s.training.critic_penalty in ("r1", "gradient") or not _has_phase("discriminator", s)
        ),
        "--critic_penalty=r1 or gradient",
    ),
    (["prior_thickness"], lambda s: s.prior.prior == "swiss_roll", "--prior=swiss_roll"),
    (["prior_components"], lambda s: s.prior.prior == "mixture", "--prior=mixture"),
    (["encoder_noise_sd"], lambda s: s.networks.encoder == "isotropic", "--encoder=isotropic"),
    (["encoder_noise_dim"], lambda s: s.networks.encoder == "implicit", "--encoder=implicit"),
    (
        ["encoder_units", "encoder_filters", "encoder_batch_norm", "encoder_initializer"],
        lambda s: not s.networks.encoder_network,
        "no --encoder_network",
    ),
    (
        ["decoder_units", "decoder_filters", "decoder_batch_norm", "output_activation"],
        lambda s: not s.networks.decoder_network,
        "no --decoder_network",
    ),
    (
        ["discriminator_units"],
        lambda s: not s.networks.discriminator_network,
        "no --discriminator_network",
    ),
    (
        ["encoder_units", "decoder_units"],
        lambda s: s.networks.network == "dense",
        "--network=dense",
    ),
    (
        ["encoder_filters", "decoder_filters", "filter_size", "conv_batch_norm"],
        lambda s: s.networks.network == "conv",
        "--network=conv",
    ),
    (
        ["labelled_batch_size", "classification_"],
        lambda s: _has_phase("classification", s) and s.labels.count != 0,
        "labels and an experiment that classifies",
    ),
    (
        [
            "virtual_adversarial_radius",
            "virtual_adversarial_warmup",
            "virtual_adversarial_phase",
            "virtual_adversarial_start",
            "virtual_adversarial_neighbour_share",
        ],
        lambda s: s.categories.virtual_adversarial_weight > 0,
        "--virtual_adversarial_weight above 0",
    ),
    (
        ["virtual_adversarial_radius"],
        lambda s: (
            s.categories.virtual_adversarial_neighbour_share == 0
            or s.categories.virtual_adversarial_weight == 0
        ),
        "--virtual_adversarial_neighbour_share=0",
    ),
    *(
        ([f"{name}_epsilon"], lambda s, name=name: _by_adam(name, s), f"--{name}_optimizer=adam")
        for name in PHASES
    ),
    (["head_distance"], lambda s: s.heads.head_penalty > 0, "--head_penalty above 0"),
    (["head_penalty"], lambda s: s.heads.head_distance > 0, "--head_distance above 0"),
    (
        ["decoder_variance"],
        lambda s: s.variational.likelihood == "gaussian",
        "--likelihood=gaussian",
    ),
    (
        ["projections"],
        lambda s: s.wasserstein.divergence == "sliced_wasserstein",
        "--divergence=sliced_wasserstein",
    ),
    (
        ["decoder_penalty"],
        lambda s: s.regularised.decoder_penalty_weight > 0,
        "--decoder_penalty_weight above 0",
    ),
    (["entropy_share"], lambda s: s.wasserstein.divergence == "sinkhorn", "--divergence=sinkhorn"),
    (
        ["pretraining_batch_size"],
        lambda s: s.wasserstein.pretraining_steps > 0,
        "--pretraining_steps above 0",
    ),
    (
        ["quality_samples", "inception_weights"],
        lambda s: s.evaluation.sample_quality,
        "--sample_quality",
    ),
    (["sampler_components"], lambda s: s.evaluation.sampler == "gmm", "--sampler=gmm"),
)


def without_effect(
    given: Mapping[str, Any], usual: Settings, settings: Settings
) -> Iterator[tuple[str, str]]:
    """Yields what was given in vain: (flag, what it would take for it to count).

    What was given as it is anyway is passed over: a flagfile that lists all settings says nothing
    by most of them.

    Args:
      given: values by flag name.
      usual: the settings before.
      settings: the settings with them.
    """
    before, now = flatten(usual), flatten(settings)
    for flag in given:
        for flags, is_read, needed in COUNT_WITH:
            named = flag in flags or f"{flag.partition('_')[0]}_" in flags
            if named and now[flag] != before[flag] and not is_read(settings):
                yield flag, needed
