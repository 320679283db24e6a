"""A served model refuses wrong inputs with words, in the graph itself."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import serving

IMAGES = tiny.split(3).intensities()
CODES = np.zeros((3, 4), np.float32)


def _with(array, value):
    changed = array.copy()
    changed.flat[5] = value
    return changed


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    method = tiny.method(experiment="style", latent_dim=4)
    plain = tiny.method(latent_dim=4)
    folder = tmp_path_factory.mktemp("models")
    return {
        "style": tf.saved_model.load(str(serving.export(method, folder / "style"))),
        "plain": tf.saved_model.load(str(serving.export(plain, folder / "gaussian"))),
    }


BAD = {
    "an image above 1": ("plain", "encode", {"images": _with(IMAGES, 1.01)}, "values from 0 to 1"),
    "an image below 0": ("plain", "reconstruct", {"images": _with(IMAGES, -0.5)}, "from 0 to 1"),
    "an image of bytes": ("plain", "encode", {"images": 255 * IMAGES}, "values from 0 to 1"),
    "NaN in an image": ("plain", "encode", {"images": _with(IMAGES, np.nan)}, "images: expected"),
    "NaN in a code": ("plain", "decode", {"codes": _with(CODES, np.nan)}, "codes: expected finite"),
    "infinity in a code": ("plain", "decode", {"codes": _with(CODES, np.inf)}, "codes: expected"),
    "a negative count": ("plain", "sample", {"seed": [1, 2], "count": -1}, "from 0 to 10000"),
    "a huge count": ("plain", "sample", {"seed": [1, 2], "count": 2**31 - 1}, "from 0 to 10000"),
    "a label too large": (
        "style",
        "generate",
        {"labels": np.int64([0, 1, 3]), "styles": CODES},
        "labels from 0 to 2",
    ),
    "a negative label": (
        "style",
        "generate",
        {"labels": np.int64([0, -1, 1]), "styles": CODES},
        "labels from 0 to 2",
    ),
    "too few labels": (
        "style",
        "generate",
        {"labels": np.int64([0]), "styles": CODES},
        "as many labels as styles",
    ),
    "NaN in a style": (
        "style",
        "generate",
        {"labels": np.int64([0, 1, 2]), "styles": _with(CODES, np.nan)},
        "styles: expected finite",
    ),
    "too many labels for the images": (
        "style",
        "reconstruct_labelled",
        {"images": IMAGES, "labels": np.int64([0, 1, 2, 0])},
        "as many labels as images",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_input_is_refused_with_words(loaded, case):
    model, signature, inputs, words = BAD[case]
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        loaded[model].signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    assert words in str(refused.value)


def test_edges_of_what_is_allowed_are_answered(loaded):
    model = loaded["plain"]
    edges = np.stack([np.zeros_like(IMAGES[0]), np.ones_like(IMAGES[0])])
    assert np.isfinite(model.signatures["encode"](images=tf.constant(edges))["codes"]).all()
    drawn = model.signatures["sample"](seed=tf.constant([0, 0]), count=tf.constant(10_000))
    assert drawn["images"].shape == (10_000, 8, 8, 1)
    none = model.signatures["sample"](seed=tf.constant([0, 0]), count=tf.constant(0))
    assert none["codes"].shape == (0, 4)
