"""A SavedModel of this project, seen through its signatures and its decoder of pictures."""

from __future__ import annotations

import math
import pathlib
import threading
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.arrays import is_picture
from aae_tf.client.model import Refused, in_one_line
from aae_tf.errors import DataError
from aae_tf.serving import held_out
from aae_tf.serving.local import LocalModel
from aae_tf.serving.signatures import decode_images
from aae_tf.utils import to_bytes

PRIOR_SAMPLES, PRIOR_SEED = 1000, (0, 1)
CATEGORIES_AT_MOST = 1 << 16
CATEGORIES_TRIED = 10  # to see how far features go
MOST_CODES = 400  # in one request
USUAL_RANGE = (-3.0, 3.0)  # of a code of which nothing is known
MOST_NUMBERS = 2**20  # of features, decoded in one request
TAIL, MARGIN = 0.005, 0.06  # of a dimension's values cut off on either side; added around the rest


class Model:
    """What the explorer asks of a model.

    Args:
      folder: of a version, or of a model, whose newest version is taken.

    Attributes:
      image_shape: `(height, width, channels)`, channels 1 or 3; or that of features.
      of_pictures: whether it decodes to images, not to features.
      latent_dim: of the codes that it decodes.
      categories: names of what it takes beside a code, maybe none.
      about: which version it is, and what it was trained on.
      encodes: whether it has a signature 'encode', of images.
      sheet: PNG of the held-out images, see `held_out.describe`; None where there is none.

    Raises:
      DataError: if there is none, or it can't decode codes.
    """

    def __init__(self, folder: pathlib.Path):
        self._local = LocalModel(folder)
        signatures, version = self._local.signatures, self._local.folder
        self.about = self._local.about
        try:
            self._decoder = next(name for name in ("decode", "generate") if name in signatures)
            decoder = signatures[self._decoder]
            codes = decoder.inputs["codes" if self._decoder == "decode" else "styles"]
            self.latent_dim = int(codes.shape[1])
            self._output = "features" if "features" in decoder.outputs else "images"
            self.image_shape = tuple(map(int, decoder.outputs[self._output].shape[1:]))
        except (StopIteration, KeyError, IndexError, TypeError):
            raise DataError(
                f"--model={version}: has no signature 'decode' or 'generate' as this program's "
                "exports have"
            ) from None
        self.of_pictures = self._output == "images"
        if self.of_pictures and not is_picture(self.image_shape):
            raise DataError(
                f"--model={version}: decodes to images {self.image_shape}, expected (height, "
                "width, 1) or (height, width, 3)"
            )
        self.encodes = self.of_pictures and "encode" in signatures
        self._held_out = held_out.read(version, self.latent_dim)
        self.sheet = (self._held_out or {}).pop("sheet", None)
        self.categories = self._names_of_categories()
        self._prior = self._sample()
        self._features = None if self.of_pictures else self._describe_features()
        # Pictures may be large; of one at a time memory is bounded, however many are sent.
        self._one_picture = threading.Lock()

    def describe(self) -> dict[str, Any]:
        """What the page has to know, ready for JSON."""
        version, codes = self._local.folder, self._held_out
        return {
            "name": version.absolute().parent.name,
            "version": version.name,
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "codes_at_once": self.codes_at_once,
            "categories": self.categories,
            "encodes": self.encodes,
            "ranges": self._ranges(),
            "prior": self._prior,
            "extent": self._prior and np.quantile(self._prior, (TAIL, 1 - TAIL), axis=0).T.tolist(),
            "held_out": codes and {k: v for k, v in codes.items() if k != "categories"},
            "features": self._features,
        }

    @property
    def codes_at_once(self) -> int:
        """How many codes may be decoded together, so that the answer stays small."""
        if self.of_pictures:
            return MOST_CODES
        return max(1, min(MOST_CODES, MOST_NUMBERS // math.prod(self.image_shape)))

    def decode(self, codes: np.ndarray, category: int = 0) -> np.ndarray:
        """Images of codes.

        Args:
          codes: float32 `(n, latent_dim)`.
          category: of all of them, where the decoder takes one.

        Returns:
          uint8 `(n, height, width, channels)`; of features float32 `(n, ...)`.
        """
        inputs = {"codes": codes}
        if self._decoder == "generate":
            inputs = {"labels": np.full(len(codes), category), "styles": codes}
        decoded = self._local.predict(self._decoder, inputs)[self._output]
        return to_bytes(decoded) if self.of_pictures else decoded

    def encode(self, image: np.ndarray, category: int = 0) -> dict[str, Any]:
        """What the model makes of an image.

        Args:
          image: uint8 `(height, width, channels)`.
          category: to reconstruct it with, where the model doesn't find one itself.

        Returns:
          'code' as a list; 'reconstruction', uint8 as the image; where the model has them
          'probabilities' of categories and 'embedding' in the reduced space.
        """
        inputs = {"images": image[np.newaxis].astype(np.float32) / np.float32(255)}
        encoded = self._local.predict("encode", inputs)
        answer = {name: values[0].tolist() for name, values in encoded.items()}
        answer["code"] = answer.pop("codes")
        if "embed" in self._local.signatures:
            embedded = self._local.predict("embed", inputs)
            answer["embedding"] = embedded.get("plane", embedded["embeddings"])[0].tolist()
        if "reconstruct" in self._local.signatures:
            rebuilt = to_bytes(self._local.predict("reconstruct", inputs)["images"])
        else:
            rebuilt = self.decode(encoded["codes"], category)
        return {**answer, "reconstruction": rebuilt[0]}

    def read_picture(self, content: bytes) -> np.ndarray:
        """A picture as the model sees it.

        Args:
          content: of a PNG, JPEG, BMP or GIF file.

        Returns:
          uint8 `image_shape`, as the export's own signatures of pictures decode, crop and resize.

        Raises:
          Refused: if it can't be used.
        """
        with self._one_picture:
            images = self._local.decode_pictures([content])
            if images is None:  # of an older export
                images = self._decode_anew([content])
        return to_bytes(images)[0]

    def _decode_anew(self, contents):
        try:
            return decode_images(tf.constant(contents, tf.string), self.image_shape).numpy()
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise Refused(in_one_line(str(error))) from None

    def _names_of_categories(self):
        """Names as the export gives them, or numbers; how many there are, the decoder tells."""
        if self._decoder == "decode":
            return []
        taken, refused = 0, 1
        while refused < CATEGORIES_AT_MOST and self._takes(refused):
            taken, refused = refused, 2 * refused
        while refused - taken > 1:
            middle = (taken + refused) // 2
            taken, refused = (middle, refused) if self._takes(middle) else (taken, middle)
        names = self._held_out["categories"] if self._held_out else []
        return names if len(names) == refused else [str(number) for number in range(refused)]

    def _takes(self, label):
        try:
            self.decode(np.zeros((1, self.latent_dim), np.float32), label)
        except Refused:
            return False
        return True

    def _describe_features(self):
        """Names, and of each the range in which it is decoded to, by which its bar is drawn."""
        size = math.prod(self.image_shape)
        names = self._held_out["feature_names"] if self._held_out else []
        if len(names) != size:
            shape = self.image_shape if len(self.image_shape) > 1 else (size,)
            names = [", ".join(map(str, index)) for index in np.ndindex(*shape)]
        codes = self._prior or (self._held_out["codes"] if self._held_out else None)
        if not codes:
            random = np.random.default_rng(PRIOR_SEED)
            codes = random.uniform(*USUAL_RANGE, (PRIOR_SAMPLES, self.latent_dim))
        codes = np.asarray(codes, np.float32)[: self.codes_at_once]
        decoded = np.concatenate(
            [self.decode(codes, n).reshape(len(codes), -1) for n in self._categories_tried()]
        )
        low, high = decoded.min(0), decoded.max(0)
        return {"names": names, "ranges": np.stack([low, high], -1).tolist()}

    def _categories_tried(self):
        return range(min(len(self.categories), CATEGORIES_TRIED)) if self.categories else (0,)

    def _sample(self):
        """Codes of the prior, or None where the export can't draw any."""
        if "sample" not in self._local.signatures:
            return None
        draw = {"seed": np.array(PRIOR_SEED), "count": np.array(PRIOR_SAMPLES)}
        codes = self._local.predict("sample", draw)["codes"].astype(np.float64)
        finite = codes[np.isfinite(codes).all(axis=1)]
        return np.round(finite, held_out.DIGITS).tolist() or None

    def _ranges(self):
        """Of each dimension, where the prior's samples and the held-out codes are."""
        held_out_codes = self._held_out["codes"] if self._held_out else []
        known = [np.array(codes) for codes in (self._prior, held_out_codes) if codes]
        if not known:
            return [USUAL_RANGE] * self.latent_dim
        low = np.min([np.quantile(codes, TAIL, axis=0) for codes in known], axis=0)
        high = np.max([np.quantile(codes, 1 - TAIL, axis=0) for codes in known], axis=0)
        # A dimension that is always the same still needs room to be moved in.
        margin = np.maximum(MARGIN * (high - low), 1e-3 * (1 + np.abs(high)))
        return np.round(np.stack([low - margin, high + margin], -1), held_out.DIGITS).tolist()
