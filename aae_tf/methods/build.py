"""TODO: docstring."""

from __future__ import annotations

from aae_tf import experiments
from aae_tf.data import ImageData
from aae_tf.data.labelled import check_class_numbers, check_labels, labelled_rows
from aae_tf.data.pipeline import Labelled
from aae_tf.errors import SettingsError
from aae_tf.methods import Method
from aae_tf.settings import Settings


def method_for(settings: Settings, data: ImageData) -> Method:
    """The experiment's method, if the data has what it needs."""
    made = method_class(experiments.find(settings.experiment).method)
    if made.needs_labels:
        check_labels(data, settings.experiment)
    else:  # clusters are scored by labels, where there are some
        check_class_numbers(data)
    return made(settings, data.image_shape, data.num_classes)


def labelled_for(method: Method, data: ImageData, replicas: int) -> Labelled | None:
    """The labels that the method's phases take."""
    settings = method.settings
    if method.labels == "none":
        return None
    count = settings.labels.count if settings.labels else None
    rows = labelled_rows(data, count, settings.training.seed)
    beside = method.labels == "beside"
    if beside:
        size = settings.labels.minibatch
        if size > len(rows):
            expected = f"at most {len(rows)}, the number of labelled images"
            raise SettingsError("labelled_batch_size", size, expected)
        if size % replicas:
            expected = f"a multiple of {replicas}, the number of replicas"
            raise SettingsError("labelled_batch_size", size, expected)
        return Labelled(rows, data.train.labels, True, size)
    return Labelled(rows, data.train.labels, False, unlabelled=data.num_classes)


def method_class(name: str) -> type[Method]:
    """The method of that name."""
    from aae_tf.methods import (
        aae,
        categorical,
        dim_reduction,
        label_informed,
        semi_supervised,
        supervised,
        vae,
        wae,
    )

    return {
        "aae": aae.AdversarialAutoencoder,
        "label_informed": label_informed.LabelInformedAutoencoder,
        "supervised": supervised.SupervisedAutoencoder,
        "discrete": categorical.DiscreteAutoencoder,
        "semi_supervised": semi_supervised.SemiSupervisedAutoencoder,
        "clustering": categorical.ClusteringAutoencoder,
        "vae": vae.VariationalAutoencoder,
        "wae": wae.WassersteinAutoencoder,
        "dim_reduction": dim_reduction.DimReductionAutoencoder,
    }[name]
