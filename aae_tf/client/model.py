"""What a model takes and answers by its signatures, where a server has it, and what can fail."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from aae_tf.errors import SettingsError, UserError

STRING = "string"
INITIALISER = "__"  # begins the names of signatures that aren't for users
LONGEST_MESSAGE = 300  # characters of what a server says
# Waits of 0, 1, 2, 4 and from then on 8 seconds, as urllib3.Retry takes them.
BACKOFF = {"backoff_factor": 0.5, "backoff_max": 8}
MOST_RETRIES = 500  # of more than an hour; urllib3 makes one within the other
ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?|[^\s/:]+:\d+|\[[^\s/]+\]:\d+")
LONGEST_TIMEOUT = 86400
MOST_BYTES = 2**29  # of an answer whose size isn't known before


class PredictionError(UserError):
    """A model's answer can't be had, read or written."""


class Unavailable(PredictionError):
    """No server is there, or it says that it can't answer now."""


class Missing(PredictionError):
    """The server doesn't have the model, or not in that version."""


class Refused(PredictionError):
    """The model can't use what it was sent; the message is the model's own."""


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
            and all(free in (None, size) for free, size in zip(self.shape, shape, strict=True))
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
        array = answer[key]
        if array.dtype.name != tensor.dtype or not tensor.fits(array.shape):
            shape = ", ".join(map(str, array.shape))
            raise PredictionError(f"{where} {key} is {array.dtype} [{shape}], not {tensor}")
    lengths = {len(answer[key]) for key, tensor in signature.outputs.items() if tensor.batched}
    if len(lengths | {rows} - {None}) > 1:
        inputs = "" if rows is None else f" for {rows} inputs"
        raise PredictionError(f"{where} {sorted(lengths)} rows{inputs}")


def _listed(names) -> str:
    return ", ".join(sorted(names)) or "nothing"


def most_numbers(signature: Signature, rows: int | None) -> int | None:
    """How many numbers an answer may have; None if that isn't known before.

    Args:
      signature: that is called.
      rows: how many examples were sent, or None if that isn't known.
    """
    total = 0
    for tensor in signature.outputs.values():
        if tensor.dtype == STRING or tensor.shape is None:
            return None
        sizes = [
            rows if tensor.batched and not at else size for at, size in enumerate(tensor.shape)
        ]
        if None in sizes:
            return None
        total += math.prod(sizes)
    return total


def rows_of(signature: Signature, inputs: Mapping[str, np.ndarray]) -> int | None:
    """How many examples are sent, or None if that isn't known."""
    lengths = {len(inputs[name]) for name in signature.batched if name in inputs}
    return lengths.pop() if len(lengths) == 1 else None


def failure(server: str, code: str, words: str, timeout: float) -> PredictionError:
    """The error for what a server answered.

    Args:
      server: the value of --server.
      code: name of gRPC's status, or what else is known of the failure.
      words: the server's.
      timeout: seconds that it had.
    """
    message = in_one_line(words)
    if code == "INVALID_ARGUMENT":
        return Refused(message)
    if code == "NOT_FOUND":
        return Missing(message)
    if code == "DEADLINE_EXCEEDED":
        return PredictionError(
            f"--server={server}: no answer within --timeout={timeout:g} seconds; try a longer one, "
            "or a smaller --predict_batch_size"
        )
    if code == "UNAVAILABLE":
        return Unavailable(f"--server={server}: no server answers ({message})")
    return PredictionError(f"--server={server}: {code}: {message}")


def in_one_line(words: str) -> str:
    """What a model or a server says, without TensorFlow's account of where it happened."""
    asserted = re.search(r"assertion failed: \[(.*?)\]", words, re.DOTALL)
    if asserted:
        words = asserted[1]
    words = re.sub(r"Graph execution error:|Detected at node .*?(\n|$)", " ", words)
    words = re.sub(r"<stack traces un[^>]*>", " ", words)
    words = words.partition("[[{{node")[0].partition("[Op:")[0]
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_MESSAGE else line[:LONGEST_MESSAGE] + "..."


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Which model at which server.

    Args:
      server: 'HOST:PORT' of gRPC, or 'http://HOST:PORT' or 'https://HOST:PORT' of REST.
      model: its name there.
      version: a number; the newest without it.
      label: instead of a version, as 'canary'.
      timeout: seconds for a request.
      retries: further attempts where no server answers.
    """

    server: str
    model: str
    version: int | None = None
    label: str | None = None
    timeout: float = 10.0
    retries: int = 3

    def __post_init__(self):
        if not ADDRESS.fullmatch(self.server):
            expected = "HOST:PORT for gRPC, or http://HOST:PORT for REST"
            raise SettingsError("server", self.server, expected)
        if not self.model:
            raise SettingsError("model_name", "", "the model's name at the server, as gaussian")
        if self.version is not None and self.version < 0:
            raise SettingsError("model_version", self.version, "a version's number")
        if self.label is not None and (self.version is not None or not self.label):
            raise SettingsError("model_label", self.label, "a label, and no --model_version")
        if not 0 < self.timeout < LONGEST_TIMEOUT:
            raise SettingsError("timeout", self.timeout, f"seconds, from 0 to {LONGEST_TIMEOUT}")
        if not 0 <= self.retries <= MOST_RETRIES:
            raise SettingsError("retries", self.retries, f"0 to {MOST_RETRIES}")

    @property
    def is_rest(self) -> bool:
        return self.server.startswith(("http://", "https://"))

    def flags(self) -> str:
        """The flags that chose the model."""
        chosen = [("model_name", self.model)]
        chosen += [("model_version", self.version), ("model_label", self.label)]
        return " ".join(f"--{flag}={value}" for flag, value in chosen if value is not None)


class ServedModel:
    """A model behind a server.

    All requests go to the version that described itself first, so that a version that appears in
    between doesn't answer some of them.

    Args:
      endpoint: where it is.

    Attributes:
      signatures: by name.

    Raises:
      PredictionError: if there is no server, or it doesn't have the model.
    """

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        try:
            self.signatures, self._version = self._describe()
        except (Missing, Refused) as error:
            raise PredictionError(
                f"{endpoint.flags()}: expected a model that --server={endpoint.server} serves; it "
                f"says: {error}"
            ) from None

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Model`."""
        try:
            return self._ask(signature, inputs)
        except Missing as error:
            raise PredictionError(
                f"--server={self._endpoint.server}: no longer serves version {self._version} of "
                f"--model_name={self._endpoint.model}: {error}"
            ) from None

    @property
    def _choice(self) -> tuple[int | None, str | None]:
        """The version that answers, or the label that chooses it."""
        return self._version, self._endpoint.label if self._version is None else None

    def _describe(self) -> tuple[dict[str, Signature], int | None]:
        """Signatures and the version that has them."""
        raise NotImplementedError

    def _ask(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def close(self) -> None:
        """See `Model`."""
