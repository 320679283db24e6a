"""A served model refuses wrong inputs with words, in the graph itself."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

IMAGES = tiny.split(3).intensities()
CODES, STYLES = np.zeros((3, 2), np.float32), np.zeros((3, 4), np.float32)


def _with(array, value):
    changed = array.copy()
    changed.flat[5] = value
    return changed


RANGE, COUNT, LABELS = "values from 0 to 1", "from 0 to 10000", "labels from 0 to 2"
SEED = {"seed": [1, 2]}
BAD = {
    "an image above 1": ("encode", {"images": _with(IMAGES, 1.01)}, RANGE),
    "an image below 0": ("reconstruct", {"images": _with(IMAGES, -0.5)}, RANGE),
    "an image of bytes": ("encode", {"images": 255 * IMAGES}, RANGE),
    "NaN in an image": ("encode", {"images": _with(IMAGES, np.nan)}, "images: expected"),
    "NaN in a code": ("decode", {"codes": _with(CODES, np.nan)}, "codes: expected finite"),
    "infinity in a code": ("decode", {"codes": _with(CODES, np.inf)}, "codes: expected"),
    "a negative count": ("sample", {**SEED, "count": -1}, COUNT),
    "a huge count": ("sample", {**SEED, "count": 2**31 - 1}, COUNT),
    "a label too large": ("generate", {"labels": [0, 1, 3], "styles": STYLES}, LABELS),
    "a negative label": ("generate", {"labels": [0, -1, 1], "styles": STYLES}, LABELS),
    "too few labels": ("generate", {"labels": [0], "styles": STYLES}, "as many labels as styles"),
    "NaN in a style": (
        "generate",
        {"labels": [0, 1, 2], "styles": _with(STYLES, np.nan)},
        "styles: expected finite",
    ),
    "too many labels for the images": (
        "reconstruct_labelled",
        {"images": IMAGES, "labels": [0, 1, 2, 0]},
        "as many labels as images",
    ),
    "a label too large for an image": (
        "reconstruct_labelled",
        {"images": IMAGES, "labels": [0, 1, 3]},
        LABELS,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_wrong_input_is_refused_with_words(loaded, case):
    name, inputs, words = BAD[case]
    signature = loaded("style" if "labels" in inputs else "gaussian").signatures[name]
    dtypes = {"labels": tf.int64}
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        signature(**{key: tf.constant(value, dtypes.get(key)) for key, value in inputs.items()})
    assert words in str(refused.value)


def test_edges_of_what_is_allowed_are_answered(loaded):
    model = loaded("gaussian")
    edges = np.stack([np.zeros_like(IMAGES[0]), np.ones_like(IMAGES[0])])
    assert np.isfinite(model.signatures["encode"](images=tf.constant(edges))["codes"]).all()
    drawn = model.signatures["sample"](seed=tf.constant([0, 0]), count=tf.constant(10_000))
    assert drawn["images"].shape == (10_000, 8, 8, 1)
    none = model.signatures["sample"](seed=tf.constant([0, 0]), count=tf.constant(0))
    assert none["codes"].shape == (0, 2)
