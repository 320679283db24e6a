"""A model behind TF Serving's PredictionService. Needs the extra 'client'."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import urllib3
from google.protobuf.message import DecodeError

from aae_tf.client.model import (
    BACKOFF,
    INITIALISER,
    MOST_BYTES,
    Endpoint,
    PredictionError,
    ServedModel,
    Signature,
    Tensor,
    Unavailable,
    failure,
    in_one_line,
)

OPTIONS = (
    # Without these more than 4 MB is an error.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", MOST_BYTES),
    # `_call` alone decides; a channel that still waits would fail its attempts unseen.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 400),
)


class GrpcModel(ServedModel):
    """A model behind gRPC, without encryption.

    Args:
      endpoint: where it is.

    Raises:
      PredictionError: if the extra isn't installed, there is no server, or it has no such model.
    """

    def __init__(self, endpoint: Endpoint):
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what fails is said here
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            raise PredictionError(
                f"--server={endpoint.server}: expected tensorflow-serving-api to be installed "
                f"({error}): pip install -e '.[client]'; http://HOST:PORT needs nothing more"
            ) from None
        self._failed = grpc.RpcError
        self._channel = grpc.insecure_channel(endpoint.server, OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        try:
            super().__init__(endpoint)
        except BaseException:
            self.close()
            raise

    def _describe(self):
        from tensorflow_serving.apis import get_model_metadata_pb2

        endpoint = self._endpoint
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._choose(request.model_spec, endpoint.version, endpoint.label)
        answer = self._call(self._stub.GetModelMetadata, request)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        unclear = PredictionError(f"--server={endpoint.server}: doesn't describe its signatures")
        try:
            if not answer.metadata["signature_def"].Unpack(definitions):
                raise unclear
            signatures = {
                name: Signature(_tensors(signature.inputs), _tensors(signature.outputs))
                for name, signature in sorted(definitions.signature_def.items())
                if not name.startswith(INITIALISER)
            }
        except (DecodeError, TypeError, ValueError):
            raise unclear from None
        spec = answer.model_spec
        return signatures, spec.version.value if spec.HasField("version") else None

    def _ask(self, signature, inputs: Mapping[str, np.ndarray]):
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        self._choose(request.model_spec, *self._choice)
        types = self.signatures[signature].inputs
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, types[name].dtype))
        answer = self._call(self._stub.Predict, request)
        try:
            return {name: _array(proto) for name, proto in answer.outputs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise PredictionError(
                f"--signature={signature}: the answer can't be read: {in_one_line(str(error))}"
            ) from None

    def _choose(self, spec, version, label) -> None:
        spec.name = self._endpoint.model
        if version is not None:
            spec.version.value = version
        elif label is not None:
            spec.version_label = label

    def _call(self, method, request):
        """What a request brings, sent again while no server is available.

        To ask a model twice does no harm: it keeps nothing.
        """
        server, timeout = self._endpoint.server, self._endpoint.timeout
        retry = urllib3.Retry(self._endpoint.retries, **BACKOFF)
        while True:
            try:
                return method(request, timeout=timeout)
            except self._failed as error:
                failed = failure(server, error.code().name, error.details() or "", timeout)
            if not isinstance(failed, Unavailable) or not retry.total:
                raise failed
            retry = retry.increment()
            retry.sleep()

    def close(self) -> None:
        """See `model.Model`."""
        self._channel.close()


def _tensors(infos) -> dict[str, Tensor]:
    return {
        name: Tensor(tf.as_dtype(info.dtype).name, _shape(info.tensor_shape))
        for name, info in sorted(infos.items())
    }


def _array(proto) -> np.ndarray:
    """The array: a number that is sent once may stand for any number of equal ones."""
    count = math.prod(dim.size for dim in proto.tensor_shape.dim)
    if count * np.dtype(tf.as_dtype(proto.dtype).as_numpy_dtype).itemsize > MOST_BYTES:
        raise ValueError(f"{count} numbers are too many")
    return tf.make_ndarray(proto)


def _shape(proto):
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in proto.dim)
