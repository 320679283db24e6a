"""A method's networks behind named signatures, which check inputs and decode pictures."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from aae_tf.methods import Method
from aae_tf.priors.distributions import UserPrior

BYTES = "_bytes"  # ends the name of a signature whose images are encoded pictures
TAKE_IMAGES = ("encode", "classify", "embed", "reconstruct", "reconstruct_labelled")
MOST_SAMPLES = 10_000  # of one request, so that none can use up a server's memory
MARGIN = 1e-6  # for intensities that were divided in another arithmetic
LARGEST_IMAGE_SIDE = 4096  # pixels; a small file can hold a picture that no memory does
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class ServingModule(tf.Module):
    """A method's networks behind named signatures, for any batch size from 0 up.

    All real tensors are float32; images `(n, height, width, channels)` are in 0..1 and codes
    `(n, latent_dim)`. Labels and classes are int64 `(n,)`. What is out of range is refused. Each
    signature that takes images has one beside it that takes encoded PNG or JPEG pictures, strings
    `(n,)`.
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
        images = self._as_computed(check_images(images))
        if hasattr(self._method, "encode_both"):
            probabilities, codes = self._method.encode_both(images)
            return _as_float32({"codes": codes, "probabilities": probabilities})
        return _as_float32({"codes": self._method.encode(images)})

    def decode(self, codes):
        return _as_float32({"images": self._method.decode(self._as_computed(check_codes(codes)))})

    def generate(self, labels, styles):
        categories, dtype = self._method.num_categories, self._method.dtype
        labels = check_labels(labels, categories, styles, "styles")
        styles = self._as_computed(check_codes(styles, "styles"))
        one_hot = tf.one_hot(labels, categories, dtype=dtype)
        return _as_float32({"images": self._method.decode(styles, one_hot)})

    def classify(self, images):
        probabilities = self._method.classify(self._as_computed(check_images(images)))
        classes = tf.argmax(probabilities, -1, tf.int64)
        return {"classes": classes, **_as_float32({"probabilities": probabilities})}

    def embed(self, images):
        embeddings = self._method.embed(self._as_computed(check_images(images)))
        outputs = {"embeddings": embeddings}
        if self._method.latent_dim > 2:
            outputs["plane"] = self._method.project(embeddings)
        return _as_float32(outputs)

    def reconstruct(self, images):
        rebuilt = self._method.reconstruct(self._as_computed(check_images(images)))
        return _as_float32({"images": rebuilt})

    def reconstruct_labelled(self, images, labels):
        labels = check_labels(labels, self._method.num_categories, images, "images")
        rebuilt = self._method.reconstruct(self._as_computed(check_images(images)), labels)
        return _as_float32({"images": rebuilt})

    def sample(self, seed, count):
        return _as_float32(self._method.sample(seed, check_count(count)))

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
                first = decode_images(first, self._method.image_shape)
            return of_images(first, *others)

        return tf.function(answer).get_concrete_function(*inputs)

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

    Without 'sample' if the prior can't be put into a graph, and without those of encoded pictures
    if images have another number of channels than a picture's 1 or 3.
    """
    names = method.signatures
    if isinstance(method.prior, UserPrior) and not method.prior.exportable:
        names = tuple(name for name in names if name != "sample")
    if method.image_shape[2] not in (1, 3):
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


def decode_images(encoded: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """Images of encoded PNG or JPEG pictures of any size.

    Of each picture the centre of the model's proportions is taken and resized, smoothed where it
    shrinks; colours become grey, or grey three equal colours, as the model needs.

    Args:
      encoded: strings `(n,)`.
      image_shape: `(height, width, channels)` of the model, with 1 or 3 channels.

    Returns:
      float32 `(n, height, width, channels)` in 0..1. Whatever is no such picture, or has a side of
      more than 4096 pixels, makes the whole request INVALID_ARGUMENT.
    """
    spec = tf.TensorSpec(image_shape, tf.float32)
    return tf.map_fn(lambda one: _decode_one(one, image_shape), encoded, fn_output_signature=spec)


def _decode_one(content, image_shape):
    is_png = tf.strings.substr(content, 0, len(PNG)) == PNG
    is_jpeg = tf.strings.substr(content, 0, len(JPEG)) == JPEG
    known = tf.debugging.Assert(is_png | is_jpeg, ["images: expected PNG or JPEG pictures"])
    with tf.control_dependencies([known]):
        height, width = tf.cond(is_png, lambda: _png_size(content), lambda: _jpeg_size(content))
    fits = (
        (height >= 1)
        & (width >= 1)
        & (height <= LARGEST_IMAGE_SIDE)
        & (width <= LARGEST_IMAGE_SIDE)
    )
    expected = f"images: expected sides from 1 to {LARGEST_IMAGE_SIDE} pixels"
    with tf.control_dependencies([tf.debugging.Assert(fits, [expected])]):
        content = tf.identity(content)
    channels = image_shape[2]
    image = tf.cond(
        is_png,
        lambda: tf.io.decode_png(content, channels),
        lambda: tf.io.decode_jpeg(content, channels),
    )
    return _framed(tf.ensure_shape(image, (None, None, channels)), image_shape)


def _png_size(content):
    """Height and width as the first chunk of a PNG names them."""
    length = tf.debugging.Assert(tf.strings.length(content) >= 24, ["images: a PNG is cut short"])
    with tf.control_dependencies([length]):
        digits = tf.cast(tf.io.decode_raw(tf.strings.substr(content, 16, 8), tf.uint8), tf.int64)
    weights = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    width, height = tf.unstack(tf.linalg.matvec(tf.reshape(digits, [2, 4]), weights))
    return height, width


def _jpeg_size(content):
    shape = tf.io.extract_jpeg_shape(content, output_type=tf.int32)
    return tf.cast(shape[0], tf.int64), tf.cast(shape[1], tf.int64)


def _framed(image, image_shape):
    """The centre of the model's proportions, at the model's size, in 0..1."""
    height, width, _ = image_shape
    rows, columns = tf.shape(image)[0], tf.shape(image)[1]
    crop_height = tf.minimum(rows, _rounded(columns * height, width))
    crop_width = tf.minimum(columns, _rounded(rows * width, height))
    top, left = (rows - crop_height) // 2, (columns - crop_width) // 2
    image = image[top : top + crop_height, left : left + crop_width]
    resized = tf.image.resize(image, (height, width), antialias=True)
    # Rounded to bytes, as the pictures that a model is trained on are.
    return tf.clip_by_value(tf.round(resized), 0, 255) / 255


def _rounded(number, divisor):
    return tf.maximum((2 * number + divisor) // (2 * divisor), 1)
