"""Exports with each kind of signature, with inputs and answers.

The inputs are of each signature, the answers of the Keras models.

`exports.py ROOT` answers with tensorflow alone. Below ROOT lies a folder for each
experiment: `model/1`, `inputs.npz` with names 'signature/argument/case' and, afterwards,
`outputs.npz` with 'signature/output/case'.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf

CASES = {
    "swiss_roll": {},
    "label_mixture": {"prior_components": 3},
    "style": {},
    "dim_reduction": {"num_labels": "30"},
    "vae_gaussian": {},
    "wae_gan": {},
}
SIZES = (1, 4)


def make(root):
    """Exports the experiments of CASES; returns {experiment: its folder}."""
    import tiny

    from aae_tf.serving.export import export_saved_model
    from aae_tf.serving.signatures import ServingModule, servable_signatures

    folders = {}
    for name, changes in CASES.items():
        method, folder = tiny.method(experiment=name, **changes), root / name
        export_saved_model(method, folder / "model")
        of_keras, given = ServingModule(method), {}
        functions = {s: of_keras.signature(s) for s in servable_signatures(method)}
        functions["serving_default"] = functions[method.default_signature]
        for signature, function in functions.items():
            for size in SIZES:
                inputs = _inputs(function, size)
                given |= {f"{signature}/{key}/{size}": value for key, value in inputs.items()}
        np.savez(folder / "inputs.npz", **given)
        np.savez(folder / "expected.npz", **_answers(_caller(functions), given))
        folders[name] = folder
    return folders


def answer(root, load):
    """Writes outputs.npz for every model below root; `load` makes a version's call."""
    for file in sorted(pathlib.Path(root).glob("*/inputs.npz")):
        given = dict(np.load(file, allow_pickle=False))
        actual = _answers(load(file.parent / "model" / "1"), given)
        np.savez(file.with_name("outputs.npz"), **actual)
        print("answered", file.parent.name, len(actual))


def _inputs(signature, size):
    import tiny

    generator = np.random.default_rng(size)
    # A byte string of numpy's drops zeros at its end, which no PNG has: its last is 0x82.
    pictures = [
        tf.io.encode_png(tf.constant(tiny.images(1, seed=number)[0])).numpy()
        for number in range(size)
    ]
    known = {
        "images": generator.random((size, 8, 8, 1), np.float32),
        "labels": np.arange(size, dtype=np.int64) % 3,
        "seed": np.array([3, 4], np.int32),
        "count": np.array(size, np.int32),
        "image_bytes": np.array(pictures, "S"),
    }
    return {
        spec.name: known.get(
            spec.name, generator.normal(size=(size, *spec.shape[1:])).astype(np.float32)
        )
        for spec in signature.structured_input_signature[0]
    }


def _answers(call, given):
    cases, actual = {}, {}
    for key, value in given.items():
        signature, argument, case = key.split("/")
        cases.setdefault((signature, case), {})[argument] = value
    for (signature, case), arguments in cases.items():
        outputs = call(signature, **arguments)
        actual |= {f"{signature}/{output}/{case}": value for output, value in outputs.items()}
    return actual


def _caller(functions):
    """Calls concrete functions by name, with arrays."""

    def call(signature, **arguments):
        tensors = {name: tf.constant(value) for name, value in arguments.items()}
        return {name: v.numpy() for name, v in functions[signature](**tensors).items()}

    return call


def _load(folder):
    model = tf.saved_model.load(str(folder))
    call = _caller(model.signatures)
    call.model = model  # which has to outlive its signatures
    return call


if __name__ == "__main__":
    answer(sys.argv[1], _load)
