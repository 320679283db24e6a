"""Costs and divergences of the user's own, from a module beside the run."""

import pathlib
import re
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf.errors import SettingsError

MODULE = '''
import tensorflow as tf


def edges(images, rebuilt):
    """The squared error of horizontal differences."""
    gaps = images - rebuilt
    return tf.reduce_sum((gaps[:, :, 1:] - gaps[:, :, :-1]) ** 2, [1, 2, 3])


def energy(codes, samples):
    """The energy distance of Szekely and Rizzo, with all pairs."""
    def mean(a, b):
        return tf.reduce_mean(tf.sqrt(tf.reduce_sum((a[:, None] - b) ** 2, -1) + 1e-12))
    return 2 * mean(codes, samples) - mean(codes, codes) - mean(samples, samples)


def one_number(images, rebuilt):
    return tf.reduce_sum((images - rebuilt) ** 2)


def per_code(codes, samples):
    return tf.reduce_sum((codes - samples) ** 2, 1)


def fails(first, second):
    raise RuntimeError("not today")


NUMBER = 3
'''


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "my_own.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_own", raising=False)


@pytest.mark.slow
def test_own_cost_and_divergence_train_and_stand_in_the_loss():
    rig = tiny.rig(
        experiment="wae_mmd",
        cost="my_own:edges",
        divergence="my_own:energy",
        latent_dim=2,
        xla=True,
    )
    import my_own

    batch, drawn = rig.first_batch(), rig.phase("wasserstein").draws(rig.root, 10)
    loss = rig.phase("wasserstein").loss(batch, drawn)
    codes = rig.method.encode(batch["images"])
    rebuilt = rig.method.decode(codes)
    np.testing.assert_allclose(
        loss.metrics["cost"], my_own.edges(batch["images"], rebuilt), rtol=1e-5
    )
    expected = my_own.energy(codes, drawn["prior"])
    np.testing.assert_allclose(loss.metrics["divergence"], tf.fill([10], expected), rtol=1e-5)
    note = tiny.Notebook()
    rig.trainer.train(0, 12, 4, [note])
    assert np.isfinite(note.curve("wasserstein/loss")).all()


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"cost": "my_own:one_number"},
            "--cost=my_own:one_number: expected a function of two "
            "tensors (batch, 8, 8, 1) that returns (batch,); for a batch of 2 it returned shape ()",
        ),
        (
            {"divergence": "my_own:per_code"},
            "--divergence=my_own:per_code: expected a function of "
            "two tensors of shape (10, 8) that returns a scalar; it returned shape (10,)",
        ),
        ({"cost": "my_own:fails"}, "it raised RuntimeError('not today')"),
        ({"divergence": "my_own:fails"}, "it raised RuntimeError('not today')"),
        ({"cost": "my_own:NUMBER"}, "--cost=my_own:NUMBER: expected a function; it is a int"),
        ({"cost": "my_own:missing"}, "--cost=my_own:missing: expected an importable function"),
        ({"divergence": "nowhere:at_all"}, "expected an importable function"),
    ],
)
def test_what_is_not_such_a_function_is_refused_before_training(changes, message):
    with pytest.raises(SettingsError) as refused:
        tiny.method(experiment="wae_mmd", **changes)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_docs_example_trains(tmp_path):
    page = pathlib.Path(__file__).parents[2] / "docs" / "your_own.md"
    (example,) = re.findall(r"```python\n# my_own\.py.*?\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(example.strip().splitlines()) <= 10
    (tmp_path / "from_the_docs.py").write_text(example)
    rig = tiny.rig(
        experiment="wae_mmd",
        cost="from_the_docs:edges",
        divergence="from_the_docs:means",
        latent_dim=2,
        wasserstein_learning_rate=0.01,
    )
    note = tiny.Notebook()
    rig.trainer.train(0, 60, 20, [note])
    cost = note.curve("wasserstein/cost")
    assert cost[-6:].mean() < 0.8 * cost[:6].mean()


OUTSIDE = """
import numpy as np
import tensorflow as tf


def cost_of_numpy(images, rebuilt):
    return tf.constant(np.sum((np.asarray(images) - np.asarray(rebuilt)) ** 2, (1, 2, 3)))


def divergence_of_numpy(codes, samples):
    return tf.constant(np.mean(np.asarray(codes)) - np.mean(np.asarray(samples)))


def count(codes, samples):
    return tf.reduce_mean(tf.cast(codes > 0, codes.dtype))


def cost_of_the_images_alone(images, rebuilt):
    return tf.reduce_sum(images, [1, 2, 3])
"""


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"cost": "outside:cost_of_numpy"}, "of TensorFlow's operations; in a graph it raised"),
        (
            {"divergence": "outside:divergence_of_numpy"},
            "of TensorFlow's operations; in a graph it raised",
        ),
        ({"divergence": "outside:count"}, "it has no gradient with respect to the first"),
        (
            {"cost": "outside:cost_of_the_images_alone"},
            "it has no gradient with respect to the second",
        ),
    ],
)
def test_what_training_could_not_descend_is_refused_before_it(tmp_path, changes, message):
    (tmp_path / "outside.py").write_text(OUTSIDE)
    with pytest.raises(SettingsError) as refused:
        tiny.method(experiment="wae_mmd", **changes)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
