"""SavedModels that load with tensorflow alone, under a version number that counts up."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import tensorflow as tf

from aae_tf.methods import Method
from aae_tf.priors import UserPrior
from aae_tf.serving import held_out


class ServingModule(tf.Module):
    """A method's networks behind named signatures, for any batch size from 0 up.

    All real tensors are float32; images `(n, height, width, channels)` are in 0..1 and codes
    `(n, latent_dim)`. Labels and classes are int64 `(n,)`; a label out of range is refused.
    """

    def __init__(self, method: Method):
        super().__init__(name="aae_tf")
        self._method = method
        # tf.Module would not find what Keras 3 models hold, so the weights are named here.
        self.weights = [v.value for net in method.networks.values() for v in net.variables]
        self._images = tf.TensorSpec([None, *method.image_shape], tf.float32, "images")
        self._codes = tf.TensorSpec([None, method.latent_dim], tf.float32, "codes")
        self._styles = tf.TensorSpec([None, method.latent_dim], tf.float32, "styles")
        self._labels = tf.TensorSpec([None], tf.int64, "labels")

    def encode(self, images):
        images = self._wide(images)
        if hasattr(self._method, "encode_both"):
            probabilities, codes = self._method.encode_both(images)
            return _narrow({"codes": codes, "probabilities": probabilities})
        return _narrow({"codes": self._method.encode(images)})

    def decode(self, codes):
        return _narrow({"images": self._method.decode(self._wide(codes))})

    def generate(self, labels, styles):
        with tf.control_dependencies(self._checks(labels, styles, "styles")):
            one_hot = tf.one_hot(labels, self._method.num_categories, dtype=self._method.dtype)
        return _narrow({"images": self._method.decode(self._wide(styles), one_hot)})

    def classify(self, images):
        probabilities = self._method.classify(self._wide(images))
        classes = tf.argmax(probabilities, -1, tf.int64)
        return {"classes": classes, **_narrow({"probabilities": probabilities})}

    def embed(self, images):
        embeddings = self._method.embed(self._wide(images))
        found = {"embeddings": embeddings}
        if self._method.latent_dim > 2:
            found["plane"] = self._method.project(embeddings)
        return _narrow(found)

    def reconstruct(self, images):
        return _narrow({"images": self._method.reconstruct(self._wide(images))})

    def reconstruct_labelled(self, images, labels):
        with tf.control_dependencies(self._checks(labels, images, "images")):
            checked = tf.identity(labels)
        rebuilt = self._method.reconstruct(self._wide(images), checked)
        return _narrow({"images": rebuilt})

    def sample(self, seed, count):
        return _narrow(self._method.sample(seed, count))

    def signature(self, name: str) -> tf.types.experimental.ConcreteFunction:
        """The concrete function of that name."""
        specs = {
            "encode": (self._images,),
            "decode": (self._codes,),
            "generate": (self._labels, self._styles),
            "classify": (self._images,),
            "embed": (self._images,),
            "reconstruct": (self._images,),
            "reconstruct_labelled": (self._images, self._labels),
            "sample": (
                tf.TensorSpec([2], tf.int32, "seed"),
                tf.TensorSpec([], tf.int32, "count"),
            ),
        }
        return tf.function(getattr(self, name)).get_concrete_function(*specs[name])

    def _checks(self, labels, beside, name):
        """Operations that refuse labels out of range, or another number than of what is beside."""
        categories = self._method.num_categories
        expected = f"expected labels from 0 to {categories - 1}"
        return (
            tf.debugging.assert_non_negative(labels, expected),
            tf.debugging.assert_less(labels, tf.constant(categories, tf.int64), expected),
            tf.debugging.assert_equal(
                tf.shape(labels)[0], tf.shape(beside)[0], f"expected as many labels as {name}"
            ),
        )

    def _wide(self, tensor):
        return tf.cast(tensor, self._method.dtype)


def _narrow(outputs):
    """Real outputs as float32, whatever the precision of training; integers as they are."""
    return {
        name: tf.cast(value, tf.float32) if value.dtype.is_floating else value
        for name, value in outputs.items()
    }


def servable_signatures(method: Method) -> tuple[str, ...]:
    """The method's signatures, without 'sample' if the prior can't be put into a graph."""
    if isinstance(method.prior, UserPrior) and not method.prior.exportable:
        return tuple(name for name in method.signatures if name != "sample")
    return method.signatures


def export(
    method: Method, folder: pathlib.Path, codes: dict[str, Any] | None = None
) -> pathlib.Path:
    """Writes a SavedModel as the next version, complete or not at all.

    Args:
      method: made outside any strategy's scope.
      folder: of the model; versions 1, 2, ... lie in it, as TF Serving expects.
      codes: of held-out images, to lie beside it (see `held_out.describe`).

    Returns:
      The version's folder.
    """
    module = ServingModule(method)
    signatures = {name: module.signature(name) for name in servable_signatures(method)}
    signatures["serving_default"] = signatures[method.default_signature]
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".unfinished-*"):
        if not _is_running(int(left_over.name.partition("-")[2])):
            shutil.rmtree(left_over, ignore_errors=True)
    # TF Serving looks only at numbers, so it never sees the unfinished one.
    aside = folder / f".unfinished-{os.getpid()}"
    try:
        tf.saved_model.save(module, str(aside), signatures=signatures)
        if codes is not None:
            held_out.write(aside, codes)
        while True:
            version = folder / str(_next_version(folder))
            try:
                os.rename(aside, version)
                return version
            except OSError:
                if not version.exists():
                    raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, but is another user's
        pass
    return True


def _next_version(folder: pathlib.Path) -> int:
    versions = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
    return max(versions, default=0) + 1
