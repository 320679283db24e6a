"""The model card: what a version was trained on, the model's name by it, and its classes."""

import json

import pytest

from aae_tf.errors import SettingsError
from aae_tf.experiments import settings_of
from aae_tf.results import model_card
from aae_tf.settings import override


@pytest.mark.parametrize(
    "dataset, expected",
    [
        ("mnist", "gaussian"),
        ("fashion_mnist", "gaussian_fashion_mnist"),
        ("~/my data/faces (2).npz", "gaussian_faces_2_"),
        ("pictures/", "gaussian_pictures"),
    ],
)
def test_a_model_of_other_data_than_the_experiments_own_has_their_name(dataset, expected):
    settings = override(settings_of("gaussian"), {"dataset": dataset})
    assert model_card.name_for(settings) == expected


def _version(model, number, **data):
    extra = model / str(number) / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "model_card.json").write_text(json.dumps({"data": data}))


def test_a_version_on_other_data_is_refused_and_told_of_what_the_newest_is(tmp_path):
    model, mine = tmp_path / "mine", {"name": "a/bars.npz", "image_shape": [8, 8, 1]}
    model_card.check_same_data(model, mine)  # there is none
    _version(model, 9, name="old.npz", image_shape=[28, 28, 1])
    _version(model, 10, name="bars.npz", image_shape=[8, 8, 1])
    model_card.check_same_data(model, mine)
    for other in ({"name": "stripes.npz"}, {"image_shape": [8, 8, 3]}):
        with pytest.raises(SettingsError, match="another name, as version 10 was trained on bars"):
            model_card.check_same_data(model, mine | other)


def test_a_version_on_other_classes_is_refused_and_one_on_more_examples_is_noted(tmp_path, caplog):
    model, shape = tmp_path / "mine", {"name": "shapes", "image_shape": [8, 8, 1]}
    _version(model, 1, **shape, class_names=["circle", "square"], sha256_of_train="a")
    with pytest.raises(SettingsError, match="trained on the classes circle, square, not a, b"):
        model_card.check_same_data(model, shape | {"class_names": ["a", "b"]})
    with caplog.at_level("INFO"):
        same = shape | {"class_names": ["circle", "square"]}
        model_card.check_same_data(model, same | {"sha256_of_train": "a"})
        assert caplog.text == ""
        model_card.check_same_data(model, same | {"sha256_of_train": "b"})
    assert "note: version 1 of mine was trained on other examples" in caplog.text


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": 3}', '{"data": {"name": "x"}}'])
def test_a_card_that_says_nothing_of_data_forbids_nothing(tmp_path, content):
    _version(tmp_path, 1)
    (tmp_path / "1" / "assets.extra" / "model_card.json").write_text(content)
    model_card.check_same_data(tmp_path, {"name": "bars", "image_shape": [8, 8, 1]})
    assert model_card.read_card(tmp_path / "1") is None


def test_data_given_in_python_are_shown_by_their_argument():
    data = {"name": "__python__:x", "image_shape": [13], "licence": "not known"}
    assert model_card.about_data({"data": data}) == "x, given in Python, 13"
    card = dict.fromkeys(("experiment", "reproduces", "sampler"), "a")
    card |= {"data": data, "provenance": {}, "metrics": {}, "signatures": {}, "limits": []}
    settings = {"recipe": "modern", "seed": 1, "epochs": 2, "latent_dim": 2}
    settings |= {"dataset": "__python__:x", "encoder_network": "__python__:encoder"}
    page = model_card.markdown({**card, "settings": settings})
    assert "`x, given in Python`: features 13" in page and "__python__" not in page
    assert "--encoder_network=encoder, given in Python" in page


def test_class_names_are_those_of_models_that_learned_from_labels():
    data = {"name": "pets", "image_shape": [8, 8, 3], "class_names": ["cat", "dog"]}
    for labels, expected in (("all", ["cat", "dog"]), (30, ["cat", "dog"]), ("0", [])):
        card = {"data": data, "settings": {"num_labels": labels}}
        assert model_card.class_names(card) == expected
    assert model_card.class_names({"data": data, "settings": {}}) == []
