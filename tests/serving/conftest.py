"""Exports that tests share: each is made once a session."""

import functools

import pytest
import tensorflow as tf
import tiny

from aae_tf.serving.export import export_saved_model

CHANGES = {
    "gaussian": {},
    "style": {"latent_dim": 4},
    "semi_supervised": {"latent_dim": 4, "num_labels": "30"},
    "clustering": {"latent_dim": 4, "num_clusters": 5},
    "dim_reduction": {"latent_dim": 4, "num_labels": "30"},
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The method of an experiment and the folder of its export, by the experiment's name."""

    @functools.cache
    def export(name):
        method = tiny.method(experiment=name, **CHANGES[name])
        return method, export_saved_model(method, tmp_path_factory.mktemp("models") / name)

    return export


@pytest.fixture(scope="session")
def loaded(exported):
    """The same as TensorFlow loads it, by the experiment's name."""
    return functools.cache(lambda name: tf.saved_model.load(str(exported(name)[1])))
