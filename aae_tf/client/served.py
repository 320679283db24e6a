"""What the two ways to a server have in common: which model, how long, how often."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

import numpy as np

from aae_tf.client.contract import Signature
from aae_tf.client.failures import Missing, PredictionError, Refused, retried
from aae_tf.errors import SettingsError

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
