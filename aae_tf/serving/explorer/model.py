"""A SavedModel of this project seen through its signatures alone."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from aae_tf.errors import DataError
from aae_tf.serving import held_out, local

PRIOR_SAMPLES, PRIOR_SEED = 1000, (0, 1)
CATEGORIES_AT_MOST = 1 << 16
USUAL_RANGE = (-3.0, 3.0)  # of a code of which nothing is known
TAIL, MARGIN = 0.005, 0.06  # of a dimension's values cut off on either side; added around the rest


class Model:
    """What the explorer asks of a model.

    Args:
      loaded: from `tf.saved_model.load`.
      version: the folder that it was loaded from.

    Attributes:
      image_shape: `(height, width, channels)`, channels 1 or 3.
      latent_dim: of the codes that it decodes.
      categories: names of what it takes beside a code, maybe none.

    Raises:
      DataError: if it can't decode codes to images.
    """

    def __init__(self, loaded: Any, version: pathlib.Path):
        self._loaded = loaded  # functions don't keep it alive
        self._version = version
        self._signatures = loaded.signatures
        self._decoder = next((n for n in ("decode", "generate") if n in self._signatures), None)
        try:
            decoder = self._signatures[self._decoder]
            inputs = decoder.structured_input_signature[1]
            codes = inputs["codes" if self._decoder == "decode" else "styles"]
            self.latent_dim = int(codes.shape[1])
            self.image_shape = tuple(decoder.structured_outputs["images"].shape[1:].as_list())
        except (KeyError, IndexError, TypeError, ValueError):
            raise DataError(
                f"--model={version}: has no signature 'decode' or 'generate' as this program's "
                "exports have"
            ) from None
        if len(self.image_shape) != 3 or self.image_shape[2] not in (1, 3):
            raise DataError(
                f"--model={version}: decodes to images {self.image_shape}, expected (height, "
                "width, 1) or (height, width, 3)"
            )
        self._held_out = held_out.read(version, self.latent_dim)
        self.categories = self._names_of_categories()
        self._prior = self._sample()

    def describe(self) -> dict[str, Any]:
        """What the page has to know, ready for JSON."""
        found = self._held_out
        return {
            "name": self._version.absolute().parent.name,
            "version": self._version.name,
            "image_shape": self.image_shape,
            "latent_dim": self.latent_dim,
            "categories": self.categories,
            "encodes": self.encodes,
            "ranges": self._ranges(),
            "prior": self._prior,
            "extent": self._prior and np.quantile(self._prior, (TAIL, 1 - TAIL), axis=0).T.tolist(),
            "held_out": found and {k: v for k, v in found.items() if k != "categories"},
        }

    @property
    def encodes(self) -> bool:
        """Whether it has a signature 'encode'."""
        return "encode" in self._signatures

    def decode(self, codes: np.ndarray, category: int = 0) -> np.ndarray:
        """Images of codes.

        Args:
          codes: float32 `(n, latent_dim)`.
          category: of all of them, where the decoder takes one.

        Returns:
          uint8 `(n, height, width, channels)`.
        """
        if self._decoder == "decode":
            images = self._call("decode", codes=codes)["images"]
        else:
            labels = np.full(len(codes), category, np.int64)
            images = self._call("generate", labels=labels, styles=codes)["images"]
        return _to_bytes(images)

    def encode(self, image: np.ndarray, category: int = 0) -> dict[str, Any]:
        """What the model makes of an image.

        Args:
          image: uint8 `(height, width, channels)`.
          category: to reconstruct it with, where the model doesn't find one itself.

        Returns:
          'code' as a list; 'reconstruction', uint8 as the image; where the model has them
          'probabilities' of categories and 'embedding' in the reduced space.
        """
        images = image[np.newaxis].astype(np.float32) / np.float32(255)
        encoded = self._call("encode", images=images)
        found = {name: values[0].tolist() for name, values in encoded.items()}
        found["code"] = found.pop("codes")
        if "embed" in self._signatures:
            embedded = self._call("embed", images=images)
            found["embedding"] = embedded.get("plane", embedded["embeddings"])[0].tolist()
        if "reconstruct" in self._signatures:
            rebuilt = _to_bytes(self._call("reconstruct", images=images)["images"])
        else:
            rebuilt = self.decode(encoded["codes"], category)
        return {**found, "reconstruction": rebuilt[0]}

    def _call(self, name, **given):
        answer = self._signatures[name](**{key: tf.constant(v) for key, v in given.items()})
        return {key: tensor.numpy() for key, tensor in answer.items()}

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
        except tf.errors.InvalidArgumentError:
            return False
        return True

    def _sample(self):
        """Codes of the prior, or None where the export can't draw any."""
        if "sample" not in self._signatures:
            return None
        drawn = self._call("sample", seed=np.int32(PRIOR_SEED), count=np.int32(PRIOR_SAMPLES))
        codes = drawn["codes"].astype(np.float64)
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


def load(folder: pathlib.Path) -> Model:
    """Loads a model.

    Args:
      folder: of a version, or of a model, whose newest version is taken.

    Raises:
      DataError: if there is none, or one of another kind.
    """
    return Model(*local.load(folder))


def _to_bytes(images):
    """Intensities, by a linear output maybe beyond 0..1, as uint8."""
    return np.round(np.clip(np.nan_to_num(images), 0, 1) * 255).astype(np.uint8)
