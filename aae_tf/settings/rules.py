"""What settings of different groups ask of each other."""

from __future__ import annotations

from aae_tf.errors import SettingsError


def check(settings) -> None:
    """Checks that the groups of a run's settings go together.

    Raises:
      SettingsError: where they don't.
    """
    prior, networks = settings.prior.prior, settings.networks
    if prior == "categorical" and networks.encoder in ("gaussian", "isotropic"):
        expected = "deterministic or implicit, since --prior=categorical wants a softmax code"
        raise SettingsError("encoder", networks.encoder, expected)
    if settings.training.hidden_noise and networks.network != "dense":
        expected = "0 with --network=conv, whose hidden layers take none"
        raise SettingsError("hidden_noise", settings.training.hidden_noise, expected)
    dense = networks.network == "dense"
    normalised = networks.encoder_batch_norm if dense else networks.conv_batch_norm
    if settings.training.precise_batch_norm and not normalised:
        flag = "encoder_batch_norm" if dense else "conv_batch_norm"
        expected = f"false without --{flag}, which puts batch normalisation in the encoder"
        raise SettingsError("precise_batch_norm", True, expected)
    if settings.training.precise_batch_norm and networks.encoder == "implicit":
        expected = "false with --encoder=implicit, whose noise comes before the normalisation"
        raise SettingsError("precise_batch_norm", True, expected)
    if networks.encoder_network:
        for flag in ("hidden_noise", "precise_batch_norm"):
            if value := getattr(settings.training, flag):
                unset = type(value)()
                expected = f"{unset} with --encoder_network, whose layers are your own"
                raise SettingsError(flag, value, expected)
    if networks.discriminator_network and settings.training.critic_penalty == "spectral":
        expected = "another with --discriminator_network, whose layers are your own"
        raise SettingsError("critic_penalty", "spectral", expected)
    if settings.data.standardize and networks.output_activation != "linear":
        expected = "linear with --standardize, whose values aren't within 0 and 1"
        raise SettingsError("output_activation", networks.output_activation, expected)
    settings.evaluation.check_code(settings.prior.latent_dim)
    if settings.categories is not None:
        _check_categories(settings)
    if settings.variational is not None:
        _check_variational(settings)
    if settings.wasserstein is not None:
        _check_wasserstein(settings)


def _check_categories(settings):
    chosen, labels = settings.categories, settings.labels
    unused = {
        "label_adversary_weight": 1,
        "label_adversary_warmup": 0,
        "label_discriminator_noise": 0,
    }
    for flag, unset in unused.items():
        value = getattr(chosen, flag)
        if value != unset and not chosen.adversarial_label:
            expected = f"{unset} with --noadversarial_label, which leaves that discriminator out"
            raise SettingsError(flag, value, expected)
    measures = chosen.virtual_adversarial_weight and chosen.virtual_adversarial_neighbour_share
    if measures and settings.training.batch_size < 2:
        expected = "2 or more with --virtual_adversarial_neighbour_share, so that each has another"
        raise SettingsError("batch_size", settings.training.batch_size, expected)
    start, epochs = chosen.virtual_adversarial_start, settings.training.epochs
    if chosen.virtual_adversarial_weight and start >= epochs:
        expected = f"below --epochs={epochs}, so that the term begins"
        raise SettingsError("virtual_adversarial_start", start, expected)
    if chosen.virtual_adversarial_phase == "classification" and (
        labels is None or labels.count == 0
    ):
        expected = "generator where no labels are used, and hence no phase classifies"
        raise SettingsError("virtual_adversarial_phase", "classification", expected)


def _check_variational(settings):
    networks, likelihood = settings.networks, settings.variational.likelihood
    if networks.encoder != "gaussian":
        expected = "gaussian, whose q(z|x) has a density, as a VAE needs"
        raise SettingsError("encoder", networks.encoder, expected)
    if settings.prior.prior in ("uniform", "sphere", "categorical"):
        expected = "a prior with a density on the whole space of codes, as a VAE needs"
        raise SettingsError("prior", settings.prior.prior, expected)
    if settings.prior.prior == "swiss_roll" and not settings.prior.prior_thickness:
        expected = "above 0, since a VAE needs a prior with a density"
        raise SettingsError("prior_thickness", settings.prior.prior_thickness, expected)
    if likelihood == "bernoulli" and settings.data.standardize:
        expected = "gaussian with --standardize, whose values aren't within 0 and 1"
        raise SettingsError("likelihood", likelihood, expected)
    if likelihood == "bernoulli" and networks.output_activation != "sigmoid":
        expected = "sigmoid with --likelihood=bernoulli"
        raise SettingsError("output_activation", networks.output_activation, expected)


def _check_wasserstein(settings):
    chosen, networks, size = (
        settings.wasserstein,
        settings.networks,
        settings.training.batch_size,
    )
    adversarial = [phase.name for phase in settings.phases] == ["wasserstein", "discriminator"]
    if (chosen.divergence == "gan") != adversarial:
        kind = "gan; others are for" if adversarial else "another than gan, which is"
        other = "wae_mmd" if adversarial else "wae_gan"
        raise SettingsError("divergence", chosen.divergence, f"{kind} --experiment={other}")
    if chosen.divergence != "gan":
        if size < 2:
            expected = f"2 or more for --divergence={chosen.divergence}, which compares pairs"
            raise SettingsError("batch_size", size, expected)
        if chosen.log_prior_trick:
            raise SettingsError("log_prior_trick", True, "false unless --divergence=gan")
    if chosen.log_prior_trick and not _has_density(settings.prior):
        expected = "false, since the prior has no density on the whole space of codes"
        raise SettingsError("log_prior_trick", True, expected)
    if chosen.cost in ("cross_entropy", "ssim") and settings.data.standardize:
        expected = "a cost for values outside 0..1 with --standardize, such as l2_squared"
        raise SettingsError("cost", chosen.cost, expected)
    if chosen.cost == "cross_entropy" and networks.output_activation != "sigmoid":
        expected = "sigmoid with --cost=cross_entropy"
        raise SettingsError("output_activation", networks.output_activation, expected)


def _has_density(prior) -> bool:
    if prior.prior in ("sphere", "categorical", "uniform"):
        return False
    return prior.prior != "swiss_roll" or prior.prior_thickness > 0
