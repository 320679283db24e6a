"""A fitted model answers in numpy, whatever the batch size; misuse is named in a line."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

import aae_tf
from aae_tf.errors import UserError

X = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
SMALL = {
    "encoder_units": (8,),
    "decoder_units": [8],
    "discriminator_units": (8,),
    "batch_size": 25,
    "xla": False,
    "epochs": 2,
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    model = aae_tf.AAE(**SMALL)
    model.fit(X, run_dir=tmp_path_factory.mktemp("models") / "run", verbose=0)
    return model


@pytest.mark.parametrize("count", [0, 1, 7, 90])
def test_any_number_of_examples_goes_in_and_numpy_comes_out(fitted, count):
    codes = fitted.encode(X[:count])
    assert codes.shape == (count, 2) and codes.dtype == np.float32
    if count:
        assert fitted.decode(codes).shape == fitted.reconstruct(X[:count]).shape == (count, 5)
        np.testing.assert_allclose(fitted.decode(codes), fitted.reconstruct(X[:count]), atol=1e-6)


def test_samples_are_a_function_of_the_seed_and_those_that_are_served(fitted, tmp_path):
    assert (fitted.sample(4, seed=1) == fitted.sample(4, seed=1)).all()
    assert not (fitted.sample(4, seed=1) == fitted.sample(4, seed=2)).all()
    served = tf.saved_model.load(str(fitted.export(tmp_path / "mine")))
    answer = served.signatures["sample"](count=tf.constant(4), seed=tf.constant([1, 0]))
    np.testing.assert_allclose(answer["features"], fitted.sample(4, seed=1), atol=1e-6)


def test_scores_are_higher_for_what_is_usual_and_those_that_are_served(fitted, tmp_path):
    rebuilt = fitted.reconstruct(X)
    expected = -0.5 * ((X - rebuilt) ** 2).sum(1)
    np.testing.assert_allclose(fitted.score_samples(X), expected, rtol=1e-4)
    codes = fitted.encode(X)
    density = -0.5 * (codes**2).sum(1) - np.log(2 * np.pi)
    np.testing.assert_allclose(fitted.score_samples(X, "prior_log_density"), density, rtol=1e-4)
    served = tf.saved_model.load(str(fitted.export(tmp_path / "mine")))
    answer = served.signatures["score"](features=tf.constant(X))
    np.testing.assert_allclose(-answer["reconstruction_error"], expected, rtol=1e-4)
    logits = fitted.score_samples(X, "discriminator_logit")
    np.testing.assert_allclose(answer["discriminator_logit"], logits, rtol=1e-4, atol=1e-5)
    nearest = fitted.score_samples(X, "nearest_code")
    assert (nearest <= 0).all() and (nearest > -1e-6).sum() >= 60  # those of training examples
    far = fitted.score_samples(X + 100)
    assert far.max() < fitted.score_samples(X).min()


def test_metrics_are_those_of_the_last_epoch(fitted, tmp_path):
    rows = (fitted.run_dir / "metrics.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    validation = fitted._data.validation.images
    found = fitted.evaluate(validation)
    for name, value in found.items():
        np.testing.assert_allclose(
            value, float(last[f"validation/{name}"]), rtol=1e-5, err_msg=name
        )


def test_a_loaded_model_is_the_same(fitted):
    again = aae_tf.load(fitted.run_dir)
    assert type(again) is aae_tf.AAE
    assert again.settings == fitted.settings
    assert (again.encode(X) == fitted.encode(X)).all()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m: m.encode(X[:, :4]), r"x: shape \(90, 4\), expected \(n, 5\)"),
        (lambda m: m.encode([["a"] * 5]), "x: dtype"),
        (lambda m: m.encode(np.array([[None] * 5])), "x: dtype object"),
        (lambda m: m.encode(np.full((3, 5), np.nan)), "row 0, column 0"),
        (lambda m: m.decode(X), r"codes: shape \(90, 5\), expected \(n, 2\)"),
        (lambda m: m.decode(X[:, :2], np.zeros(90, int)), "labels: some, expected none"),
        (lambda m: m.sample(-1), "n: -1"),
        (lambda m: m.score_samples(X, "likelihood"), "score: 'likelihood', expected one of"),
        (lambda m: m.evaluate(X, [0, 1]), r"y: shape \(2,\), expected \(90,\)"),
    ],
)
def test_what_cannot_be_used_is_named_in_a_line(fitted, ask, said):
    with pytest.raises(UserError, match=said) as caught:
        ask(fitted)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.encode(X),
        lambda m: m.decode(X[:, :2]),
        lambda m: m.sample(1),
        lambda m: m.score_samples(X),
        lambda m: m.export("models"),
    ],
)
def test_a_model_that_is_not_fitted_says_so(ask):
    with pytest.raises(ValueError, match=r"isn't fitted; expected fit\(\) first") as caught:
        ask(aae_tf.AAE())
    assert isinstance(caught.value, UserError)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nothing": 2}, "--nothing=2: expected a setting that --experiment=gaussian has$"),
        ({"latentdim": 3}, "a setting that --experiment=gaussian has; did you mean latent_dim?"),
        ({"divergence": "mmd"}, "=mmd: expected a setting that --experiment=gaussian has$"),
        ({"experiment": "wae_mmd"}, "--experiment=wae_mmd: expected one of gaussian"),
        ({"epochs": 0}, "--epochs=0: expected at least 1"),
        ({"epochs": "many"}, "--epochs=many: expected a value of type int"),
        ({"recipe": "best"}, "--recipe=best"),
    ],
)
def test_a_wrong_setting_is_refused_when_the_model_is_made(given, said):
    with pytest.raises(UserError, match=said):
        aae_tf.AAE(**given)


def test_scikit_learn_clones_a_model_unfitted(fitted):
    from sklearn.base import clone

    again = clone(fitted)
    assert again.settings | {"dataset": ""} == aae_tf.AAE(**SMALL).settings | {"dataset": ""}
    assert again.get_params() == fitted.get_params() and again.get_params()["epochs"] == 2
    again.set_params(epochs=3)
    assert again.settings["epochs"] == 3 and again.settings["encoder_units"] == "8"
    loaded = clone(aae_tf.load(fitted.run_dir))
    other = {"recipe": "", "dataset": ""}
    assert loaded.settings | other == fitted.settings | other
    with pytest.raises(ValueError, match=r"isn't fitted"):
        again.encode(X)


def test_a_network_that_fit_trains_is_not_cloned():
    from sklearn.base import clone

    def encoder(latent_dim):
        return keras.Sequential([keras.layers.Dense(latent_dim)])

    assert clone(aae_tf.AAE(encoder=encoder)).get_params()["encoder"] is encoder
    with pytest.raises(UserError, match=r"encoder: a keras.Model, which fit\(\) trains; expected"):
        clone(aae_tf.AAE(encoder=encoder(2)))


def test_a_model_is_the_last_step_of_a_pipeline():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    model = aae_tf.AAE(**SMALL)
    pipeline = make_pipeline(StandardScaler(), model)
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(model)
    pipeline.set_params(aae__epochs=1).fit(X, aae__verbose=0)
    check_is_fitted(pipeline)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_array_equal(pipeline.transform(X), model.encode(scaled))
    np.testing.assert_array_equal(pipeline.score_samples(X), model.score_samples(scaled))
    assert "AAE" in pipeline._repr_html_()


@pytest.mark.parametrize(
    ("kind", "is_a"),
    [("AAE", ""), ("SemiSupervisedAAE", "classifier"), ("ClusteringAAE", "clusterer")],
)
def test_scikit_learn_knows_what_a_model_is(kind, is_a):
    from sklearn import base

    model = getattr(aae_tf, kind)()
    assert base.is_classifier(model) == (is_a == "classifier")
    assert base.is_clusterer(model) == (is_a == "clusterer")
    assert not hasattr(model, "classes_")


def test_codes_are_a_step_before_a_classifier():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(aae_tf.AAE(**SMALL | {"epochs": 1}), LogisticRegression())
    pipeline.fit(X, np.arange(90) % 3, aae__verbose=0)
    assert pipeline.predict(X).shape == (90,) and list(pipeline.classes_) == [0, 1, 2]


def test_a_model_is_pickled_before_it_is_fitted_and_not_after(fitted):
    again = pickle.loads(pickle.dumps(aae_tf.AAE(**SMALL)))
    assert again.settings == aae_tf.AAE(**SMALL).settings
    with pytest.raises(TypeError, match=r"aae_tf.load\(run_dir\)"):
        pickle.dumps(fitted)


def test_another_network_than_the_runs_is_named(tmp_path):
    def encoder(units):
        return keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(2)])

    model = aae_tf.AAE(encoder=encoder(3), **{**SMALL, "epochs": 1, "encoder_units": None})
    model.fit(X, run_dir=tmp_path / "run", verbose=0)
    aae_tf.load(tmp_path / "run", encoder=encoder(3)).encode(X)
    said = r"encoder is another network than the run's: .*\(5, 4\).*, expected .*\(5, 3\)"
    with pytest.raises(UserError, match=said):
        aae_tf.load(tmp_path / "run", encoder=encoder(4)).encode(X)


def test_a_folder_without_a_run_is_not_loaded(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        aae_tf.load(tmp_path)


@pytest.mark.parametrize("place", ["wine", "wine/1"])
def test_an_export_is_told_from_a_run(tmp_path, place):
    (tmp_path / "wine/1").mkdir(parents=True)
    (tmp_path / "wine/1/saved_model.pb").touch()
    said = r"holds an export, no run; .* --mode=predict --model=.*wine.* or tf.saved_model.load"
    with pytest.raises(UserError, match=said):
        aae_tf.load(tmp_path / place)


@pytest.mark.slow
def test_samples_of_a_mixture_are_those_that_are_served(tmp_path):
    small = {k: v for k, v in SMALL.items() if k != "discriminator_units"}
    model = aae_tf.RAE(**small, sampler_components=3)
    model.fit(X, run_dir=tmp_path / "run", verbose=0)
    served = tf.saved_model.load(str(model.export(tmp_path / "mine")))
    answer = served.signatures["sample"](count=tf.constant(4), seed=tf.constant([1, 0]))
    np.testing.assert_allclose(answer["features"], model.sample(4, seed=1), atol=1e-5)
    again = aae_tf.load(tmp_path / "run")
    np.testing.assert_allclose(again.sample(4, seed=1), model.sample(4, seed=1))
    assert aae_tf.RAE(**small, sampler_components=3).fit(X, verbose=0).epoch == [0, 1]
