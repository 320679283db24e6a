"""Settings: each value checked when made, and lossless ways to flags, flagfiles and JSON."""

import dataclasses
import json

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.errors import SettingsError
from aae_tf.settings import (
    PHASES,
    EvaluationSettings,
    PhaseSettings,
    StyleSettings,
    TrainingSettings,
    complete,
    describe,
    differences,
    flatten,
    override,
    parse_initializer,
    parse_schedule,
    parse_shares,
    to_flagfile,
)

DESCRIBED = list(describe())
WRONG_TYPE = {int: 1.5, float: "1", bool: 1, str: 3, tuple: 1000}
RECIPES = [(name, recipe) for name, e in experiments.CATALOGUE.items() for recipe in e.recipes]
# Each differs from every recipe's value.
OTHER = {
    "init_from": "runs/first",
    "seed": 7,
    "epochs": 3,
    "batch_size": 17,
    "precision": "float64",
    "discriminator_noise": 0.125,
    "critic_penalty": "gradient",
    "critic_penalty_weight": 2.25,
    "steps_per_call": 9,
    "strategy": "one_device",
    "replicas": 1,
    "xla": "off",
    "checkpoint_minutes": 1.1,
    "on_nan": "rollback",
    "max_minutes": 55.0,
    "figure_format": "svg",
    "dataset": "my own images/a.npz",
    "data_dir": "some where",
    "image_size": 12,
    "resize_filter": "bicubic",
    "label_column": "kind of wine",
    "prior": "uniform",
    "latent_dim": 5,
    "prior_scale": 1 / 3,
    "prior_thickness": 0.7,
    "prior_components": 4,
    "encoder": "implicit",
    "encoder_noise_dim": 3,
    "encoder_noise_sd": 0.6,
    "encoder_units": "7,8,9",
    "decoder_units": "6",
    "discriminator_units": "5,4",
    "activation": "elu",
    "output_activation": "linear",
    "initializer": "normal:0.5",
    "encoder_initializer": "normal:0.25",
    "average_decay": 0.5,
    "input_noise": 0.77,
    "input_dropout": 0.33,
    "standardize": True,
    "hidden_noise": 0.15,
    "precise_batch_norm": True,
    "train_split": "train+extra",
    "num_labels": "30",
    "labelled_batch_size": 11,
    "conditional_discriminator": True,
    "adversarial_label": False,
    "label_adversary_weight": 2.5,
    "num_clusters": 12,
    "category_from_reconstruction": False,
    "category_shares": "geometric:0.75",
    "label_adversary_warmup": 1.25,
    "label_discriminator_noise": 0.45,
    "category_balance_weight": 0.85,
    "virtual_adversarial_weight": 1.75,
    "virtual_adversarial_radius": 0.65,
    "virtual_adversarial_phase": "classification",
    "virtual_adversarial_warmup": 0.7,
    "virtual_adversarial_neighbour_share": 0.15,
    "virtual_adversarial_start": 2,
    "head_spread": 2.5,
    "head_distance": 0.9,
    "head_penalty": 0.8,
    "encoder_batch_norm": True,
    "decoder_batch_norm": True,
    "input_noise_kind": "truncated",
    "beta": 0.25,
    "likelihood": "gaussian",
    "decoder_variance": 0.3,
    "cost": "l1",
    "cost_scale": 0.07,
    "divergence": "my_module:energy",
    "penalty_weight": 3.5,
    "log_prior_trick": True,
    "projections": 13,
    "entropy_share": 0.4,
    "pretraining_steps": 21,
    "pretraining_batch_size": 44,
    "latent_weight": 0.3,
    "decoder_penalty": "l2",
    "decoder_penalty_weight": 0.2,
    "crop_size": 11,
    "skip_broken_images": True,
    "stream": "always",
    "network": "conv",
    "encoder_filters": "3,4",
    "decoder_filters": "5",
    "filter_size": 3,
    "conv_batch_norm": False,
    "encoder_network": "my_module:encoder",
    "decoder_network": "my_module:decoder",
    "discriminator_network": "my_module:discriminator",
    "sample_quality": True,
    "quality_samples": 123,
    "inception_weights": "my.h5",
    "sampler": "kde",
    "sampler_components": 17,
    "cache_dir": "some place",
    "likelihood_samples": "30,700",
}
for _phase in PHASES:
    OTHER[f"{_phase}_optimizer"] = "sgd"
    OTHER[f"{_phase}_learning_rate"] = 1e-7
    OTHER[f"{_phase}_momentum"] = 0.99
    OTHER[f"{_phase}_epsilon"] = 1e-5
    OTHER[f"{_phase}_schedule"] = "3:0.5,7:0.25"


def _other(settings):
    """`OTHER` without what the settings have no group for, or what their method can't take."""
    other = {flag: value for flag, value in OTHER.items() if flag in flatten(settings)}
    other.pop("log_prior_trick", None)  # for a divergence that isn't the user's own
    other.pop("adversarial_label", None)  # its False leaves out what label_adversary_weight weighs
    other.pop("hidden_noise")  # convolutions take none
    other.pop("precise_batch_norm")  # these convolutions have no batch normalisation
    if settings.labels is None:
        other.pop("virtual_adversarial_phase", None)  # no phase classifies
    if settings.experiment == "wae_gan":
        del other["divergence"]  # which is its discriminator's
    if settings.variational is not None:
        del other["encoder"]
        other.update(prior="gaussian")
    return other


@pytest.fixture
def settings():
    """Settings with every group but that of VAEs, which ask for one kind of encoder."""
    everything = experiments.settings_of("dim_reduction", "paper")
    wasserstein = experiments.settings_of("wae_mmd", "paper")
    return dataclasses.replace(
        everything,
        style=StyleSettings(),
        wasserstein=wasserstein.wasserstein,
        regularised=experiments.settings_of("rae").regularised,
        phases=(*everything.phases, *wasserstein.phases),
    )


def _refusal(settings, **values):
    of_vae = experiments.settings_of("vae_gaussian")
    if not values.keys() <= flatten(settings).keys() and values.keys() <= flatten(of_vae).keys():
        settings = of_vae
    with pytest.raises(SettingsError) as caught:
        override(settings, values)
        pytest.fail(f"took {values}")
    return caught.value


def test_value_of_another_type_is_refused_by_flag_name(settings):
    for setting in DESCRIBED:
        value = WRONG_TYPE[setting.type]
        error = _refusal(settings, **{setting.flag: value})
        assert error.flag == setting.flag
        assert str(error) == f"--{setting.flag}={value}: expected " + (
            f"a value of type {setting.type.__name__}"
        )
        assert error.exit_status == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_float_setting_takes_nan_or_infinity(settings, value):
    for flag in (setting.flag for setting in DESCRIBED if setting.type is float):
        assert _refusal(settings, **{flag: value}).flag == flag


@pytest.mark.parametrize("flag", ["generator_learning_rate", "checkpoint_minutes"])
def test_integer_given_for_a_float_becomes_one(settings, flag):
    value = flatten(override(settings, {flag: 2}))[flag]
    assert type(value) is float
    assert value == 2.0


@pytest.mark.parametrize(
    "given, value", [(True, "on"), (False, "off"), ("on", "on"), ("auto", "auto")]
)
def test_xla_may_be_given_as_the_boolean_that_it_was(settings, given, value):
    assert settings.execution.xla == "auto"
    assert override(settings, {"xla": given}).execution.xla == value


@pytest.mark.parametrize(
    "flag, bad, good",
    [
        ("seed", -1, 0),
        ("seed", 2**31, 2**31 - 1),
        ("epochs", 0, 1),
        ("batch_size", 0, 2),
        ("precision", "float16", "mixed_bfloat16"),
        ("discriminator_noise", -0.1, 0.0),
        ("critic_penalty", "wgan", "spectral"),
        ("critic_penalty_weight", 0.0, 0.01),
        ("steps_per_call", 0, 1),
        ("strategy", "tpu", "one_device"),
        ("replicas", -1, 0),
        ("xla", "true", "on"),
        ("checkpoint_minutes", 0.0, 0.01),
        ("on_nan", "go on", "stop"),
        ("max_minutes", -1.0, 0.0),
        ("figure_format", "jpg", "pdf"),
        ("dataset", "", "mnist"),
        ("image_size", -1, 0),
        ("crop_size", -1, 0),
        ("resize_filter", "lanczos", "lanczos3"),
        ("stream", "sometimes", "never"),
        ("latent_dim", 0, 1),
        ("prior_scale", 0.0, 0.01),
        ("prior_thickness", -0.1, 0.0),
        ("prior_components", 0, 1),
        ("encoder", "stochastic", "implicit"),
        ("encoder_noise_dim", 0, 1),
        ("encoder_noise_sd", 0.0, 0.01),
        ("quality_samples", 99, 100),
        ("likelihood_samples", "ten", "10"),
        ("likelihood_samples", "", "0"),
        ("likelihood_samples", "0,10", "10,10000000"),
        ("likelihood_samples", "10,10", "10,20"),
        ("likelihood_samples", "-10", "1"),
        ("likelihood_samples", "20,10", "10,20,30"),
        ("inception_weights", "weights.npz", "inception.weights.h5"),
        ("inception_weights", "ImageNet", "imagenet"),
        ("encoder_units", "", "1"),
        ("network", "convolutional", "conv"),
        ("encoder_filters", "4,0", "4"),
        ("decoder_filters", "", "4,2"),
        ("filter_size", 1, 2),
        ("encoder_units", "10,0", "10,1"),
        ("decoder_units", "10,", "10"),
        ("discriminator_units", "ten", "10"),
        ("cost", "l3", "huber"),
        ("cost", "my_module:", "my_module:edges"),
        ("cost_scale", 0.0, 0.05),
        ("divergence", "kl", "sinkhorn"),
        ("penalty_weight", 0.0, 1e-6),
        ("projections", 0, 1),
        ("entropy_share", 0.0, 0.01),
        ("pretraining_steps", -1, 0),
        ("pretraining_batch_size", 1, 2),
        ("input_noise_kind", "uniform", "truncated"),
        ("activation", "sigmoid", "silu"),
        ("output_activation", "tanh", "linear"),
        ("generator_optimizer", "rmsprop", "sgd"),
        ("generator_learning_rate", 0.0, 1e-9),
        ("generator_momentum", 1.0, 0.0),
        ("generator_momentum", -0.1, 0.999),
    ],
)
def test_bounds_and_choices(settings, flag, bad, good):
    assert flatten(override(settings, {flag: good}))[flag] == good
    error = _refusal(settings, **{flag: bad})
    assert str(error).startswith(f"--{flag}={bad}: expected ")


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("normal:0.01", ("normal", 0.01)),
        ("he_normal", ("he_normal", 0.0)),
        ("glorot_uniform", ("glorot_uniform", 0.0)),
    ],
)
def test_initializers(settings, text, parsed):
    assert parse_initializer(text) == parsed
    assert override(settings, {"initializer": text}).networks.initializer == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "normal",
        "normal:",
        "normal:0",
        "normal:-1",
        "normal:nan",
        "normal:inf",
        "normal:x",
        "he_normal:2",
        "zeros",
    ],
)
def test_unknown_initializers_are_refused(settings, text):
    with pytest.raises(ValueError):
        parse_initializer(text)
    assert _refusal(settings, initializer=text).flag == "initializer"
    refusal = _refusal(settings, encoder_initializer=text)
    assert refusal.flag == "encoder_initializer"
    assert "same, normal:SD" in str(refusal)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("equal", 1.0), ("geometric:0.9", 0.9), ("3,2,0.5", (3.0, 2.0, 0.5))],
)
def test_shares_of_categories(settings, text, parsed):
    assert parse_shares(text) == parsed
    assert override(settings, {"category_shares": text}).categories.category_shares == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "even",
        "geometric",
        "geometric:",
        "geometric:0",
        "geometric:1",
        "geometric:nan",
        "1",
        "1,0",
        "1,-2",
        "1,inf",
        "1,nan",
        "1,x",
        "1,",
    ],
)
def test_unknown_shares_of_categories_are_refused(settings, text):
    with pytest.raises(ValueError):
        parse_shares(text)
    refusal = str(_refusal(settings, category_shares=text))
    assert refusal.startswith(f"--category_shares={text}: expected equal, geometric:RATIO")


def test_the_encoders_initializer_may_be_the_same(settings):
    for text in ("same", "normal:0.01", "glorot_uniform"):
        assert (
            override(settings, {"encoder_initializer": text}).networks.encoder_initializer == text
        )


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("constant", "constant"),
        ("cosine", "cosine"),
        ("50:0.1", ((50, 0.1),)),
        ("50:0.1,1000:0.01", ((50, 0.1), (1000, 0.01))),
        ("1:0", ((1, 0.0),)),
    ],
)
def test_schedules(settings, text, parsed):
    assert parse_schedule(text) == parsed
    changed = override(settings, {"generator_schedule": text})
    assert changed.phase("generator").schedule == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linear",
        "50",
        "50:",
        ":0.1",
        "0:0.1",
        "50:-1",
        "50:nan",
        "50:inf",
        "5.5:0.1",
        "50:0.1,50:0.2",
        "50:0.1,40:0.2",
        "50:0.1,",
    ],
)
def test_unknown_schedules_are_refused(settings, text):
    with pytest.raises(ValueError):
        parse_schedule(text)
    assert _refusal(settings, generator_schedule=text).flag == "generator_schedule"


def test_overriding_one_phase_leaves_the_others(settings):
    changed = override(settings, {"discriminator_learning_rate": 0.5})
    assert changed.phase("discriminator").learning_rate == 0.5
    for name in ("reconstruction", "generator"):
        assert changed.phase(name) == settings.phase(name)
    assert dataclasses.replace(changed, phases=settings.phases) == settings


@pytest.mark.parametrize(
    "flag, bad, good",
    [("beta", -0.1, 0.0), ("likelihood", "poisson", "gaussian"), ("decoder_variance", 0.0, 0.3)],
)
def test_bounds_and_choices_of_a_vae(flag, bad, good):
    assert _refusal(experiments.settings_of("vae_gaussian"), **{flag: bad}).flag == flag
    override(experiments.settings_of("vae_gaussian"), {flag: good})


def test_setting_that_the_experiment_has_not_is_refused():
    settings = experiments.settings_of("gaussian")
    assert _refusal(settings, num_labels="100").flag == "num_labels"
    error = _refusal(settings, classification_learning_rate=0.1)
    assert str(error) == (
        "--classification_learning_rate=0.1: expected a setting that --experiment=gaussian has"
    )


def test_every_described_flag_is_a_setting_and_the_other_way_round(settings):
    named = [setting.flag for setting in DESCRIBED]
    assert len(named) == len(set(named))
    of_vae = experiments.settings_of("vae_gaussian")
    assert {"experiment", "recipe", *named} == {*flatten(settings), *flatten(of_vae)}
    assert set(named) == set(OTHER)


@pytest.mark.parametrize("name, recipe", RECIPES)
def test_json_and_back_is_lossless(name, recipe):
    settings = experiments.settings_of(name, recipe)
    changed = override(settings, _other(settings))
    for each in (settings, changed):
        assert override(settings, json.loads(json.dumps(flatten(each)))) == each


@pytest.mark.parametrize("name, recipe", RECIPES)
def test_flagfile_and_back_is_lossless(name, recipe, tmp_path):
    settings = experiments.settings_of(name, recipe)
    changed = override(settings, _other(settings))
    assert changed != settings
    for each in (settings, changed):
        file = tmp_path / "run.flags"
        file.write_text(to_flagfile(each))
        given = flagfile.read(file)
        assert (given["experiment"], given["recipe"]) == (name, recipe)
        assert given.keys() == flatten(each).keys()
        assert override(settings, given) == each


def test_what_changes_no_result_is_left_out_of_the_comparison(settings):
    everything, compared = flatten(settings), flatten(settings, only_changing_run=True)
    assert everything.keys() - compared.keys() == {
        "steps_per_call",
        "strategy",
        "replicas",
        "xla",
        "checkpoint_minutes",
        "on_nan",
        "max_minutes",
        "figure_format",
        "data_dir",
        "stream",
        "sample_quality",
        "quality_samples",
        "inception_weights",
        "sampler",
        "sampler_components",
        "cache_dir",
        "likelihood_samples",
    }


def test_differences_name_flag_old_and_new():
    old, new = {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "d": 4}
    assert differences(old, new) == ["--b: 2, now 5", "--c: 3, now unset", "--d: unset, now 4"]


def test_settings_are_frozen():
    for part in (TrainingSettings(), PhaseSettings(name="generator")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            part.seed = 1


def test_what_an_older_version_did_not_know_is_what_changes_nothing():
    practical = experiments.settings_of("clustering", "practical")
    old = {k: v for k, v in flatten(practical).items() if k not in ("input_dropout", "seed")}
    assert practical.training.input_dropout != 0
    done = complete({**old, "epochs": 3}, practical)
    assert (done["input_dropout"], done["epochs"]) == (0.0, 3)
    assert done.keys() == flatten(practical).keys()
    assert override(practical, done).training.input_dropout == 0


def test_weight_of_the_label_adversary_is_refused_where_there_is_none(settings):
    values = {"adversarial_label": False, "label_adversary_weight": 2.5}
    assert str(_refusal(settings, **values)) == (
        "--label_adversary_weight=2.5: expected 1 with --noadversarial_label, "
        "which leaves that discriminator out"
    )
    for flag in ("label_adversary_warmup", "label_discriminator_noise"):
        values = {"adversarial_label": False, flag: 1.5}
        assert str(_refusal(settings, **values)) == (
            f"--{flag}=1.5: expected 0 with --noadversarial_label, "
            "which leaves that discriminator out"
        )
    assert not override(settings, {"adversarial_label": False}).categories.adversarial_label


def test_a_minibatch_of_one_has_no_nearest_other():
    settings = experiments.settings_of("clustering", "practical")
    share = {"virtual_adversarial_neighbour_share": 0.2}
    assert override(settings, {"batch_size": 1, **share})  # which nothing reads
    share["virtual_adversarial_weight"] = 1.0
    assert str(_refusal(settings, batch_size=1, **share)) == (
        "--batch_size=1: expected 2 or more with --virtual_adversarial_neighbour_share, "
        "so that each has another"
    )
    assert override(settings, {"batch_size": 2, **share})


def test_a_term_that_begins_after_the_last_epoch_is_refused():
    settings = experiments.settings_of("clustering", "practical")
    late = {"epochs": 5, "virtual_adversarial_start": 5}
    assert override(settings, late)  # which nothing reads
    late["virtual_adversarial_weight"] = 1.0
    assert str(_refusal(settings, **late)) == (
        "--virtual_adversarial_start=5: expected below --epochs=5, so that the term begins"
    )
    assert override(settings, {**late, "virtual_adversarial_start": 4})


def test_virtual_adversarial_term_stands_beside_a_classification_where_there_is_one(settings):
    values = {"virtual_adversarial_phase": "classification"}
    assert override(settings, values).categories.virtual_adversarial_phase == "classification"
    without = {"num_labels": "0", **values}
    assert str(_refusal(settings, **without)) == (
        "--virtual_adversarial_phase=classification: expected generator where no labels are used, "
        "and hence no phase classifies"
    )
    clustering = experiments.settings_of("clustering")
    assert _refusal(clustering, **values).flag == "virtual_adversarial_phase"


def test_convolutions_take_no_noise_on_hidden_layers(settings):
    noisy = override(settings, {"hidden_noise": 0.2})
    again = override(settings, json.loads(json.dumps(flatten(noisy))))
    assert again == noisy and again.training.hidden_noise == 0.2
    assert override(settings, {"network": "conv"}).networks.network == "conv"
    error = _refusal(settings, hidden_noise=0.2, network="conv")
    assert str(error) == (
        "--hidden_noise=0.2: expected 0 with --network=conv, whose hidden layers take none"
    )


@pytest.mark.parametrize(
    ("network", "flag"), [("dense", "encoder_batch_norm"), ("conv", "conv_batch_norm")]
)
def test_precise_batch_norm_is_refused_where_the_encoder_has_none(settings, network, flag):
    values = {"precise_batch_norm": True, "network": network}
    assert override(settings, {**values, flag: True}).training.precise_batch_norm
    assert str(_refusal(settings, **values, **{flag: False})) == (
        f"--precise_batch_norm=True: expected false without --{flag}, which puts batch "
        "normalisation in the encoder"
    )


def test_precise_batch_norm_is_refused_beside_noise_that_comes_before_it():
    values = {"precise_batch_norm": True, "encoder": "implicit", "encoder_batch_norm": True}
    with pytest.raises(SettingsError, match=r"--precise_batch_norm=True: .*--encoder=implicit"):
        override(experiments.settings_of("gaussian"), values)


NUMBERS = [s.flag for s in DESCRIBED if s.type is int and s.flag != "seed"]
SIZES = [s.flag for s in DESCRIBED if s.type is tuple]
FLOATS = [s.flag for s in DESCRIBED if s.type is float]


def _settings_with(flag):
    """Settings of a recipe that has a flag."""
    for name, recipe in RECIPES:
        settings = experiments.settings_of(name, recipe)
        if flag in flatten(settings):
            return settings
    raise AssertionError(flag)


@pytest.mark.parametrize("flag", NUMBERS)
@pytest.mark.parametrize("value", [10**10, 10**18, 10**400])
def test_a_number_beyond_what_can_be_is_refused(flag, value):
    with pytest.raises(SettingsError, match=f"--{flag}={value}: expected at most [0-9]+$"):
        override(_settings_with(flag), {flag: value})


@pytest.mark.parametrize("flag", SIZES)
@pytest.mark.parametrize("value", ["10000000000", ",".join(map(str, range(1, 1000)))])
def test_sizes_beyond_what_can_be_are_refused(flag, value):
    with pytest.raises(SettingsError, match=f"--{flag}={value}: expected .*at most [0-9]+"):
        override(_settings_with(flag), {flag: value})


def test_layers_between_which_there_were_too_many_weights_are_refused():
    with pytest.raises(SettingsError, match="expected at most 268435456 weights"):
        override(_settings_with("encoder_units"), {"encoder_units": "10,60000,60000"})


@pytest.mark.parametrize("flag", FLOATS)
@pytest.mark.parametrize("value", [1e31, 1e300, 10**40, 10**400, 1e-31])
def test_a_number_that_float32_does_not_have_is_refused(flag, value):
    with pytest.raises(SettingsError, match=f"--{flag}="):
        override(_settings_with(flag), {flag: value})


@pytest.mark.parametrize("value", ["a" * 4097, "a\0b", "\udcff"])
def test_text_that_no_file_could_be_called_is_refused(value):
    with pytest.raises(SettingsError, match="expected at most 4096 characters of UTF-8"):
        override(_settings_with("dataset"), {"dataset": value})


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a "])
def test_what_a_flagfile_cannot_hold_is_left_out_of_it_in_words(value):
    settings = override(_settings_with("dataset"), {"dataset": value})
    text = to_flagfile(settings)
    assert "--dataset=" not in text and "# --dataset can't stand in a file of lines" in text
    assert len(text.splitlines()) == len(flatten(settings))


def test_a_mixture_whose_covariances_no_memory_holds_is_refused(settings):
    wide = {"latent_dim": 1000, "sampler": "gmm"}
    override(settings, {**wide, "sampler_components": 16})
    error = _refusal(settings, **wide, sampler_components=17)
    assert str(error) == "--sampler_components=17: expected at most 16 with --latent_dim=1000"
    error = _refusal(settings, sampler="gmm", latent_dim=5000)
    assert str(error).startswith("--sampler=gmm: expected prior or kde with --latent_dim=5000")
    for sampler in ("prior", "kde"):
        override(settings, {"sampler": sampler, "latent_dim": 5000})


def test_a_result_and_a_card_say_what_samples_were_drawn_from():
    gmm = EvaluationSettings(sampler="gmm", sampler_components=4)
    assert gmm.draws_like({"sampler": "gmm", "sampler_components": 4, "epochs": 3})
    for flags in (None, [], {}, {"sampler": "kde"}, {"sampler": "gmm", "sampler_components": 5}):
        assert not gmm.draws_like(flags)
    assert EvaluationSettings().draws_like({}) and EvaluationSettings().draws_like(None)
    assert EvaluationSettings(sampler="kde").draws_like({"sampler": "kde"})
