"""Explorers of several models, and a browser that visits them."""

import threading

import browser
import numpy as np
import pytest
import tiny

from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.serving import explorer, held_out
from aae_tf.serving.export import export_saved_model

NAMES = ("top", "middle", "bottom")


def _trained(**changes):
    """A method that has learned enough for different codes to look different."""
    rig = tiny.rig(**changes)
    rig.trainer.train(0, 60, 20)
    return rig.method


def _serve(method, folder, with_codes=True, with_images=True):
    split, codes, size = tiny.split(20), None, method.image_shape
    if with_codes:
        names, columns, images = NAMES[: method.num_categories], (), None
        if len(size) == 1:
            columns = tuple(f"column {number}" for number in range(size[0]))
            actual = method.encode(split.intensities().reshape(20, -1)[:, : size[0]]).numpy()
        else:
            images = np.repeat(split.images[:, : size[0], : size[1]], size[2], axis=-1)
            actual = method.encode(images.astype(np.float32) / 255).numpy()
        images = images if with_images else None
        codes = held_out.describe("bars", actual, split.labels, NAMES, names, columns, images)
    model = explorer.Model(export_saved_model(method, folder / "model", codes))
    server = explorer.make_server(model, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


@pytest.fixture(scope="module")
def methods():
    """A code of two dimensions, and one of four beside a class."""
    return {
        "plain": _trained(),
        "classes": _trained(experiment="semi_supervised", latent_dim=4, num_labels="30"),
        "line": AdversarialAutoencoder(tiny.settings(latent_dim=1), (8, 6, 3)),
        "features": AdversarialAutoencoder(tiny.settings(output_activation="linear"), (14,)),
    }


@pytest.fixture(scope="module")
def servers(methods, tmp_path_factory):
    made = {
        name: _serve(method, tmp_path_factory.mktemp(name), with_images=name != "classes")
        for name, method in methods.items()
    }
    made["bare"] = _serve(methods["plain"], tmp_path_factory.mktemp("bare"), with_codes=False)
    yield made
    for server in made.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def phone(window):
    """Has the browser be a phone with a screen of that width; afterwards it is none."""

    def be(width):
        size = {"width": width, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        touch = {"enabled": True, "maxTouchPoints": 2}
        window.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", touch)

    yield be
    window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    window.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


@pytest.fixture
def visit(window, servers):
    """Opens the page of a server; in the end it must have had nothing to complain of."""

    def opened(name):
        window.get(servers[name].url)
        shown = "features" if name == "features" else f"{browser.DECODED}.startsWith('data:')"
        window.wait(f"code && {shown} && (!model.held_out?.tile || sheet)")
        return window

    window.complaints()
    yield opened
    assert window.complaints() == []
