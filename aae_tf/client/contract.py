"""What a model takes and gives, as its signatures say it, and whether an answer keeps to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from aae_tf.client.failures import PredictionError

STRING = "string"


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output.

    Args:
      dtype: numpy's name, or 'string' for bytes.
      shape: None for a size that is free; None in its place if not even the rank is known.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def batched(self) -> bool:
        """Whether the first dimension counts examples."""
        return bool(self.shape) and self.shape[0] is None

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array may have that shape."""
        return self.shape is None or (
            len(shape) == len(self.shape)
            and all(size in (None, own) for size, own in zip(self.shape, shape, strict=True))
        )

    def __str__(self) -> str:
        if self.shape is None:
            return self.dtype
        return f"{self.dtype} [{', '.join('n' if s is None else str(s) for s in self.shape)}]"


@dataclasses.dataclass(frozen=True)
class Signature:
    """Inputs and outputs by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    @property
    def batched(self) -> tuple[str, ...]:
        """Names of the inputs that can be sent in pieces."""
        return tuple(name for name, tensor in self.inputs.items() if tensor.batched)


class Model(Protocol):
    """Something that answers, wherever it is.

    Attributes:
      signatures: by name.
    """

    signatures: Mapping[str, Signature]

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Asks once.

        Args:
          signature: its name.
          inputs: an array for each input; bytes as objects.

        Returns:
          An array for each output.

        Raises:
          Refused: if the model can't use the inputs.
          PredictionError: if there is no answer.
        """

    def close(self) -> None:
        """Ends the connection, if there is one."""


def check(
    name: str, signature: Signature, answer: Mapping[str, np.ndarray], rows: int | None
) -> None:
    """Raises PredictionError unless an answer is what the signature promises.

    Args:
      name: of the signature.
      signature: as the model describes it.
      answer: arrays by name.
      rows: how many examples were sent, or None if that isn't known before.
    """
    where = f"--signature={name}: the answer isn't what the model's description says:"
    if set(answer) != set(signature.outputs):
        raise PredictionError(
            f"{where} it holds {_listed(answer)}, not {_listed(signature.outputs)}"
        )
    for key, tensor in signature.outputs.items():
        found = answer[key]
        if found.dtype.name != tensor.dtype or not tensor.fits(found.shape):
            shape = ", ".join(map(str, found.shape))
            raise PredictionError(f"{where} {key} is {found.dtype} [{shape}], not {tensor}")
    lengths = {len(answer[key]) for key, tensor in signature.outputs.items() if tensor.batched}
    if len(lengths | {rows} - {None}) > 1:
        wanted = "" if rows is None else f" for {rows} inputs"
        raise PredictionError(f"{where} {sorted(lengths)} rows{wanted}")


def _listed(names) -> str:
    return ", ".join(sorted(names)) or "nothing"
