"""A model behind TF Serving's PredictionService. Needs the extra 'client'."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from aae_tf.client.model import (
    INITIALISER,
    Endpoint,
    PredictionError,
    ServedModel,
    Signature,
    Tensor,
    failure,
)

OPTIONS = (
    # Without these an answer of more than 4 MB is an error.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # `retried` alone decides; a channel that still waits would fail its attempts unseen.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 400),
)


class GrpcModel(ServedModel):
    """A model behind gRPC, without encryption.

    Args:
      place: where it is.

    Raises:
      PredictionError: if the extra isn't installed, there is no server, or it has no such model.
    """

    def __init__(self, place: Endpoint):
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what fails is said here
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            raise PredictionError(
                f"--server={place.server}: expected tensorflow-serving-api to be installed ({error}"
                "): pip install -e '.[client]'; http://HOST:PORT needs nothing more"
            ) from None
        self._failed = grpc.RpcError
        self._channel = grpc.insecure_channel(place.server, OPTIONS)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        try:
            super().__init__(place)
        except BaseException:
            self.close()
            raise

    def _describe(self):
        from tensorflow_serving.apis import get_model_metadata_pb2

        place = self._place
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._choose(request.model_spec, place.version, place.label)
        answer = self._call(self._stub.GetModelMetadata, request)
        found = get_model_metadata_pb2.SignatureDefMap()
        if not answer.metadata["signature_def"].Unpack(found):
            raise PredictionError(f"--server={place.server}: doesn't describe its signatures")
        signatures = {
            name: Signature(_tensors(signature.inputs), _tensors(signature.outputs))
            for name, signature in sorted(found.signature_def.items())
            if not name.startswith(INITIALISER)
        }
        spec = answer.model_spec
        return signatures, spec.version.value if spec.HasField("version") else None

    def _ask(self, signature, inputs: Mapping[str, np.ndarray]):
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        pinned = self._version is not None
        self._choose(request.model_spec, self._version, None if pinned else self._place.label)
        types = self.signatures[signature].inputs
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value, types[name].dtype))
        answer = self._call(self._stub.Predict, request)
        return {name: tf.make_ndarray(proto) for name, proto in answer.outputs.items()}

    def _choose(self, spec, version, label) -> None:
        spec.name = self._place.model
        if version is not None:
            spec.version.value = version
        elif label is not None:
            spec.version_label = label

    def _call(self, method, request):
        try:
            return method(request, timeout=self._place.timeout)
        except self._failed as error:
            place = self._place
            said = failure(place.server, error.code().name, error.details() or "", place.timeout)
            raise said from None

    def close(self) -> None:
        """See `contract.Model`."""
        self._channel.close()


def _tensors(infos) -> dict[str, Tensor]:
    return {
        name: Tensor(tf.as_dtype(info.dtype).name, _shape(info.tensor_shape))
        for name, info in sorted(infos.items())
    }


def _shape(proto):
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in proto.dim)
