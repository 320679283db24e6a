"""SavedModels that load with tensorflow alone, under a version number that counts up."""

from __future__ import annotations

import os
import pathlib
import shutil

import tensorflow as tf

from aae_tf.methods import Method
from aae_tf.priors import UserPrior


class ServingModule(tf.Module):
    """A method's networks behind named signatures, for any batch size from 0 up.

    All tensors are float32 but for the seed and the count; images `(n, height, width, channels)`
    are in 0..1 and codes `(n, latent_dim)`.
    """

    def __init__(self, method: Method):
        super().__init__(name="aae_tf")
        self._method = method
        # tf.Module would not find what Keras 3 models hold, so the weights are named here.
        self.weights = [v.value for net in method.networks.values() for v in net.variables]
        self._images = tf.TensorSpec([None, *method.image_shape], tf.float32, "images")
        self._codes = tf.TensorSpec([None, method.latent_dim], tf.float32, "codes")

    def encode(self, images):
        codes = self._method.encode(tf.cast(images, self._method.dtype))
        return {"codes": tf.cast(codes, tf.float32)}

    def decode(self, codes):
        images = self._method.decode(tf.cast(codes, self._method.dtype))
        return {"images": tf.cast(images, tf.float32)}

    def reconstruct(self, images):
        return self.decode(**self.encode(images))

    def sample(self, seed, count):
        codes = self._method.prior.sample(count, seed=seed)
        codes = tf.cast(tf.reshape(codes, [count, self._method.latent_dim]), tf.float32)
        return {"codes": codes, **self.decode(codes)}

    def signature(self, name: str) -> tf.types.experimental.ConcreteFunction:
        """The concrete function of that name."""
        specs = {
            "encode": (self._images,),
            "decode": (self._codes,),
            "reconstruct": (self._images,),
            "sample": (
                tf.TensorSpec([2], tf.int32, "seed"),
                tf.TensorSpec([], tf.int32, "count"),
            ),
        }
        return tf.function(getattr(self, name)).get_concrete_function(*specs[name])


def servable_signatures(method: Method) -> tuple[str, ...]:
    """The method's signatures, without 'sample' if the prior can't be put into a graph."""
    if isinstance(method.prior, UserPrior) and not method.prior.exportable:
        return tuple(name for name in method.signatures if name != "sample")
    return method.signatures


def export(method: Method, folder: pathlib.Path) -> pathlib.Path:
    """Writes a SavedModel as the next version, complete or not at all.

    Args:
      method: made outside any strategy's scope.
      folder: of the model; versions 1, 2, ... lie in it, as TF Serving expects.

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
