"""Penalties of the discriminator and its spectral normalisation, in every method that has one."""

import itertools

import numpy as np
import pytest
import tiny

from aae_tf import seeds
from aae_tf.objectives.adversarial import discriminator_loss, slope

pytestmark = pytest.mark.slow

SEED, WEIGHT = seeds.root(3), 3.0
LABELS = {"num_labels": "6", "labelled_batch_size": 3}
CASES = {
    "aae": {"prior": "mixture"},
    "label_informed": {"experiment": "label_mixture", "prior_components": 3, "num_labels": "30"},
    "supervised": {"experiment": "style", "conditional_discriminator": True},
    "clustering": {"experiment": "clustering", "num_clusters": 4},
    "dim_reduction": {"experiment": "dim_reduction", **LABELS},
    "wae_gan": {"experiment": "wae_gan", "log_prior_trick": True, "penalty_weight": 7.0},
}


def _rig(case, penalty, **changes):
    smooth = {"precision": "float64", "activation": "tanh", "discriminator_noise": 0.3}
    weight = {"critic_penalty": penalty, "critic_penalty_weight": WEIGHT}
    return tiny.rig(**CASES[case], **smooth, **weight, **changes)


def _adversaries(rig, batch, draws):
    """Network, codes, samples, draws and what the metrics of each adversary are called by."""
    method, codes = rig.method, rig.method._codes(batch, draws)
    if hasattr(method, "adversaries"):
        for name, adversary in method.adversaries.items():
            yield adversary.network, codes[name], draws[name]["prior"], draws[name], f"{name}_"
    else:
        positives = draws["prior"]
        if hasattr(method, "_positives"):
            positives = method._positives(batch, draws)
        yield method.discriminator, codes, positives, draws, ""


def _slopes(logit, points):
    """Central differences of each point's logit, `(batch, dim)`."""
    steps = 1e-6 * np.eye(points.shape[1])
    return np.stack([(logit(points + step) - logit(points - step)) / 2e-6 for step in steps], 1)


QUICK = {("label_informed", "gradient"), ("clustering", "r1"), ("wae_gan", "r1")}


@pytest.mark.parametrize(
    ("case", "penalty"),
    [
        pytest.param(*pair, marks=[] if pair in QUICK else pytest.mark.slow)
        for pair in itertools.product(CASES, ("r1", "gradient"))
    ],
)
def test_penalty_is_of_the_logit_that_the_losses_see_by_the_code_alone(case, penalty):
    rig = _rig(case, penalty)
    method, phase, batch = rig.method, rig.phase("discriminator"), rig.first_batch()
    draws = phase.draws(SEED, 10)
    loss, total = phase.loss(batch, draws), 0.0
    condition = method._condition(batch) if hasattr(method, "_condition") else None
    for network, codes, positives, own, prefix in _adversaries(rig, batch, draws):

        def logit(points, network=network):
            seen = points if condition is None else np.concatenate([points, condition], 1)
            added = method.prior.log_prob(points).numpy() if case == "wae_gan" else 0.0
            return network(seen).numpy() + added

        samples, codes = (
            (positives + own["prior_noise"]).numpy(),
            (codes + own["code_noise"]).numpy(),
        )
        points = samples
        if penalty == "gradient":
            shares = own["between"].numpy()
            points = shares * samples + (1 - shares) * codes
        length = np.linalg.norm(_slopes(logit, points), axis=1)
        expected = length**2 / 2 if penalty == "r1" else (length - 1) ** 2
        found = loss.metrics[f"{prefix}penalty"]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)
        total += discriminator_loss(logit(samples), logit(codes)) + WEIGHT * expected
    scale = 7.0 if case == "wae_gan" else 1.0  # lambda
    np.testing.assert_allclose(loss.per_example, scale * total, rtol=1e-6)


def test_only_the_gradient_penalty_draws_more_and_all_else_is_drawn_as_ever():
    drawn = {
        kind: _rig("aae", kind).phase("discriminator").draws(SEED, 4000)
        for kind in ("none", "r1", "gradient", "spectral")
    }
    shares = drawn["gradient"].pop("between").numpy()
    assert shares.shape == (4000, 1)
    assert shares.min() >= 0 and shares.max() < 1
    counts, _ = np.histogram(shares, 10, (0, 1))
    assert np.all(np.abs(counts - 400) < 5 * np.sqrt(400 * 0.9))
    for kind, draws in drawn.items():
        assert draws.keys() == drawn["none"].keys(), kind
        for key, value in draws.items():
            np.testing.assert_array_equal(value, drawn["none"][key])


@pytest.mark.parametrize("case", ["aae", "clustering", "wae_gan"])
@tiny.eagerly()
def test_only_the_discriminators_phase_takes_the_power_iteration_on(case):
    rig = _rig(case, "spectral", encoder_batch_norm=False)  # whose moments any phase moves
    before = rig.weights()
    others = [phase.name for phase in rig.phases if phase.name != "discriminator"]
    rig.only(*others).train(0, 2, 2)
    between = rig.weights()
    rig.only("discriminator").train(0, 1, 1)
    after = rig.weights()
    names = [name for name in before if name.endswith("discriminator")]
    assert len(names) == (2 if case == "clustering" else 1)
    for name in names:
        assert {path for path in before[name] if path.endswith("/u")} == {
            "trunk/hidden_1/u",
            "logit/u",
        }
        for path, value in before[name].items():
            np.testing.assert_array_equal(between[name][path], value)
            assert (after[name][path] != value).any(), path
    for name in before.keys() - set(names):
        for path, value in between[name].items():
            np.testing.assert_array_equal(after[name][path], value)


@pytest.mark.parametrize("case", CASES)
def test_every_discriminator_is_normalised_and_no_other_network(case):
    method = tiny.method(critic_penalty="spectral", **CASES[case])
    for name, network in method.networks.items():
        states = [variable.path for variable in network.variables if variable.name == "u"]
        assert len(states) == (2 if name.endswith("discriminator") else 0)


def _trained(penalty):
    """Mean lengths of the discriminator's slope at samples and between, and its curves."""
    rig = tiny.rig(
        count=60,
        batch_size=60,
        critic_penalty=penalty,
        critic_penalty_weight=10.0,
        discriminator_learning_rate=0.02,
    )
    rig.method.encoder.code.bias.assign([3.0, -2.0])  # codes that are easily told from samples
    note = tiny.Notebook()
    rig.only("discriminator").train(0, 60, 60, [note])
    samples = rig.method.prior.sample(60, seed=[1, 2])
    codes = rig.method.encode(rig.first_batch()["images"])
    lengths = [
        np.linalg.norm(slope(rig.method.discriminator, points), axis=1).mean()
        for points in (samples, (samples + codes) / 2)
    ]
    curves = {key: note.curve(key) for key in note.reports[0].values}
    assert all(np.isfinite(curve).all() for curve in curves.values())
    assert curves["discriminator/loss"][-1] < 0.5 * curves["discriminator/loss"][0]
    return lengths, curves


@pytest.mark.slow
def test_each_penalty_trains_and_makes_the_discriminator_smoother():
    (free, free_between), _ = _trained("none")
    assert min(free, free_between) > 2
    (at_samples, _), curves = _trained("r1")
    assert at_samples < 0.2 * free
    assert curves["discriminator/penalty"][-1] < 0.2 * curves["discriminator/penalty"][0]
    (_, between), curves = _trained("gradient")
    assert between == pytest.approx(1, abs=0.1)
    assert curves["discriminator/penalty"][-1] < 0.2 * curves["discriminator/penalty"][0]
    lengths, _ = _trained("spectral")
    assert 0.5 < max(lengths) < 1.02  # u is the first singular vector all but a little
