"""`--network=conv` gives any experiment convolutions; what can't be doubled is refused."""

import numpy as np
import pytest
import tiny

from aae_tf import experiments
from aae_tf.errors import SettingsError
from aae_tf.methods.build import method_class
from aae_tf.runs import train
from aae_tf.settings import flatten, override

SHAPE = (30, 22, 3)


def _conv(experiment="gaussian", **changes):
    settings = tiny.settings(experiment, network="conv")
    if "num_labels" in flatten(settings):
        changes = {"num_labels": "12", **changes}
    return override(settings, changes)


def _method(settings, shape=SHAPE):
    return method_class(settings)(settings, shape, settings.prior.prior_components)


@pytest.mark.parametrize("experiment", experiments.CATALOGUE)
def test_every_experiment_encodes_and_decodes_images_of_an_odd_size(experiment):
    method = _method(_conv(experiment))
    images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    codes = method.encode(images)
    assert codes.shape == (3, method.latent_dim)
    labels = np.zeros(3, np.int32)
    rebuilt = method.reconstruct(images, labels)
    assert rebuilt.shape == images.shape and np.isfinite(rebuilt).all()
    paths = [variable.path for variable in method.networks["encoder"].variables]
    assert any("down_2" in path for path in paths) and not any("hidden" in p for p in paths)
    paths = [variable.path for variable in method.networks["decoder"].variables]
    assert any("up_1" in path for path in paths) and not any("hidden" in p for p in paths)


def _shapes(settings):
    networks = _method(settings).networks
    return {(n, v.path): tuple(v.shape) for n, net in networks.items() for v in net.variables}


def test_each_setting_reaches_its_kind_of_network_and_no_other():
    dense = override(_conv(), {"network": "dense"})
    units = {"encoder_units": "3", "decoder_units": "5"}
    filters = {"encoder_filters": "3,2,2", "decoder_filters": "5,2", "filter_size": 3}
    assert _shapes(override(dense, filters)) == _shapes(dense)
    assert _shapes(override(_conv(), units)) == _shapes(_conv())
    shapes = _shapes(_conv(**filters))
    assert shapes["encoder", "trunk/down_3/convolution/kernel"] == (3, 3, 2, 2)
    assert shapes["decoder", "trunk/start/kernel"] == (2, 15 * 11 * 5)
    assert shapes["decoder", "trunk/up_1/convolution/kernel"] == (3, 3, 2, 5)
    assert shapes["decoder", "pixels/kernel"] == (3, 3, 3, 2)
    plain = _shapes(_conv(conv_batch_norm=False))
    assert not any("norm" in path for _, path in plain)
    heads = _shapes(_conv(encoder_batch_norm=True, decoder_batch_norm=True, conv_batch_norm=False))
    assert {path for _, path in heads if path.endswith("gamma")} == {
        "code/norm/gamma",
        "pixels/norm/gamma",
    }


def test_defaults_are_the_papers():
    networks = experiments.settings_of("gaussian").networks
    assert networks.network == "dense"
    assert networks.encoder_filters == (128, 256, 512, 1024)
    assert networks.decoder_filters == (1024, 512, 256)
    assert networks.filter_size == 4 and networks.conv_batch_norm


def test_doubling_beyond_the_image_is_refused_in_one_line():
    for shape, most in (((8, 8, 1), 4), ((30, 22, 3), 6), ((1, 1, 1), 1)):
        right, wrong = ",".join(["2"] * most), ",".join(["2"] * (most + 1))
        _method(_conv(decoder_filters=right), shape)
        with pytest.raises(SettingsError) as caught:
            _method(_conv(decoder_filters=wrong), shape)
        assert str(caught.value) == (
            f"--decoder_filters={wrong}: expected at most {most} numbers for images of "
            f"{shape[0]} x {shape[1]}, since each after the first doubles height and width"
        )


def test_refused_run_leaves_nothing(tmp_path):
    np.savez(tmp_path / "bars.npz", images=tiny.images(60), labels=np.arange(60) % 3)
    changes = {"dataset": str(tmp_path / "bars.npz"), "decoder_filters": "9,8,7,6,5"}
    folders = tmp_path / "run", tmp_path / "models"
    with pytest.raises(SettingsError, match="decoder_filters=9,8,7,6,5: expected at most 4"):
        train.train(_conv(**changes), *folders)
    assert not any(folder.exists() for folder in folders)


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_the_encoders_own_initializer_reaches_all_its_layers_and_no_other_network(network):
    def kernels(**changes):
        method = _method(
            override(_conv("clustering", encoder_batch_norm=True, **changes), {"network": network}),
            (28, 28, 1),
        )
        return {
            (name, v.path): v.numpy()
            for name, net in method.networks.items()
            for v in net.trainable_variables
            if v.path.endswith("kernel")
        }

    usual, own = kernels(), kernels(encoder_initializer="normal:0.001")
    assert usual.keys() == own.keys()
    for (name, path), kernel in own.items():
        if name == "encoder":
            assert kernel.std() < 0.0015, path
            assert usual[name, path].std() > 0.02, path
        else:
            np.testing.assert_array_equal(kernel, usual[name, path])
    assert len({name for name, _ in own}) == 4
