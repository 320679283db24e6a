"""What samples are drawn from is fitted to codes once for each state of the weights, and kept."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.errors import RunFolderError, SettingsError
from aae_tf.evaluation import Evaluator, code_sampler
from aae_tf.priors.fitted import fit_kernels, fit_mixture
from aae_tf.serving.signatures import ServingModule, servable_signatures

pytestmark = pytest.mark.slow

ROOT = seeds.root(0)
KINDS = ("gmm", "kde")


@pytest.fixture(scope="module")
def data():
    return tiny.data()


def _method(sampler="gmm", **changes):
    return tiny.method(sampler=sampler, sampler_components=3, latent_dim=3, **changes)


def _fitted(method, data, folder=None, **kept):
    evaluator = Evaluator(method, ROOT, data)
    evaluator.fit_sampler(folder, **kept)
    return evaluator


def _codes(method, seed=ROOT, count=50):
    return method.draw(seed, count)["codes"].numpy()


def test_the_prior_needs_no_fit(data, tmp_path):
    method = _method("prior")
    before = _codes(method)
    _fitted(method, None, tmp_path)
    assert method.fitted is None and method.sampler is method.prior
    np.testing.assert_array_equal(_codes(method), before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_of_the_fit_to_codes_of_training_images(data, kind):
    method = _method(kind)
    evaluator = _fitted(method, data)
    codes = evaluator.inference.encode(data.train)
    drawn = _codes(method, count=4000)
    if kind == "gmm":
        seed = int(seeds.fold(ROOT, "sampler").numpy()[0]) & 0x7FFFFFFF
        expected = fit_mixture(codes, 3, seed)
    else:
        expected = fit_kernels(codes, evaluator.inference.encode(data.validation))
    np.testing.assert_array_equal(drawn, expected.distribution().sample(4000, seed=ROOT))
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.1 * codes.std())
    # The prior is another one: it has mean 0 and sd 1.
    assert np.abs(drawn.std(0) - 1).max() > 0.1
    np.testing.assert_array_equal(
        method.sample(ROOT, 5)["images"], method.decode(method.draw(ROOT, 5)["codes"])
    )


def test_the_prior_can_be_drawn_from_all_the_same(data):
    method = _method()
    before = _codes(method)
    _fitted(method, data)
    assert not np.array_equal(_codes(method), before)
    np.testing.assert_array_equal(method.draw(ROOT, 50, method.prior)["codes"], before)
    np.testing.assert_array_equal(
        Evaluator(method, ROOT, data).prior_codes(9), Evaluator(_method(), ROOT).prior_codes(9)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_fit_is_read_again_to_the_bit_and_without_data(data, kind, tmp_path):
    first, again = _method(kind), _method(kind)
    _fitted(first, data, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [f"sampler_{kind}.npz"]
    before = (tmp_path / f"sampler_{kind}.npz").read_bytes()
    _fitted(again, None, tmp_path)
    np.testing.assert_array_equal(_codes(first), _codes(again))
    assert (tmp_path / f"sampler_{kind}.npz").read_bytes() == before
    with np.load(tmp_path / f"sampler_{kind}.npz", allow_pickle=False) as arrays:
        assert not any(arrays[name].dtype.hasobject for name in arrays.files)


def test_without_data_and_fit_there_is_one_line(tmp_path):
    expected = "sampler_gmm.npz: holds no fit of these weights, and the run's data isn't there"
    with pytest.raises(RunFolderError, match=expected):
        _fitted(_method(), None, tmp_path)


def test_new_weights_another_seed_and_other_settings_are_fitted_anew(data, tmp_path):
    method = _method()
    evaluator = _fitted(method, data, tmp_path)
    first = _codes(method)
    evaluator.fit_sampler()
    np.testing.assert_array_equal(_codes(method), first)
    for weight in method.encoder.weights:
        weight.assign(weight * 1.5)
    evaluator.fit_sampler()
    moved = _codes(method)
    assert not np.array_equal(moved, first)
    for other in (tiny.method(sampler="gmm", sampler_components=2, latent_dim=3), _method("kde")):
        _fitted(other, data, tmp_path)
        assert not np.array_equal(_codes(other), first)
    before = (tmp_path / "sampler_gmm.npz").read_bytes()
    Evaluator(_method(), seeds.root(1), data).fit_sampler(tmp_path)
    assert (tmp_path / "sampler_gmm.npz").read_bytes() != before


def test_what_is_fitted_in_training_is_kept_once_a_folder_is_given(data, tmp_path):
    method = _method()
    evaluator = _fitted(method, data)
    first = _codes(method)
    evaluator.fit_sampler(tmp_path, keep=False)
    assert list(tmp_path.iterdir()) == []
    evaluator.fit_sampler(tmp_path)
    np.testing.assert_array_equal(_codes(method), first)
    _fitted(again := _method(), None, tmp_path)
    np.testing.assert_array_equal(_codes(again), first)


DAMAGE = {
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-200]),
    "a bit": lambda file: file.write_bytes(_flipped(file.read_bytes())),
    "no archive": lambda file: file.write_text("no archive"),
    "another archive": lambda file: np.savez(file, images=np.zeros(3)),
    "Python objects": lambda file: np.savez(file, **{**_arrays(file), "means": [{"a": 1}]}),
    "no density": lambda file: np.savez(file, **{**_arrays(file), "weights": np.ones(3)}),
    "of other codes": lambda file: np.savez(file, **{**_arrays(file), "means": np.zeros((3, 2))}),
}


def _arrays(file):
    with np.load(file) as arrays:
        return dict(arrays)


def _flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_fit_is_made_again_and_said_so(data, tmp_path, damage, caplog):
    first = _method()
    _fitted(first, data, tmp_path)
    file = tmp_path / "sampler_gmm.npz"
    DAMAGE[damage](file)
    caplog.set_level("INFO", logger="aae_tf")
    _fitted(again := _method(), data, tmp_path)
    assert "sampler_gmm.npz is fitted again" in caplog.text
    np.testing.assert_array_equal(_codes(first), _codes(again))
    with pytest.raises(RunFolderError, match="holds no fit"):
        DAMAGE[damage](file)
        _fitted(_method(), None, tmp_path)


def test_draws_of_a_random_encoder_are_fitted_to(data):
    """What the decoder was trained on: codes with their noise, not the centres of q(z|x)."""
    point, noisy = (_method(encoder="isotropic", encoder_noise_sd=sd) for sd in (1e-6, 3.0))
    for method in (point, noisy):
        _fitted(method, data)
    apart = [_codes(method, count=2000).std() for method in (point, noisy)]
    assert apart[1] > 2 + apart[0]


@pytest.mark.parametrize("experiment", ["style", "clustering"])
def test_of_a_decoder_with_a_category_the_code_is_fitted_to_and_labels_are_drawn_as_ever(
    data, experiment
):
    changes = {} if experiment == "style" else {"num_clusters": 3}
    method = _method(experiment=experiment, **changes)
    before = {name: value.numpy() for name, value in method.draw(ROOT, 60).items()}
    _fitted(method, data)
    after = {name: value.numpy() for name, value in method.draw(ROOT, 60).items()}
    np.testing.assert_array_equal(after["labels"], before["labels"])
    assert not np.array_equal(after["codes"], before["codes"])
    assert method.sample(ROOT, 4)["images"].shape == (4, 8, 8, 1)


@pytest.mark.parametrize("precision", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_samples_have_the_precision_of_the_method(data, precision):
    method = _method(precision=precision)
    _fitted(method, data)
    assert method.draw(ROOT, 3)["codes"].dtype == method.dtype


def test_more_gaussians_than_codes_are_refused(data, monkeypatch):
    monkeypatch.setattr(code_sampler, "CODES", 40)
    settings = tiny.settings(sampler="gmm", sampler_components=41)
    expected = "--sampler_components=41: expected at most 40, the number of codes"
    with pytest.raises(SettingsError, match=expected):
        code_sampler.check(settings, 64)
    with pytest.raises(SettingsError, match=expected):
        _fitted(tiny.method_for(settings), data)
    code_sampler.check(tiny.settings(sampler="gmm", sampler_components=40), 64)
    code_sampler.check(tiny.settings(sampler="kde", sampler_components=41), 64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_serves_samples_serves_those_of_the_fit(data, kind):
    method = _method(kind)
    _fitted(method, data)
    answer = ServingModule(method).signature("sample")
    found = answer(seed=tf.constant([3, 4]), count=tf.constant(7))
    expected = method.sample(tf.constant([3, 4]), 7)
    np.testing.assert_array_equal(found["codes"], expected["codes"])
    np.testing.assert_allclose(found["images"], expected["images"], atol=1e-6)


def test_a_prior_that_no_graph_holds_keeps_no_fit_from_being_served(data, tmp_path, monkeypatch):
    (tmp_path / "numpy_prior.py").write_text(
        "import numpy as np\n"
        "class Cube:\n"
        "    def __init__(self, dim):\n"
        "        self.dim = dim\n"
        "    def sample(self, shape, seed):\n"
        "        random = np.random.default_rng(np.asarray(seed).tolist())\n"
        "        return random.uniform(size=(*map(int, shape), self.dim))\n"
    )
    monkeypatch.chdir(tmp_path)
    method = _method(prior="numpy_prior:Cube")
    assert "sample" not in servable_signatures(method)
    _fitted(method, data)
    assert "sample" in servable_signatures(method)
