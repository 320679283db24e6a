"""A method's networks behind named signatures."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from aae_tf.methods import Method
from aae_tf.priors.distributions import UserPrior
from aae_tf.serving import checks, encoded_images

BYTES = "_bytes"  # ends the name of a signature whose images are encoded pictures


class ServingModule(tf.Module):
    """A method's networks behind named signatures, for any batch size from 0 up.

    All real tensors are float32; images `(n, height, width, channels)` are in 0..1 and codes
    `(n, latent_dim)`. Labels and classes are int64 `(n,)`. What is out of range is refused. Each
    signature that takes images has a twin that takes encoded PNG or JPEG pictures, `(n,)` strings.
    """

    def __init__(self, method: Method):
        super().__init__(name="aae_tf")
        self._method = method
        self.weights: list[tf.Variable] = []
        self._images = tf.TensorSpec([None, *method.image_shape], tf.float32, "images")
        # A name that ends in _bytes has REST clients send {"b64": "..."}.
        self._encoded = tf.TensorSpec([None], tf.string, "image_bytes")
        self._codes = tf.TensorSpec([None, method.latent_dim], tf.float32, "codes")
        self._styles = tf.TensorSpec([None, method.latent_dim], tf.float32, "styles")
        self._labels = tf.TensorSpec([None], tf.int64, "labels")

    def keep_weights_of(self, functions: Iterable[tf.types.experimental.ConcreteFunction]) -> None:
        """Has the weights that these functions read saved with the module, and no others.

        tf.Module would not find what Keras 3 models hold, and a discriminator is for training only.
        """
        read = (weight for function in functions for weight in function.graph.variables)
        self.weights = list({id(weight): weight for weight in read}.values())

    def encode(self, images):
        images = self._wide(checks.check_images(images))
        if hasattr(self._method, "encode_both"):
            probabilities, codes = self._method.encode_both(images)
            return _narrow({"codes": codes, "probabilities": probabilities})
        return _narrow({"codes": self._method.encode(images)})

    def decode(self, codes):
        return _narrow({"images": self._method.decode(self._wide(checks.check_codes(codes)))})

    def generate(self, labels, styles):
        categories, dtype = self._method.num_categories, self._method.dtype
        labels = checks.check_labels(labels, categories, styles, "styles")
        styles = self._wide(checks.check_codes(styles, "styles"))
        one_hot = tf.one_hot(labels, categories, dtype=dtype)
        return _narrow({"images": self._method.decode(styles, one_hot)})

    def classify(self, images):
        probabilities = self._method.classify(self._wide(checks.check_images(images)))
        classes = tf.argmax(probabilities, -1, tf.int64)
        return {"classes": classes, **_narrow({"probabilities": probabilities})}

    def embed(self, images):
        embeddings = self._method.embed(self._wide(checks.check_images(images)))
        found = {"embeddings": embeddings}
        if self._method.latent_dim > 2:
            found["plane"] = self._method.project(embeddings)
        return _narrow(found)

    def reconstruct(self, images):
        rebuilt = self._method.reconstruct(self._wide(checks.check_images(images)))
        return _narrow({"images": rebuilt})

    def reconstruct_labelled(self, images, labels):
        labels = checks.check_labels(labels, self._method.num_categories, images, "images")
        rebuilt = self._method.reconstruct(self._wide(checks.check_images(images)), labels)
        return _narrow({"images": rebuilt})

    def sample(self, seed, count):
        return _narrow(self._method.sample(seed, checks.check_count(count)))

    def signature(self, name: str) -> tf.types.experimental.ConcreteFunction:
        """The concrete function of that name, which may be a twin's."""
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
        of_images, inputs = getattr(self, name.removesuffix(BYTES)), specs[name.removesuffix(BYTES)]
        if name.endswith(BYTES):
            inputs = (self._encoded, *inputs[1:])

        def answer(*given):
            # A server feeds what it was sent: a signature's own shapes are no check.
            first, *others = map(tf.ensure_shape, given, [spec.shape for spec in inputs])
            if name.endswith(BYTES):
                first = encoded_images.decode_images(first, self._method.image_shape)
            return of_images(first, *others)

        return tf.function(answer).get_concrete_function(*inputs)

    def _wide(self, tensor):
        return tf.cast(tensor, self._method.dtype)


def _narrow(outputs):
    """Real outputs as float32, whatever the precision of training; integers as they are."""
    return {
        name: tf.cast(value, tf.float32) if value.dtype.is_floating else value
        for name, value in outputs.items()
    }


TAKE_IMAGES = ("encode", "classify", "embed", "reconstruct", "reconstruct_labelled")


def servable_signatures(method: Method) -> tuple[str, ...]:
    """The method's signatures with their twins.

    Without 'sample' if the prior can't be put into a graph, and without twins if images have
    another number of channels than a picture's 1 or 3.
    """
    names = method.signatures
    if isinstance(method.prior, UserPrior) and not method.prior.exportable:
        names = tuple(name for name in names if name != "sample")
    if method.image_shape[2] not in (1, 3):
        return names
    return names + tuple(name + BYTES for name in names if name in TAKE_IMAGES)
