"""The log-likelihood of a method: its samples, its sigma, its numbers, and stopping amid it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny
from sklearn.neighbors import KernelDensity

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.evaluation import Evaluator, log_likelihood, parzen
from aae_tf.evaluation.log_likelihood import LogLikelihood
from aae_tf.evaluation.parzen import ModelSamples, ParzenWindow
from aae_tf.sweep.trial import without_test

ROOT = seeds.root(0)
CHUNK, COUNT = 50, 230


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        for module in (log_likelihood, parzen):
            patch.setattr(module, "CHUNK", CHUNK)
        # An untrained decoder's samples are far from any image.
        patch.setattr(parzen, "SIGMAS", np.geomspace(0.1, 1.0, 16))
        yield


def _method(**changes):
    """Not compiled by XLA, which would take longer than all the rest."""
    return tiny.method(**{"latent_dim": 3, "xla": False, **changes})


@pytest.fixture(scope="module")
def method():
    return _method()


@pytest.fixture(scope="module")
def data():
    return tiny.data(labelled=False)


@pytest.fixture(scope="module")
def whole(method, data):
    """The undisturbed numbers."""
    return _evaluate(method, data)


def _samples(method, count, seed=ROOT):
    source = ModelSamples(method, seed)
    chunks = [source.chunk(number).numpy() for number in range(-(-count // CHUNK))]
    return np.concatenate(chunks)[:count]


def _evaluate(method, data, count=COUNT, folder=None, seed=ROOT):
    return LogLikelihood(method, data, seed, folder).evaluate(count)


class _Stop(Exception):
    pass


def _stopped_after(chunks, monkeypatch, method, data, folder, how=_Stop):
    """Evaluates, but the samples end with an exception after so many chunks of both passes."""
    real, left = ModelSamples.chunk, [chunks]

    def chunk(self, number):
        if not left[0]:
            raise how
        left[0] -= 1
        return real(self, number)

    with monkeypatch.context() as patch, pytest.raises(how):
        patch.setattr(ModelSamples, "chunk", chunk)
        _evaluate(method, data, folder=folder)


@pytest.mark.slow
def test_numbers_are_those_of_scikit_learn_on_the_same_samples(method, data, whole):
    found = whole
    samples = _samples(method, COUNT).reshape(COUNT, -1).astype(np.float64)
    sigma = found[f"test/parzen_sigma_{COUNT}"]
    kde = KernelDensity(bandwidth=sigma, leaf_size=COUNT).fit(samples)
    for name in ("validation", "test"):
        images = getattr(data, name).intensities().reshape(len(getattr(data, name)), -1)
        expected = kde.score_samples(images.astype(np.float64))
        assert found[f"{name}/log_likelihood_{COUNT}"] == pytest.approx(expected.mean(), abs=1e-3)
        error = expected.std(ddof=1) / np.sqrt(len(images))
        found_error = found[f"{name}/log_likelihood_{COUNT}_standard_error"]
        assert found_error == pytest.approx(error, rel=1e-3)
    assert set(found) == {
        *(f"{name}/log_likelihood_{COUNT}" for name in ("validation", "test")),
        *(f"{name}/log_likelihood_{COUNT}_standard_error" for name in ("validation", "test")),
        f"test/parzen_sigma_{COUNT}",
        f"test/parzen_error_{COUNT}",
    }
    assert all(type(value) is float for value in found.values())


def test_sigma_is_the_best_on_validation_images(method, data, whole):
    sigma = whole[f"test/parzen_sigma_{COUNT}"]
    samples = _samples(method, COUNT).reshape(COUNT, -1).astype(np.float64)
    images = data.validation.intensities().reshape(len(data.validation), -1).astype(np.float64)

    def score(sigma):
        return KernelDensity(bandwidth=sigma, leaf_size=COUNT).fit(samples).score(images)

    assert score(sigma) > max(score(0.98 * sigma), score(1.02 * sigma))


def test_the_choice_of_sigma_never_sees_test_images(method, data, whole):
    other = dataclasses.replace(data, test=Split(255 - data.test.images))
    one, two = whole, _evaluate(method, other)
    by_validation = [name for name in one if name.startswith("validation/") or "sigma" in name]
    assert len(by_validation) == 3
    # Those of validation images are taken with the test ones in a matrix product.
    assert {n: one[n] for n in by_validation} == pytest.approx({n: two[n] for n in by_validation})
    assert one[f"test/parzen_sigma_{COUNT}"] == two[f"test/parzen_sigma_{COUNT}"]
    name = f"test/log_likelihood_{COUNT}"
    assert one[name] != pytest.approx(two[name], abs=0.5)
    other = dataclasses.replace(data, validation=Split(255 - data.validation.images))
    third = _evaluate(method, other)
    assert third[f"test/parzen_sigma_{COUNT}"] != one[f"test/parzen_sigma_{COUNT}"]


def test_without_test_images_all_validation_images_are_scored(method, data, whole, monkeypatch):
    likelihood = LogLikelihood(method, without_test(data), ROOT)
    assert len(data.validation) > 20
    assert likelihood.of_validation(COUNT) == pytest.approx(
        whole[f"validation/log_likelihood_{COUNT}"], abs=1e-4
    )
    # Sigma is still by some of them, and the mean over all.
    monkeypatch.setattr(log_likelihood, "VALIDATION_IMAGES", 20)
    likelihood = LogLikelihood(method, without_test(data), ROOT)
    sigma = likelihood._best_sigma(COUNT)
    assert sigma != pytest.approx(whole[f"test/parzen_sigma_{COUNT}"], rel=1e-3)
    samples = _samples(method, COUNT).reshape(COUNT, -1).astype(np.float64)
    kde = KernelDensity(bandwidth=sigma, leaf_size=COUNT).fit(samples)
    images = data.validation.intensities().reshape(len(data.validation), -1)
    expected = kde.score_samples(images.astype(np.float64)).mean()
    assert likelihood.of_validation(COUNT) == pytest.approx(expected, abs=1e-3)


def test_sigma_is_chosen_for_each_number_of_samples(method, data):
    few, many = (_evaluate(method, data, count) for count in (20, 400))
    assert few["test/parzen_sigma_20"] != many["test/parzen_sigma_400"]


def test_error_against_float64_is_small(method, data, whole, monkeypatch):
    name = f"test/parzen_error_{COUNT}"
    assert 0 < whole[name] < 1e-3
    real = ParzenWindow.log_densities

    def off(self, sums):
        return real(self, sums) + 0.25 * (len(self.sigmas) == 1)

    monkeypatch.setattr(ParzenWindow, "log_densities", off)
    assert _evaluate(method, data)[name] == pytest.approx(0.25, abs=1e-3)


@pytest.mark.slow
def test_a_sample_is_a_function_of_seed_and_number(method):
    source = ModelSamples(method, ROOT)
    first, third = source.chunk(0), source.chunk(2)
    np.testing.assert_array_equal(source.chunk(0), first)
    np.testing.assert_array_equal(ModelSamples(method, ROOT).chunk(2), third)
    assert np.abs(first.numpy() - third.numpy()).max() > 1e-3
    assert np.abs(_samples(method, CHUNK, seeds.root(1)) - first.numpy()).max() > 1e-3
    assert first.shape == (CHUNK, 8, 8, 1)


def test_samples_are_decoded_draws_of_the_prior(method):
    codes = method.draw(seeds.fold(ROOT, 1), CHUNK)["codes"]
    np.testing.assert_allclose(ModelSamples(method, ROOT).chunk(1), method.decode(codes), atol=1e-6)
    samples = method.sample(seeds.fold(ROOT, 1), CHUNK)["images"]
    np.testing.assert_allclose(ModelSamples(method, ROOT).chunk(1), samples, atol=1e-6)


def test_standardised_samples_are_mapped_back_and_lie_within_0_and_1(data):
    method = _method(standardize=True, output_activation="linear")
    method.adapt(data.train.images)
    bias = method.decoder.pixels.bias
    bias.assign(np.linspace(-9, 9, 64))
    drawn = method.draw(seeds.fold(ROOT, 0), CHUNK)
    raw = method.decoder(drawn["codes"]).numpy()
    deviation, mean = (
        getattr(method.networks["standardizer"], name).numpy() for name in ("deviation", "mean")
    )
    assert raw.min() < -5 and raw.max() > 5
    found = ModelSamples(method, ROOT).chunk(0).numpy()
    np.testing.assert_allclose(found, np.clip(raw * deviation + mean, 0, 1), atol=1e-5)
    assert found.min() == 0 and found.max() == 1
    result = _evaluate(method, data)
    assert all(np.isfinite(value) for value in result.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": "gaussian", "xla": True},
        {"experiment": "semi_supervised"},
        {"experiment": "style"},
        {"experiment": "label_mixture", "prior_components": 3},
        {"experiment": "gaussian", "network": "conv"},
        {"experiment": "gaussian", "precision": "mixed_bfloat16"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_kind_of_method_has_a_log_likelihood(changes):
    method = tiny.method(likelihood_samples="60,110", **{"xla": False, **changes})
    found = Evaluator(method, ROOT, tiny.data()).log_likelihood()
    assert {"test/log_likelihood_60", "test/log_likelihood_110"} <= set(found)
    assert all(np.isfinite(value) for value in found.values())
    assert found["test/parzen_error_110"] < 1e-2


def test_without_likelihood_samples_there_is_none(data):
    assert Evaluator(tiny.method(), ROOT, data).log_likelihood() == {}


@pytest.mark.parametrize(
    "chunks, how", [(0, _Stop), (4, KeyboardInterrupt), (5, _Stop), (7, _Stop)]
)
def test_resumed_equals_undisturbed_to_the_bit(
    method, data, whole, tmp_path, monkeypatch, chunks, how
):
    _stopped_after(chunks, monkeypatch, method, data, tmp_path, how)
    drawn, real = [], ModelSamples.chunk
    with monkeypatch.context() as patch:
        patch.setattr(ModelSamples, "chunk", lambda s, n: drawn.append(n) or real(s, n))
        assert _evaluate(method, data, folder=tmp_path) == whole
    # Five chunks a pass; those done before aren't drawn again, but for the check in float64.
    assert len(drawn) == 10 - chunks + 5


def test_a_finished_evaluation_is_not_repeated(method, data, tmp_path, monkeypatch):
    first = _evaluate(method, data, folder=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ParzenWindow, "add", None)
        patch.setattr(log_likelihood, "error_of_float32", lambda *rest: 0.0)
        again = _evaluate(method, data, folder=tmp_path)
    assert again == {**first, f"test/parzen_error_{COUNT}": 0.0}


def test_sums_are_written_every_so_many_minutes(data, tmp_path, monkeypatch):
    method = _method(checkpoint_minutes=1e-9)
    written, real = [], log_likelihood.PartialSums.write
    monkeypatch.setattr(
        log_likelihood.PartialSums,
        "write",
        lambda self, sums: written.append(sums.count) or real(self, sums),
    )
    _evaluate(method, data, folder=tmp_path)
    one_pass = [50, 100, 150, 200, 230, 230]
    assert written == one_pass * 2


@pytest.mark.slow
def test_sums_of_something_else_are_left_alone(method, data, tmp_path, monkeypatch):
    def with_other_weights():
        other = _method()
        bias = other.decoder.pixels.bias
        bias.assign(bias + 1.0)
        return other

    others = {
        "weights": with_other_weights,
        "settings": lambda: _method(prior_scale=2.0),
    }
    for name, make in others.items():
        _stopped_after(3, monkeypatch, method, data, tmp_path / name)
        other = make()
        assert _evaluate(other, data, folder=tmp_path / name) == _evaluate(other, data)
    _stopped_after(3, monkeypatch, method, data, tmp_path / "seed")
    seed = seeds.root(7)
    assert _evaluate(method, data, folder=tmp_path / "seed", seed=seed) == _evaluate(
        method, data, seed=seed
    )
    _stopped_after(7, monkeypatch, method, data, tmp_path / "images")
    changed = dataclasses.replace(data, test=Split(255 - data.test.images))
    assert _evaluate(method, changed, folder=tmp_path / "images") == _evaluate(method, changed)


@pytest.mark.parametrize("content", [b"some text", "cut", "pickle"])
def test_broken_files_of_sums_are_replaced(method, data, whole, tmp_path, monkeypatch, content):
    _stopped_after(7, monkeypatch, method, data, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"{COUNT}_choice_0.npz", f"{COUNT}_score.npz"]
    for file in files:
        if content == "pickle":
            with open(file, "wb") as opened:
                np.savez(opened, identity=np.array([{}], object), count=1)
        else:
            file.write_bytes(file.read_bytes()[:-300] if content == "cut" else content)
    assert _evaluate(method, data, folder=tmp_path) == whole
    assert not list(tmp_path.glob("*.tmp"))


def test_the_file_of_sums_does_not_grow_with_the_samples(method, data, tmp_path):
    sizes = []
    for count in (60, 600):
        _evaluate(method, data, count, tmp_path / str(count))
        sizes.append(sum(file.stat().st_size for file in (tmp_path / str(count)).iterdir()))
    assert abs(sizes[0] - sizes[1]) < 50


def test_a_sigma_that_no_grid_holds_is_noted(method, data, caplog, monkeypatch):
    """A model that gives back the validation images: no sigma is too small for it."""
    copies = tf.constant(np.resize(data.validation.intensities(), (CHUNK, 8, 8, 1)))
    monkeypatch.setattr(ModelSamples, "chunk", lambda self, number: copies)
    found = _evaluate(method, data)
    assert "no sigma is best on validation images" in caplog.text
    assert found[f"test/parzen_sigma_{COUNT}"] < 1e-3
    assert all(np.isfinite(value) for value in found.values())
