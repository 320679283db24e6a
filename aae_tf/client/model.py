"""What a model takes and gives, as its signatures say it, and whether an answer keeps to it."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import numpy as np

from aae_tf.errors import SettingsError, UserError

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


LONGEST = 300  # characters of what a server says
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0  # seconds

Answer = TypeVar("Answer")


class PredictionError(UserError):
    """A model's answer can't be had, read or written."""


class Unavailable(PredictionError):
    """No server is there, or it says that it can't answer now."""


class Missing(PredictionError):
    """The server doesn't have the model, or not in that version."""


class Refused(PredictionError):
    """The model can't use what it was sent; the message is the model's own."""


def failure(server: str, code: str, words: str, timeout: float) -> PredictionError:
    """The error for what a server answered.

    Args:
      server: the value of --server.
      code: name of gRPC's status, or what else is known of the failure.
      words: the server's.
      timeout: seconds that it had.
    """
    said = in_one_line(words)
    if code == "INVALID_ARGUMENT":
        return Refused(said)
    if code == "NOT_FOUND":
        return Missing(said)
    if code == "DEADLINE_EXCEEDED":
        return PredictionError(
            f"--server={server}: no answer within --timeout={timeout:g} seconds; try a longer one, "
            "or a smaller --predict_batch_size"
        )
    if code == "UNAVAILABLE":
        return Unavailable(f"--server={server}: no server answers ({said})")
    return PredictionError(f"--server={server}: {code}: {said}")


def in_one_line(words: str) -> str:
    """What a model or a server says, without TensorFlow's account of where it happened."""
    asserted = re.search(r"assertion failed: \[(.*?)\]", words, re.DOTALL)
    if asserted:
        words = asserted[1]
    words = re.sub(r"Graph execution error:|Detected at node .*?(\n|$)", " ", words)
    words = re.sub(r"<stack traces unable to be found>", " ", words)
    words = words.partition("[[{{node")[0].partition("[Op:")[0]
    said = " ".join(words.split())
    return said if len(said) <= LONGEST else said[:LONGEST] + "..."


def retried(attempt: Callable[[], Answer], retries: int, first_wait: float = FIRST_WAIT) -> Answer:
    """What an attempt gives, repeated while nobody is available.

    Waits twice as long before each further attempt. To ask a model twice does no harm: it keeps
    nothing.

    Args:
      attempt: raises Unavailable where another attempt may get through.
      retries: attempts after the first.
      first_wait: seconds before the second attempt.
    """
    for wait in range(retries):
        try:
            return attempt()
        except Unavailable:
            time.sleep(min(first_wait * 2 ** min(wait, 10), LONGEST_WAIT))
    return attempt()


INITIALISER = "__"  # begins the names of signatures that aren't for users
ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?|[^\s/:]+:\d+|\[[^\s/]+\]:\d+")
LONGEST_TIMEOUT = 86400


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
        if self.retries < 0:
            raise SettingsError("retries", self.retries, "at least 0")

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
      place: where it is.

    Attributes:
      signatures: by name.

    Raises:
      PredictionError: if there is no server, or it doesn't have the model.
    """

    def __init__(self, place: Endpoint):
        self._place = place
        try:
            self.signatures, self._version = self._tried(self._describe)
        except (Missing, Refused) as error:
            raise PredictionError(
                f"{place.flags()}: expected a model that --server={place.server} serves; it says: "
                f"{error}"
            ) from None

    def _tried(self, attempt: Callable):
        return retried(attempt, self._place.retries)

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `contract.Model`."""
        try:
            return self._tried(lambda: self._ask(signature, inputs))
        except Missing as error:
            raise PredictionError(
                f"--server={self._place.server}: no longer serves version {self._version} of "
                f"--model_name={self._place.model}: {error}"
            ) from None

    def _describe(self) -> tuple[dict[str, Signature], int | None]:
        """Signatures and the version that has them."""
        raise NotImplementedError

    def _ask(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def close(self) -> None:
        """See `contract.Model`."""
