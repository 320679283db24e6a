"""A model behind TF Serving's REST API, with the standard library alone."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

import numpy as np

from aae_tf.client.model import (
    INITIALISER,
    STRING,
    PredictionError,
    ServedModel,
    Signature,
    Tensor,
    Unavailable,
    failure,
)

CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# Of the types that this project's models have, and others that JSON can hold.
TYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_BOOL": "bool",
    "DT_STRING": STRING,
}
KINDS = {"f": "fi", "i": "i", "u": "i", "b": "b"}  # of what JSON gives for what is wanted
CHUNK = 1 << 16  # bytes


class RestModel(ServedModel):
    """A model behind REST; over https as the system trusts.

    Args:
      place: where it is.

    Raises:
      PredictionError: if there is no server, or it has no such model.
    """

    def _describe(self):
        place = self._place
        found = self._get(self._url(place.version, place.label) + "/metadata")
        try:
            signatures = {
                name: Signature(_tensors(one["inputs"]), _tensors(one["outputs"]))
                for name, one in sorted(found["metadata"]["signature_def"]["signature_def"].items())
                if not name.startswith(INITIALISER)
            }
            version = found["model_spec"].get("version")
            return signatures, None if version is None else int(version)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._not_serving("its description of the model has another form") from None

    def _ask(self, signature, inputs: Mapping[str, np.ndarray]):
        pinned = self._version is not None
        url = self._url(self._version, None if pinned else self._place.label)
        body = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        answer = self._get(f"{url}:predict", json.dumps(body).encode())
        outputs = self.signatures[signature].outputs
        try:
            found = answer["outputs"]
            if len(outputs) == 1:  # which the server doesn't name then
                found = {next(iter(outputs)): found}
            return {name: _from_json(value, outputs[name]) for name, value in found.items()}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise PredictionError(
                f"--signature={signature}: the answer isn't what the model's description says: "
                f"{type(error).__name__} {error}"
            ) from None

    def _url(self, version, label) -> str:
        url = f"{self._place.server.rstrip('/')}/v1/models/"
        url += urllib.parse.quote(self._place.model, safe="")
        if version is not None:
            return f"{url}/versions/{version}"
        if label is not None:
            return f"{url}/labels/{urllib.parse.quote(label, safe='')}"
        return url

    def _get(self, url: str, body: bytes | None = None):
        """The JSON that a request brings; a POST where there is a body."""
        place = self._place
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)
        try:
            return json.loads(self._read(request))
        except urllib.error.HTTPError as error:
            code = CODES.get(error.code, f"HTTP status {error.code}")
            raise failure(place.server, code, _said(error), place.timeout) from None
        except urllib.error.URLError as error:
            self._fail(error.reason)
        except (OSError, http.client.HTTPException) as error:
            self._fail(error)
        except (ValueError, RecursionError):
            raise self._not_serving("its answer isn't JSON") from None

    def _read(self, request) -> bytes:
        # The socket's own limit is one for each piece that arrives.
        deadline = time.monotonic() + self._place.timeout
        pieces = []
        with urllib.request.urlopen(request, timeout=self._place.timeout) as response:
            while piece := response.read1(CHUNK):
                pieces.append(piece)
                if time.monotonic() > deadline:
                    raise TimeoutError
        return b"".join(pieces)

    def _fail(self, reason):
        place = self._place
        if isinstance(reason, TimeoutError):
            raise failure(place.server, "DEADLINE_EXCEEDED", "", place.timeout) from None
        if isinstance(reason, ConnectionError):
            raise Unavailable(f"--server={place.server}: no server answers ({reason})") from None
        if isinstance(reason, http.client.HTTPException):
            raise self._not_serving("it doesn't speak HTTP as expected") from None
        raise PredictionError(f"--server={place.server}: can't be asked ({reason})") from None

    def _not_serving(self, why: str) -> PredictionError:
        return PredictionError(f"--server={self._place.server}: expected TF Serving's REST; {why}")


def _said(error: urllib.error.HTTPError) -> str:
    """The server's words, in its JSON or plain."""
    with error:
        try:
            content = error.read(CHUNK)
        except (OSError, http.client.HTTPException):
            return error.reason
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return content.decode(errors="replace") or str(error.reason)


def _tensors(described) -> dict[str, Tensor]:
    return {
        name: Tensor(TYPES.get(one["dtype"], one["dtype"]), _shape(one["tensor_shape"]))
        for name, one in sorted(described.items())
    }


def _shape(described):
    if described.get("unknown_rank"):
        return None
    sizes = [int(dim["size"]) for dim in described.get("dim", [])]  # int64 is text in JSON
    return tuple(None if size < 0 else size for size in sizes)


def _to_json(value: np.ndarray):
    if value.dtype == object:
        return [{"b64": base64.b64encode(one).decode()} for one in value]
    return value.tolist()


def _from_json(value, tensor: Tensor) -> np.ndarray:
    found = np.asarray(value)
    wanted = np.dtype(tensor.dtype)
    if found.dtype.kind not in KINDS.get(wanted.kind, ""):
        raise ValueError(f"expected {tensor}")
    converted = found.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(converted, found):
        raise ValueError(f"expected {tensor}, but a number is too large")
    return converted
