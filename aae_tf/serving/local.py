"""A SavedModel of this machine, loaded and asked without a server."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from aae_tf.client.model import PredictionError, Refused, Signature, Tensor, in_one_line
from aae_tf.errors import DataError
from aae_tf.results import model_card
from aae_tf.utils import plain_path, printable


class LocalModel:
    """A SavedModel in this process.

    Args:
      model: its folder, or that of its versions, of which the newest is taken.

    Attributes:
      folder: the version's.
      signatures: by name.
      about: which version it is and what it was trained on, '' if it has no card.
      class_names: of what it classifies, if its card has them.

    Raises:
      DataError: if there is none, or it can't be loaded.
    """

    def __init__(self, model: pathlib.Path):
        self.folder = newest(model)
        card = model_card.read_card(self.folder)
        self.about = ""
        self.class_names: Sequence[str] = ()
        if card is not None:
            name, version = self.folder.absolute().parts[-2:]
            trained = model_card.about_data(card)
            self.about = f"{printable(name)}, version {printable(version)}, trained on {trained}"
            self.class_names = model_card.class_names(card)
        try:
            with plain_path(self.folder) as folder:
                self._loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # of as many classes as there are ways of being broken
            reason = " ".join(str(error).split())[:200]
            expected = f"--model={self.folder}: expected a whole SavedModel, but: {reason}"
            raise DataError(expected) from error
        self.signatures = {
            name: Signature(
                _tensors(function.structured_input_signature[1]),
                _tensors(function.structured_outputs),
            )
            for name, function in sorted(self._loaded.signatures.items())
        }

    def function(self, signature: str) -> tf.types.experimental.ConcreteFunction:
        """The function of a signature, which the model has to outlive."""
        return self._loaded.signatures[signature]

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `client.model.Model`."""
        dtypes = {name: tensor.dtype for name, tensor in self.signatures[signature].inputs.items()}
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        try:
            outputs = self.function(signature)(**tensors)
        except tf.errors.InvalidArgumentError as error:
            raise Refused(in_one_line(error.message)) from None
        except tf.errors.OpError as error:
            raise PredictionError(f"--model={self.folder}: {in_one_line(error.message)}") from None
        return {name: value.numpy() for name, value in outputs.items()}

    def decode_pictures(self, encoded: Sequence[bytes]) -> np.ndarray | None:
        """Images of encoded pictures, as the model's signatures of such see them.

        Returns:
          float32 `(n, height, width, channels)`; None by a model that was exported without this.

        Raises:
          Refused: if one can't be used.
        """
        if not hasattr(self._loaded, "decode_pictures"):
            return None
        try:
            return self._loaded.decode_pictures(tf.constant(list(encoded), tf.string)).numpy()
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise Refused(in_one_line(str(error))) from None

    def close(self) -> None:
        """See `client.model.Model`."""


def _tensors(specs) -> dict[str, Tensor]:
    return {
        name: Tensor(spec.dtype.name, None if spec.shape.rank is None else tuple(spec.shape))
        for name, spec in sorted(specs.items())
    }


def newest(model: pathlib.Path) -> pathlib.Path:
    """The SavedModel's own folder, given that or the folder of its versions."""
    if (model / "saved_model.pb").is_file():
        return model
    versions = versions_of(model)
    if not versions:
        raise DataError(
            f"--model={model}: expected a folder with a SavedModel, as saved_models/gaussian or "
            "saved_models/gaussian/1"
        )
    return model / str(versions[-1])


def versions_of(model: pathlib.Path) -> list[int]:
    """The versions of a model that hold a SavedModel, ascending."""
    files = model.glob("*/saved_model.pb")
    return sorted(int(file.parent.name) for file in files if is_version(file.parent))


def is_version(folder: pathlib.Path) -> bool:
    """Whether a folder's name is a version's number."""
    return folder.name.isascii() and folder.name.isdigit()
