"""Models of three experiments, and a server of them for each test."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.serving.export import export_saved_model
from aae_tf.serving.local import LocalModel

CHANGES = {
    "gaussian": {},
    "style": {"latent_dim": 4},
    "semi_supervised": {"latent_dim": 4, "num_labels": "30"},
}


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder of exports; of gaussian two versions, which answer differently."""
    folder = tmp_path_factory.mktemp("models")
    for name, changes in CHANGES.items():
        export_saved_model(tiny.method(experiment=name, **changes), folder / name)
    export_saved_model(tiny.method(seed=5), folder / "gaussian")
    return folder


@pytest.fixture(scope="session")
def local(models):
    """The exports as TensorFlow loads them, by name; those of gaussian also by version."""
    folders = [*(models / name for name in CHANGES), *(models / "gaussian").iterdir()]
    return {str(folder.relative_to(models)): LocalModel(folder) for folder in folders}


@pytest.fixture(scope="session")
def _server(models):
    pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api isn't installed")
    import prediction_server

    labels = {"gaussian": {"stable": 1, "canary": 2}}
    with prediction_server.running({name: models / name for name in CHANGES}, labels) as running:
        yield running


@pytest.fixture
def server(_server, monkeypatch):
    """The server, available and quick, and asked nothing yet."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    core = _server.core
    core.unavailable, core.delay, core.requests = 0, 0.0, []
    return _server


@pytest.fixture
def pictures(tmp_path):
    """A folder of five pictures, of which two are JPEG."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(tiny.images(5)):
        kind = ("png", "jpg")[number % 2]
        encode = {"png": tf.io.encode_png, "jpg": tf.io.encode_jpeg}[kind]
        (folder / f"{'cabed'[number]}.{kind}").write_bytes(encode(image).numpy())
    return folder


@pytest.fixture
def images():
    return tiny.images(5).astype(np.float32) / 255
