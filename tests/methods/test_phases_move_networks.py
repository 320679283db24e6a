"""Each phase moves the networks that it names, all of them, and no others."""

import numpy as np
import pytest
import tiny

MOVED = {
    "reconstruction": {"encoder", "decoder"},
    "discriminator": {"discriminator"},
    "generator": {"encoder"},
}


@pytest.fixture(scope="module", params=["deterministic", "gaussian", "implicit"])
def rig(request):
    return tiny.rig(encoder=request.param)


@pytest.mark.parametrize("name", MOVED)
@tiny.eagerly()
def test_phase_moves_exactly_its_networks(rig, name):
    rig.reset()
    before = rig.weights()
    state = {key: value.numpy() for key, value in rig.variables.items()}
    rig.only(name).train(0, 3, 3)
    after = rig.weights()
    for network, weights in before.items():
        moved = {path: (after[network][path] != weights[path]).any() for path in weights}
        assert set(moved.values()) == {network in MOVED[name]}, (network, moved)
    other_optimizers = [key for key in state if key.split("/")[0] in MOVED.keys() - {name}]
    assert len(other_optimizers) > 20
    for key in other_optimizers:
        np.testing.assert_array_equal(rig.variables[key].numpy(), state[key])


@tiny.eagerly()
def test_moments_of_batch_normalisation_move_wherever_their_network_runs():
    rig = tiny.rig(encoder_batch_norm=True, decoder_batch_norm=True)
    runs = {"reconstruction": {"encoder", "decoder"}, "discriminator": {"encoder"}}
    for name, networks in {**runs, "generator": {"encoder"}}.items():
        rig.reset()
        before = rig.weights()
        rig.only(name).train(0, 3, 3)
        after = rig.weights()
        for network, weights in before.items():
            model = rig.method.networks[network]
            for kind, expected in (("trainable", MOVED[name]), ("non_trainable", networks)):
                paths = [v.path for v in getattr(model, f"{kind}_variables")]
                moved = {(after[network][path] != weights[path]).any() for path in paths}
                assert moved <= {network in expected}, (name, network, kind)
        assert {path for path in before["encoder"] if path.endswith("moving_mean")}


def test_step_runs_reconstruction_then_discriminator_then_generator(rig):
    assert [phase.name for phase in rig.phases] == list(MOVED)
    for phase in rig.phases:
        assert {network.name for network in phase.updates} == MOVED[phase.name]


@tiny.eagerly()
def test_later_phases_see_what_earlier_ones_moved(rig):
    rig.reset()
    notes = {names: tiny.Notebook() for names in (("generator",), ("discriminator", "generator"))}
    for names, note in notes.items():
        rig.reset()
        rig.only(*names).train(0, 1, 1, [note])
    alone, after_discriminator = (note.curve("generator/loss")[0] for note in notes.values())
    assert alone != after_discriminator


def test_every_weight_belongs_to_some_phase(rig):
    covered = {id(variable) for phase in rig.phases for variable in phase.variables}
    networks = rig.method.networks.values()
    assert covered == {id(variable) for network in networks for variable in network.variables}
