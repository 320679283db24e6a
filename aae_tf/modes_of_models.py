"""The modes that need a SavedModel and no run: explore, convert, predict."""

from __future__ import annotations

import pathlib

from absl import flags

from aae_tf.convert import FORMATS
from aae_tf.errors import SettingsError
from aae_tf.messages import say
from aae_tf.quiet_import import import_runner


def explore(values: flags.FlagValues) -> int:
    """A page to move over a model's codes, until interrupted."""
    if not values.model:
        raise SettingsError("model", "", "the folder of a SavedModel, as saved_models/gaussian")
    if not 0 <= values.port <= 65535:
        raise SettingsError("port", values.port, "0 to 65535")
    import_runner().explore(pathlib.Path(values.model), values.host, values.port, say)
    return 0


def convert(values: flags.FlagValues) -> int:
    """A SavedModel in another format; no run is needed."""
    if values.format not in FORMATS:
        expected = "one of " + ", ".join(FORMATS)
        raise SettingsError("format", values.format or "", expected)
    for name, expected in (("model", "folder of a SavedModel"), ("output", "new folder")):
        if not values[name].value:
            raise SettingsError(name, "", f"a {expected}, for --mode=convert")
    signatures = tuple(filter(None, (values.signatures or "").split(",")))
    import_runner()
    from aae_tf.convert.convert import convert

    output = convert(
        pathlib.Path(values.model), values.format, pathlib.Path(values.output), signatures, say
    )
    say(f"written: {output}")
    return 0


def predict(values: flags.FlagValues) -> int:
    """What a model makes of the user's files; no run is needed, nor TensorFlow for REST."""
    from aae_tf.client.predict import PredictOptions, predict
    from aae_tf.client.served import Endpoint

    wish = PredictOptions(
        values.signature,
        pathlib.Path(values.input) if values.input else None,
        pathlib.Path(values.output) if values.output else None,
        values.count,
        values.seed or 0,
        values.predict_batch_size,
    )
    if bool(values.server) == bool(values.model):
        expected = "HOST:PORT or http://HOST:PORT, or instead --model, a SavedModel's folder"
        raise SettingsError("server", values.server or "", expected)
    at_server = [values.model_name or "", values.model_version, values.model_label]
    if values.server:
        place = Endpoint(values.server, *at_server, values.timeout, values.retries)
    elif any(at_server):
        raise SettingsError("model", values.model, "none of the flags that choose at a server")
    wish.check_paths()
    if values.model:
        import_runner()
        from aae_tf.client.saved_model import LocalModel

        model = LocalModel(pathlib.Path(values.model))
    elif place.is_rest:
        from aae_tf.client.rest_model import RestModel

        model = RestModel(place)
    else:
        import_runner()
        from aae_tf.client.grpc_model import GrpcModel

        model = GrpcModel(place)
    try:
        predict(model, wish, say)
    finally:
        model.close()
    return 0
