"""From settings and data to a method, and to the labels that its phases take."""

from __future__ import annotations

from collections.abc import Mapping

from aae_tf import experiments
from aae_tf.data import ImageData
from aae_tf.data.labelled import check_class_numbers, check_labels, labelled_rows
from aae_tf.data.pipeline import Labelled
from aae_tf.errors import SettingsError
from aae_tf.methods.aae import AdversarialAutoencoder
from aae_tf.methods.base import Method
from aae_tf.methods.categorical import CategoricalAutoencoder
from aae_tf.methods.dim_reduction import DimReductionAutoencoder
from aae_tf.methods.label_informed import LabelInformedAutoencoder
from aae_tf.methods.rae import RegularisedAutoencoder
from aae_tf.methods.semi_supervised import SemiSupervisedAutoencoder
from aae_tf.methods.supervised import SupervisedAutoencoder
from aae_tf.methods.vae import VariationalAutoencoder
from aae_tf.methods.wae import WassersteinAutoencoder
from aae_tf.settings import Settings

METHODS: Mapping[str, type[Method]] = {  # by the name that the catalogue's experiments have for it
    "aae": AdversarialAutoencoder,
    "label_informed": LabelInformedAutoencoder,
    "supervised": SupervisedAutoencoder,
    "semi_supervised": SemiSupervisedAutoencoder,
    "discrete": CategoricalAutoencoder,
    "clustering": CategoricalAutoencoder,
    "dim_reduction": DimReductionAutoencoder,
    "vae": VariationalAutoencoder,
    "wae": WassersteinAutoencoder,
    "rae": RegularisedAutoencoder,
}


def method_class(settings: Settings) -> type[Method]:
    """The method of the settings' experiment."""
    return METHODS[experiments.find(settings.experiment).method]


def method_for(settings: Settings, data: ImageData) -> Method:
    """The experiment's method for the data; make it within a strategy's scope.

    Raises:
      DataError: if the data lacks the labels that the method needs, or has others.
      SettingsError: if a setting doesn't suit the data.
    """
    method = method_class(settings)
    if method.needs_labels:
        check_labels(data, settings.experiment)
    else:  # clusters are scored by labels, where there are some
        check_class_numbers(data)
    return method(settings, data.image_shape, data.num_classes)


def labelled_for(method: Method, data: ImageData, replicas: int) -> Labelled | None:
    """The labels that the method's phases take; None without any.

    Args:
      method: with its settings.
      data: whose training images are labelled.
      replicas: among which a labelled minibatch is divided.

    Raises:
      SettingsError: if a labelled minibatch exceeds the labelled images or can't be divided.
    """
    settings = method.settings
    if method.labels == "none":
        return None
    count = settings.labels.count if settings.labels else None
    rows = labelled_rows(data, count, settings.training.seed)
    if method.labels == "within":
        return Labelled(rows, data.train.labels, False, unlabelled=data.num_classes)
    size = settings.labels.minibatch
    if size > len(rows):
        expected = f"at most {len(rows)}, the number of labelled images"
        raise SettingsError("labelled_batch_size", size, expected)
    if size % replicas:
        expected = f"a multiple of {replicas}, the number of replicas"
        raise SettingsError("labelled_batch_size", size, expected)
    return Labelled(rows, data.train.labels, True, size)
