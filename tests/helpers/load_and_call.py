"""Loads a SavedModel with tensorflow alone: `load_and_call.py MODEL INPUTS.npz OUTPUTS.npz`."""

import sys

BARRED = ("aae_tf", "keras", "tf_keras", "tensorflow_probability")
sys.modules.update(dict.fromkeys(BARRED))  # importing one of them now raises ImportError

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def main(folder, inputs, outputs):
    model = tf.saved_model.load(folder)
    given, actual = np.load(inputs), {}
    for key in given.files:
        name, argument, case = key.split("/")
        if name == "sample":
            *seed, count = given[key].tolist()
            answer = model.signatures[name](seed=tf.constant(seed), count=tf.constant(count))
        else:
            answer = model.signatures[name](**{argument: tf.constant(given[key])})
        for output, tensor in answer.items():
            actual[f"{name}/{output}/{case}"] = tensor.numpy()
    np.savez(outputs, **actual)
    print("imported:", [name for name in BARRED if sys.modules[name] is not None])


if __name__ == "__main__":
    main(*sys.argv[1:])
