"""A method's networks behind named signatures, which check inputs and decode pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from aae_tf.arrays import is_picture
from aae_tf.data import decoding
from aae_tf.data.images import Framing
from aae_tf.methods import Method
from aae_tf.priors.distributions import UserPrior
from aae_tf.training.variables import network_variables

BYTES = "_bytes"  # ends the name of a signature whose images are encoded pictures
TAKE_IMAGES = ("encode", "classify", "embed", "reconstruct", "reconstruct_labelled", "score")
MOST_SAMPLES = 10_000  # of one request, so that none can use up a server's memory
MARGIN = 1e-6  # for intensities that were divided in another arithmetic
INTENSITIES = np.arange(256).astype(np.float32) / np.float32(255)


class ServingModule(tf.Module):
    """A method's networks behind named signatures, for any batch size from 0 up.

    All real tensors are float32; images `(n, height, width, channels)` are in 0..1, and codes are
    `(n, latent_dim)`. Where the data are features, these are called so and may be any finite
    numbers. Labels and classes are int64 `(n,)`. What is out of range is refused. Each signature
    that takes images has one beside it that takes encoded pictures, strings `(n,)`.

    Args:
      method: whose networks they are.
      framing: how its training images were cropped and resized, if they were.

    Attributes:
      decode_pictures: from encoded pictures to images, as these signatures do, where images have
        1 or 3 channels. It lies in an export beside the signatures.
    """

    def __init__(self, method: Method, framing: Framing | None = None):
        super().__init__(name="aae_tf")
        self._method = method
        shape = method.image_shape
        self._of_pictures = is_picture(shape)
        self._name = "images" if self._of_pictures else "features"
        if self._of_pictures:
            self.decode_pictures = tf.function(
                lambda encoded: decode_images(encoded, shape, framing),
                [tf.TensorSpec([None], tf.string, "image_bytes")],
                autograph=False,
            )
            # One trace for all signatures, where a tf.function would have one more of its own.
            self._decode_once = self.decode_pictures.get_concrete_function()
        self.weights: list[tf.Variable] = []
        self._images = tf.TensorSpec([None, *method.image_shape], tf.float32, self._name)
        # A name that ends in _bytes has REST clients send {"b64": "..."}.
        self._encoded = tf.TensorSpec([None], tf.string, "image_bytes")
        self._codes = tf.TensorSpec([None, method.latent_dim], tf.float32, "codes")
        self._styles = tf.TensorSpec([None, method.latent_dim], tf.float32, "styles")
        self._labels = tf.TensorSpec([None], tf.int64, "labels")

    def keep_weights_of(
        self, functions: Iterable[tf.types.experimental.ConcreteFunction]
    ) -> list[str]:
        """Has the weights that these functions read saved with the module, and no others.

        Returns:
          Their names, in the order in which they are saved.

        tf.Module would not find what Keras 3 models hold, and a label's discriminator, say, is for
        training only.
        """
        read = (weight for function in functions for weight in function.graph.variables)
        different = {id(weight): weight for weight in read}.values()
        # In an order of their own, so that each export of a run has the same files.
        names = {id(v): name for name, v in network_variables(self._method.networks).items()}
        self.weights = sorted(different, key=lambda weight: names.get(id(weight), weight.name))
        return [names.get(id(weight), weight.name) for weight in self.weights]

    def encode(self, images):
        images = self._checked(images)
        if hasattr(self._method, "encode_both"):
            probabilities, codes = self._method.encode_both(images)
            return _as_float32({"codes": codes, "probabilities": probabilities})
        return _as_float32({"codes": self._method.encode(images)})

    def decode(self, codes):
        decoded = self._method.decode(self._as_computed(check_codes(codes)))
        return _as_float32({self._name: decoded})

    def generate(self, labels, styles):
        categories, dtype = self._method.num_categories, self._method.dtype
        labels = check_labels(labels, categories, styles, "styles")
        styles = self._as_computed(check_codes(styles, "styles"))
        one_hot = tf.one_hot(labels, categories, dtype=dtype)
        return _as_float32({self._name: self._method.decode(styles, one_hot)})

    def classify(self, images):
        probabilities = self._method.classify(self._checked(images))
        classes = tf.argmax(probabilities, -1, tf.int64)
        return {"classes": classes, **_as_float32({"probabilities": probabilities})}

    def embed(self, images):
        embeddings = self._method.embed(self._checked(images))
        outputs = {"embeddings": embeddings}
        if self._method.latent_dim > 2:
            outputs["plane"] = self._method.project(embeddings)
        return _as_float32(outputs)

    def reconstruct(self, images):
        return _as_float32({self._name: self._method.reconstruct(self._checked(images))})

    def reconstruct_labelled(self, images, labels):
        labels = check_labels(labels, self._method.num_categories, images, self._name)
        return _as_float32({self._name: self._method.reconstruct(self._checked(images), labels)})

    def score(self, images):
        return _as_float32(self._method.scores(self._checked(images)))

    def sample(self, seed, count):
        drawn = self._method.sample(seed, check_count(count))
        return _as_float32({self._name if k == "images" else k: v for k, v in drawn.items()})

    def signature(self, name: str) -> tf.types.experimental.ConcreteFunction:
        """The concrete function of that name, which may take encoded pictures."""
        specs = {
            "encode": (self._images,),
            "decode": (self._codes,),
            "generate": (self._labels, self._styles),
            "classify": (self._images,),
            "embed": (self._images,),
            "reconstruct": (self._images,),
            "reconstruct_labelled": (self._images, self._labels),
            "score": (self._images,),
            "sample": (
                tf.TensorSpec([2], tf.int32, "seed"),
                tf.TensorSpec([], tf.int32, "count"),
            ),
        }
        of_images, inputs = getattr(self, name.removesuffix(BYTES)), specs[name.removesuffix(BYTES)]
        if name.endswith(BYTES):
            inputs = (self._encoded, *inputs[1:])

        def answer(*tensors):
            # A server feeds what it was sent: a signature's own shapes are no check.
            first, *others = map(tf.ensure_shape, tensors, [spec.shape for spec in inputs])
            if name.endswith(BYTES):
                first = self._decode_once(first)
            return of_images(first, *others)

        traced = tf.function(answer, autograph=False)
        return traced.get_concrete_function(*inputs)

    def _checked(self, images):
        """Images in 0..1, or finite features, in the arithmetic of training."""
        if self._of_pictures:
            return self._as_computed(check_images(images))
        return self._as_computed(check_codes(images, "features"))

    def _as_computed(self, tensor):
        return tf.cast(tensor, self._method.dtype)


def _as_float32(outputs):
    """Real outputs as float32, whatever the precision of training; integers as they are."""
    return {
        name: tf.cast(value, tf.float32) if value.dtype.is_floating else value
        for name, value in outputs.items()
    }


def servable_signatures(method: Method) -> tuple[str, ...]:
    """The method's signatures, and those of encoded pictures.

    Without 'sample' if what it draws from can't be put into a graph, and without those of encoded
    pictures where the data are features.
    """
    names = method.signatures
    if isinstance(method.sampler, UserPrior) and not method.sampler.exportable:
        names = tuple(name for name in names if name != "sample")
    if not is_picture(method.image_shape):
        return names
    return names + tuple(name + BYTES for name in names if name in TAKE_IMAGES)


def check_images(values: tf.Tensor) -> tf.Tensor:
    """Images `(n, height, width, channels)`, if all are finite and in 0..1."""
    inside = tf.reduce_all((values >= -MARGIN) & (values <= 1 + MARGIN))  # false for NaN
    return _if(inside, values, "images: expected finite values from 0 to 1")


def check_codes(values: tf.Tensor, name: str = "codes") -> tf.Tensor:
    """Codes `(n, latent_dim)`, if all are finite."""
    return _if(tf.reduce_all(tf.math.is_finite(values)), values, f"{name}: expected finite values")


def check_labels(values: tf.Tensor, categories: int, beside: tf.Tensor, name: str) -> tf.Tensor:
    """Labels `(n,)`, if all are in range and there are as many as of what is beside them.

    Args:
      values: int64.
      categories: how many there are.
      beside: `(n, ...)`.
      name: of that.
    """
    inside = tf.reduce_all((values >= 0) & (values < categories))
    values = _if(inside, values, f"labels: expected labels from 0 to {categories - 1}")
    as_many = tf.equal(tf.shape(values)[0], tf.shape(beside)[0])
    return _if(as_many, values, f"labels: expected as many labels as {name}")


def check_count(value: tf.Tensor) -> tf.Tensor:
    """A number of samples, if it isn't negative and not too large."""
    inside = (value >= 0) & (value <= MOST_SAMPLES)
    return _if(inside, value, f"count: expected a number from 0 to {MOST_SAMPLES}")


def _if(condition: tf.Tensor, values: tf.Tensor, expected: str) -> tf.Tensor:
    with tf.control_dependencies([tf.debugging.Assert(condition, [expected])]):
        return tf.identity(values)


def decode_images(
    encoded: tf.Tensor, image_shape: tuple[int, int, int], framing: Framing | None = None
) -> tf.Tensor:
    """Images of encoded pictures, as training sees them.

    Each is cropped and resized as the training images were. Where those stayed as they were, the
    centre of the model's proportions is taken of a picture of another size, and resized, smoothed
    where it shrinks. Colours become grey, or grey three equal colours, as the model needs.

    Args:
      encoded: strings `(n,)`, see `data.decoding`.
      image_shape: `(height, width, channels)` of the model, with 1 or 3 channels.
      framing: of the training images, if any.

    Returns:
      float32 `(n, height, width, channels)` in 0..1. What can't be decoded, or is smaller than the
      crop, makes the whole request INVALID_ARGUMENT.
    """

    def one(content):
        image = decoding.compiled()(content)
        if framing is None or not framing.side:
            image = _centre(image, *image_shape[:2])
        else:
            fits = tf.reduce_min(tf.shape(image)[:2]) >= framing.crop
            image = framing(_if(fits, image, f"images: expected sides of {framing.crop} or more"))
        image = tf.ensure_shape(decoding.with_channels(image, image_shape[2]), image_shape)
        # Not divided here: a graph multiplies by the inverse instead, and differs in a last bit.
        return tf.gather(tf.constant(INTENSITIES), tf.cast(image, tf.int32))

    spec = tf.TensorSpec(image_shape, tf.float32)
    # One at a time, so that large ones are never in memory together.
    return tf.map_fn(one, encoded, fn_output_signature=spec, parallel_iterations=1)


def _centre(image, height, width):
    """The centre of the model's proportions, at the model's size, uint8."""
    rows, columns = tf.shape(image)[0], tf.shape(image)[1]
    crop_height = tf.minimum(rows, _rounded(columns * height, width))
    crop_width = tf.minimum(columns, _rounded(rows * width, height))
    top, left = (rows - crop_height) // 2, (columns - crop_width) // 2
    image = image[top : top + crop_height, left : left + crop_width]
    resized = tf.image.resize(image, (height, width), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _rounded(number, divisor):
    # Of pictures as long as there may be the products are beyond int32.
    number, divisor = tf.cast(number, tf.int64), tf.constant(divisor, tf.int64)
    return tf.cast(tf.maximum((2 * number + divisor) // (2 * divisor), 1), tf.int32)
