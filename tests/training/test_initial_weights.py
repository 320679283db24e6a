"""Another run's or model's weights to begin with: by name, with shapes checked, and whole."""

import pathlib

import numpy as np
import pytest
import tiny

from aae_tf.cli.main import main
from aae_tf.errors import SettingsError
from aae_tf.serving.export import export_saved_model
from aae_tf.training import initial_weights
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import network_variables

pytestmark = pytest.mark.slow


def _values(method):
    return {k: v.numpy() for k, v in network_variables(method.networks).items()}


def _run(folder, method, averages=None):
    """A run's folder with a checkpoint of a method."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    Checkpoints(folder / "checkpoints", network_variables(method.networks), {}, averages).save()
    return folder


@pytest.fixture
def trained():
    method = tiny.method(seed=5)
    for number, variable in enumerate(network_variables(method.networks).values()):
        variable.assign(variable + 0.1 * (number + 1))
    return method


def test_a_runs_weights_are_taken_to_the_bit(trained, tmp_path, caplog):
    caplog.set_level("INFO", "aae_tf")
    method = tiny.method()
    initial_weights.adopt(method.networks, str(_run(tmp_path / "run", trained)))
    expected, found = _values(trained), _values(method)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert "encoder, decoder, discriminator" in caplog.messages[-1]


def test_averages_are_taken_where_there_are_some(trained, tmp_path):
    variables = network_variables(trained.networks)
    averages = {"decoder/pixels/bias": variables["decoder/pixels/bias"]}
    other = network_variables(tiny.method(seed=7).networks)
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/settings.json").write_text("{}")
    Checkpoints(tmp_path / "run/checkpoints", other, {}, averages).save()
    method = tiny.method()
    initial_weights.adopt(method.networks, str(tmp_path / "run"))
    found = _values(method)
    np.testing.assert_array_equal(found["decoder/pixels/bias"], averages["decoder/pixels/bias"])
    np.testing.assert_array_equal(found["encoder/code/kernel"], other["encoder/code/kernel"])


def test_an_exports_weights_are_taken_and_what_it_lacks_keeps_its_own(trained, tmp_path, caplog):
    caplog.set_level("INFO", "aae_tf")
    trained.networks.pop("discriminator")  # as of a model that has none
    version = export_saved_model(trained, tmp_path / "mine")
    (version / initial_weights.NAMES).write_text(
        (version / initial_weights.NAMES).read_text().replace("discriminator/", "critic/")
    )
    method = tiny.method()
    before = _values(method)
    initial_weights.adopt(method.networks, str(version))
    expected, found = _values(trained), _values(method)
    for name in found:
        of = before if name.startswith("discriminator/") else expected
        np.testing.assert_array_equal(found[name], of[name], err_msg=name)
    assert "discriminator, which it lacks, from the start" in caplog.messages[-1]


def test_other_shapes_are_refused_and_nothing_is_taken_of_that_network(trained, tmp_path):
    source = _run(tmp_path / "run", trained)
    method = tiny.method(latent_dim=3)
    before = _values(method)
    with pytest.raises(SettingsError, match=r"networks that fit: encoder/\S+ is \(.*\) there"):
        initial_weights.adopt(method.networks, str(source))
    assert all(np.array_equal(_values(method)[name], before[name]) for name in before)


def test_damage_and_what_is_neither_run_nor_model_are_refused(trained, tmp_path):
    source = _run(tmp_path / "run", trained)
    (data,) = (source / "checkpoints").glob("*.data-*")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    networks = tiny.method().networks
    for folder in (source, tmp_path, tmp_path / "nothing"):
        with pytest.raises(SettingsError, match="--init_from="):
            initial_weights.adopt(networks, str(folder))
    data.unlink()
    with pytest.raises(SettingsError, match="a whole run or model, but"):
        initial_weights.adopt(networks, str(source))


def test_values_other_than_were_saved_are_refused(trained, tmp_path, monkeypatch):
    digests = {"networks/encoder/code/bias": "of other values"}
    monkeypatch.setattr(Checkpoints, "_sha256s", lambda self: digests)
    source = _run(tmp_path / "run", trained)  # which TensorFlow reads without a complaint
    with pytest.raises(SettingsError, match="has other values than were saved"):
        initial_weights.adopt(tiny.method().networks, str(source))


FLAGS = (
    *("--batch_size=10", "--noxla", "--encoder_units=4", "--decoder_units=4", "--export_dir="),
    "--discriminator_units=4",
)


def test_a_run_continues_another_on_other_data_and_longer(empty_folder, capsys):
    for name, seed in (("bars", 0), ("stripes", 1)):
        np.savez(f"{name}.npz", images=tiny.images(105, seed=seed), labels=np.arange(105) % 3)
    gaussian = ("--experiment=gaussian", *FLAGS, "--epochs=1")
    assert main(["x", *gaussian, "--dataset=bars.npz", "--run_dir=first"]) == 0
    longer = (*gaussian, "--epochs=2", "--dataset=bars.npz", "--run_dir=first")
    capsys.readouterr()
    assert main(["x", *longer]) == 1
    assert "expected the same ones or another folder with --init_from=first" in (
        capsys.readouterr().err
    )
    other = ("--experiment=wae_gan", *FLAGS, "--epochs=1", "--latent_dim=2", "--init_from=first")
    assert main(["x", *other, "--dataset=stripes.npz", "--run_dir=second"]) == 0
    assert "began with the weights of first: encoder, decoder" in capsys.readouterr().err
    again = main(["x", *other, "--dataset=stripes.npz", "--run_dir=second"])
    assert again == 0 and "began with" not in capsys.readouterr().err
    assert pathlib.Path("second/result.json").exists()
