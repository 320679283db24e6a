"""The Python of README and docs runs as it stands."""

import pathlib
import re
import sys

import numpy as np
import pytest
import tiny

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def _python_of(page):
    text = (ROOT / page).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_every_snippet_of_the_page_on_python_runs_after_the_others(empty_folder):
    names = {}
    for snippet in _python_of("docs/python.md"):
        exec(compile(snippet, "docs/python.md", "exec"), names)
    assert names["codes"].shape == (569, 2) and names["drawn"].shape == (16, 30)
    assert names["classes"].shape == (1797,) and names["usual"].shape == (569,)
    assert pathlib.Path("saved_models/cancer/1/saved_model.pb").exists()


def test_the_readmes_snippet_runs(empty_folder):
    (snippet,) = _python_of("README.md")
    snippet = snippet.replace("epochs=10", "epochs=1, encoder_units=(8,), decoder_units=(8,)")
    names = {"x_train": tiny.images(150), "x_test": tiny.images(20)}
    exec(compile(snippet, "README.md", "exec"), names)
    assert names["codes"].shape == (20, 8) and names["samples"].shape[0] == 16
    assert pathlib.Path("saved_models/mine/1/saved_model.pb").exists()


def test_what_is_ones_own_trains(empty_folder, monkeypatch):
    import aae_tf

    monkeypatch.syspath_prepend(str(empty_folder))
    for snippet in _python_of("docs/your_own.md"):
        name = re.match(r"# (\w+\.py)", snippet)
        assert name, snippet  # each is a file of its own
        pathlib.Path(name[1]).write_text(snippet)
        monkeypatch.delitem(sys.modules, pathlib.Path(name[1]).stem, raising=False)
    small = {"epochs": 1, "encoder_units": (8,), "decoder_units": (8,), "discriminator_units": (8,)}
    images = tiny.images(150)
    model = aae_tf.AAE(prior="my_priors:Ring", **small)
    model.fit(images, verbose=0)
    assert np.linalg.norm(model._method.draw([1, 0], 9)["codes"], axis=1) == pytest.approx(1)
    small.pop("discriminator_units")
    names = {f"{name}_network": f"my_networks:{name}" for name in ("encoder", "decoder")}
    model = aae_tf.AAE(epochs=1, **names, discriminator_network="my_networks:discriminator")
    model.fit(images, verbose=0)
    assert model.reconstruct(images[:3]).shape == (3, 8, 8, 1)
    model = aae_tf.WAE(cost="my_own:edges", divergence="my_own:means", **small)
    assert model.fit(images, verbose=0).epoch == [0]
