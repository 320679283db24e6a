"""Which priors a run can have, of which size."""

import pytest

from aae_tf.errors import SettingsError
from aae_tf.experiments import settings_of
from aae_tf.settings import PRIORS, PriorSettings, override


@pytest.mark.parametrize("prior", ["mixture", "swiss_roll"])
@pytest.mark.parametrize("latent_dim", [1, 3])
def test_priors_of_the_plane_are_of_the_plane_alone(prior, latent_dim):
    with pytest.raises(SettingsError, match=f"--latent_dim={latent_dim}: expected 2, as --prior="):
        PriorSettings(prior=prior, latent_dim=latent_dim)
    PriorSettings(prior=prior, latent_dim=2)


@pytest.mark.parametrize("prior", ["sphere", "categorical"])
def test_priors_that_need_two_dimensions(prior):
    with pytest.raises(SettingsError, match="--latent_dim=1: expected 2 or more"):
        PriorSettings(prior=prior, latent_dim=1)
    PriorSettings(prior=prior, latent_dim=2)


@pytest.mark.parametrize("prior", sorted(set(PRIORS) - {"gaussian", "uniform"}))
def test_scale_is_refused_where_it_would_do_nothing(prior):
    with pytest.raises(SettingsError, match=r"--prior_scale=2\.0: expected 1"):
        PriorSettings(prior=prior, prior_scale=2.0)
    PriorSettings(prior=prior, prior_scale=1.0)


@pytest.mark.parametrize("prior", ["gaussian", "uniform"])
def test_priors_of_any_size_and_scale(prior):
    PriorSettings(prior=prior, latent_dim=1, prior_scale=0.5)
    PriorSettings(prior=prior, latent_dim=50, prior_scale=5.0)


@pytest.mark.parametrize("prior", ["mine:make", "my.own.priors:make_2"])
def test_own_prior_is_named_by_module_and_function(prior):
    assert PriorSettings(prior=prior, latent_dim=3).prior == prior


@pytest.mark.parametrize(
    "prior",
    ["", "gauss", "mine", "mine:", ":make", "my-own:make", "a..b:make", "mine:a.b", "a:b:c"],
)
def test_other_names_are_refused_with_the_choices(prior):
    with pytest.raises(SettingsError, match=r"one of gaussian, mixture, .*module:function"):
        PriorSettings(prior=prior)


@pytest.mark.parametrize("kind", ["gaussian", "isotropic"])
def test_gaussian_encoder_cannot_give_a_categorical_code(kind):
    settings = settings_of("gaussian")
    with pytest.raises(SettingsError, match=f"--encoder={kind}: expected deterministic or"):
        override(settings, {"prior": "categorical", "latent_dim": 10, "encoder": kind})
