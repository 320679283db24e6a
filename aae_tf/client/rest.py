"""A model behind TF Serving's REST API, by urllib3; TensorFlow isn't imported."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from aae_tf.client.model import (
    BACKOFF,
    INITIALISER,
    MOST_BYTES,
    STRING,
    Endpoint,
    PredictionError,
    ServedModel,
    Signature,
    Tensor,
    Unavailable,
    failure,
    most_numbers,
    rows_of,
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
KINDS = {"f": "fi", "i": "i", "u": "i", "b": "b"}  # of numbers in JSON, by the tensor's kind
CHUNK = 1 << 16  # bytes
NUMBER_BYTES = 32  # of a number in JSON with its comma and brackets, at most
DESCRIPTION_BYTES = 2**24
RETRY = {
    "status_forcelist": [503],
    "allowed_methods": None,
    "raise_on_status": False,
    "respect_retry_after_header": False,
}


class RestModel(ServedModel):
    """A model behind REST; over https as the system trusts, by the system's proxies.

    Args:
      endpoint: where it is.

    Raises:
      PredictionError: if there is no server, or it has no such model.
    """

    def __init__(self, endpoint: Endpoint):
        url = urllib.parse.urlsplit(endpoint.server)
        proxy = urllib.request.getproxies().get(url.scheme)
        if proxy and not urllib.request.proxy_bypass(url.netloc):
            self._pool = urllib3.ProxyManager(proxy)
        else:
            self._pool = urllib3.PoolManager()
        self._pool.pool_classes_by_scheme = POOLS
        super().__init__(endpoint)

    def _describe(self):
        url = self._url(self._endpoint.version, self._endpoint.label, "/metadata")
        described = self._get(url, DESCRIPTION_BYTES)
        try:
            definitions = described["metadata"]["signature_def"]["signature_def"]
            signatures = {
                name: Signature(_tensors(one["inputs"]), _tensors(one["outputs"]))
                for name, one in sorted(definitions.items())
                if not name.startswith(INITIALISER)
            }
            version = described["model_spec"].get("version")
            return signatures, None if version is None else int(version)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._not_serving("its description of the model has another form") from None

    def _ask(self, signature, inputs: Mapping[str, np.ndarray]):
        body = {
            "signature_name": signature,
            "inputs": {name: _to_json(value) for name, value in inputs.items()},
        }
        described = self.signatures[signature]
        numbers = most_numbers(described, rows_of(described, inputs))
        at_most = MOST_BYTES if numbers is None else CHUNK + NUMBER_BYTES * numbers
        answer = self._get(self._url(*self._choice, ":predict"), at_most, json.dumps(body).encode())
        tensors = described.outputs
        try:
            outputs = answer["outputs"]
            if len(tensors) == 1:  # which the server doesn't name then
                outputs = {next(iter(tensors)): outputs}
            return {name: _from_json(value, tensors[name]) for name, value in outputs.items()}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise PredictionError(
                f"--signature={signature}: the answer isn't what the model's description says: "
                f"{type(error).__name__} {error}"
            ) from None

    def _url(self, version, label, ending) -> str:
        url = f"{self._endpoint.server.rstrip('/')}/v1/models/"
        url += urllib.parse.quote(self._endpoint.model, safe="")
        if version is not None:
            url += f"/versions/{version}"
        elif label is not None:
            url += f"/labels/{urllib.parse.quote(label, safe='')}"
        return url + ending

    def _get(self, url: str, at_most: int, body: bytes | None = None):
        """The JSON of so many bytes at most that a request brings; a POST where there is a body."""
        server, timeout = self._endpoint.server, self._endpoint.timeout
        try:
            with self._pool.request(
                "POST" if body else "GET",
                url,
                body=body,
                headers={"Content-Type": "application/json"},
                timeout=urllib3.Timeout(total=timeout),
                retries=_Retry(self._endpoint.retries, **RETRY, **BACKOFF),
                redirect=False,
                preload_content=False,
                decode_content=False,  # a little that is packed can be very much
            ) as response:
                content = bytearray()
                with _within(timeout, getattr(response.connection, "watched", None)):
                    while piece := response.read1(CHUNK):
                        content += piece
                        if len(content) > at_most:
                            raise self._not_serving(f"its answer has more than {at_most} bytes")
        except (HTTPError, TimeoutError) as error:
            raise self._unanswered(error) from None
        if response.status >= 300:
            code = CODES.get(response.status, f"HTTP status {response.status}")
            raise failure(server, code, _words(content) or response.reason or "", timeout)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._not_serving("its answer isn't JSON") from None

    def _unanswered(self, error) -> PredictionError:
        reason, server = _reason(error), self._endpoint.server
        if isinstance(reason, TimeoutError):
            return failure(server, "DEADLINE_EXCEEDED", "", self._endpoint.timeout)
        if isinstance(reason, ConnectionError):
            return Unavailable(f"--server={server}: no server answers ({reason})")
        if isinstance(reason, http.client.HTTPException):
            return self._not_serving("it doesn't speak HTTP as expected")
        return PredictionError(f"--server={server}: can't be asked ({reason})")

    def _not_serving(self, why: str) -> PredictionError:
        return PredictionError(
            f"--server={self._endpoint.server}: expected TF Serving's REST; {why}"
        )

    def close(self) -> None:
        """See `model.Model`."""
        self._pool.clear()


@contextlib.contextmanager
def _within(seconds: float, connected: socket.socket | None) -> Iterator[None]:
    """Ends a connection after so long; its own limit is one for each piece that arrives.

    Raises:
      TimeoutError: if it was ended.
    """
    is_over = threading.Event()

    def end():
        is_over.set()
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    if connected is not None:
        timer.start()
    try:
        yield
    except Exception:
        if is_over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if is_over.is_set():
        raise TimeoutError


class _Bounded:
    """Of a connection: the head of an answer has to come within its time too."""

    def getresponse(self):
        self.watched = self.sock
        with _within(self.timeout, self.sock):
            return super().getresponse()


class _HTTPPool(urllib3.HTTPConnectionPool):
    class ConnectionCls(_Bounded, urllib3.connection.HTTPConnection):
        """Over http."""


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    class ConnectionCls(_Bounded, urllib3.connection.HTTPSConnection):
        """Over https."""


POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class _Retry(urllib3.Retry):
    """Further attempts where no server answers, or it says that it can't answer now.

    To ask a model twice does no harm: it keeps nothing.
    """

    def increment(self, *request, error=None, **more):
        if error is not None and not isinstance(_reason(error), ConnectionError):
            raise error
        return super().increment(*request, error=error, **more)


def _reason(error):
    """What is below urllib3's own error."""
    if isinstance(error, MaxRetryError):
        error = error.reason
    if not isinstance(error, HTTPError):
        return error
    return error.__cause__ or (error.args[-1] if error.args else error)


def _words(content: bytearray) -> str:
    """The server's words, in its JSON or plain."""
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return content.decode(errors="replace")


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
    array, dtype = np.asarray(value), np.dtype(tensor.dtype)
    if array.dtype.kind not in KINDS.get(dtype.kind, ""):
        raise ValueError(f"expected {tensor}")
    converted = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(converted, array):
        raise ValueError(f"expected {tensor}, but a number is too large")
    return converted
