"""Runs that there are: restored from their newest checkpoint, and exported."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
from typing import Any

import numpy as np

from aae_tf import data as data_sources
from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.data import ImageData, Split
from aae_tf.data.images import shrunk
from aae_tf.errors import RunFolderError, UserError
from aae_tf.evaluation import Evaluator
from aae_tf.evaluation.inference import Inference
from aae_tf.methods import Method
from aae_tf.methods.build import method_class
from aae_tf.networks.layers import keras_defaults
from aae_tf.results import model_card
from aae_tf.results.run_folder import RunFolder, check_folder, identity
from aae_tf.serving import held_out
from aae_tf.serving.export import export_saved_model, write_config
from aae_tf.settings import DataSettings, EvaluationSettings, Settings
from aae_tf.settings.own import readable_name
from aae_tf.training.checkpoints import Checkpoints
from aae_tf.training.variables import averaged_variables, network_variables
from aae_tf.utils import evenly_spaced, to_bytes

OPEN_DATA = ("mnist", "fashion_mnist")  # whose licences let anybody pass their images on

logger = logging.getLogger(__name__)


def restore_run(
    folder: RunFolder, settings: Settings, image_shape, num_classes: int, trust_run: bool = False
) -> tuple[Method, Checkpoints]:
    """A run's method with its newest checkpoint's weights, or the averages of them.

    Args:
      folder: of the run.
      settings: the run's own.
      image_shape: `(height, width, channels)` of its data.
      num_classes: of its data, 0 without labels.
      trust_run: whether functions of the user's own that the settings name may be run: who made
        the folder chose them.

    Raises:
      RunFolderError: if there is no checkpoint yet, or such a function may not be run.
    """
    folder.check_trusted(settings, trust_run)
    method = method_class(settings)(settings, image_shape, num_classes)
    networks = network_variables(method.networks)
    averages = None
    if settings.training.average_decay:
        averages = averaged_variables(method.lasting_networks)
        networks = {name: value for name, value in networks.items() if name not in averages}
    run = identity(settings, folder.read_data())
    checkpoints = Checkpoints(folder.checkpoints, networks, averages=averages, run=run)
    if not checkpoints.restore():
        raise RunFolderError(f"--run_dir={folder.path}: has no checkpoint yet; train it first")
    return method, checkpoints


@keras_defaults()
def export(
    run_dir: pathlib.Path,
    model: pathlib.Path,
    trust_run: bool = False,
    evaluation: EvaluationSettings | None = None,
    *,
    data: ImageData | None = None,
) -> pathlib.Path:
    """Exports the newest checkpoint of a run; returns the SavedModel's folder.

    Codes of held-out images go with the model, unless the run's data isn't there.

    Args:
      run_dir: the run's folder; locked meanwhile, unless it can only be read.
      model: folder of the versions that it is added to.
      trust_run: see `restore_run`.
      data: of the run, where it was given in Python.
      evaluation: whose sampler is exported, if another than the run's settings have.
    """
    folder = RunFolder(run_dir)
    check_folder("export_dir", model.parent)
    settings = folder.read_settings()
    if evaluation is not None:
        settings = dataclasses.replace(settings, evaluation=evaluation)
    is_ours = os.access(folder.path, os.W_OK)
    with folder.locked() if is_ours else contextlib.nullcontext():
        return export_run(folder, model, settings, data, trust_run)


def export_run(
    folder: RunFolder,
    model: pathlib.Path,
    settings: Settings,
    data: ImageData | None,
    trust_run: bool,
) -> pathlib.Path:
    """Exports a run whose folder is locked; `data` is the run's, if it is loaded already."""
    described = folder.read_data()
    model_card.check_same_data(model, described)
    classes = described.get("num_classes", 0)
    method, _ = restore_run(folder, settings, described["image_shape"], classes, trust_run)
    codes = None
    try:
        if data is None:
            loaded = data_sources.load(settings.data)
            folder.check_data(loaded)
            data = loaded
        codes = _held_out_codes(method, data, with_images=images_may_go(settings.data))
    except UserError as error:
        logger.info("exporting without codes of held-out images: %s", error)
    sampler = Evaluator(method, seeds.root(settings.training.seed), data)
    sampler.fit_sampler(folder.path, keep=os.access(folder.path, os.W_OK))
    card = functools.partial(model_card.files_of, folder, settings)
    framing = data_sources.framing_of(settings.data)
    return export_saved_model(method, model, codes, card, framing)


def images_may_go(settings: DataSettings) -> bool:
    """Whether images may lie in an export, which is passed on more lightly than its data are."""
    return settings.dataset in OPEN_DATA and not data_sources.is_own(settings)


def _held_out_codes(method: Method, data: ImageData, with_images: bool) -> dict[str, Any]:
    """Codes of validation images, and maybe the images, for the explorer to draw."""
    rows = evenly_spaced(len(data.validation), held_out.AT_MOST)
    labels = None if data.validation.labels is None else data.validation.labels[rows]
    classes = data.class_names or tuple(map(str, range(data.num_classes)))
    # A category that was learned without labels is none of the data's classes.
    learned = tuple(f"cluster {number}" for number in range(method.num_categories))
    categories = learned if method.labels == "none" else classes[: method.num_categories]
    codes = Inference(method).encode(data.validation, rows=rows)
    # Of the user's own data the file's or folder's name, not where it lies.
    name = readable_name(pathlib.PurePath(data.name).name)
    images = small_images(data.validation, rows) if with_images else None
    return held_out.describe(name, codes, labels, classes, categories, data.feature_names, images)


def small_images(split: Split, rows: np.ndarray) -> np.ndarray | None:
    """Images of a split, uint8 and none larger than the explorer shows; None of features."""
    shape = split.images.shape[1:]
    if not is_picture(shape):
        return None
    scale = min(1, held_out.TILE_SIDE / max(shape[:2]))
    height, width = (max(1, int(side * scale)) for side in shape[:2])
    blocks = split.blocks("images", rows)
    return np.concatenate([to_bytes(shrunk(block, height, width)) for block in blocks])


def exported_run(folder: RunFolder, model: pathlib.Path, metrics) -> pathlib.Path | None:
    """The export of a run that is as it would be made now; by a session killed after it, say."""
    settings = folder.read_settings()
    for version, card in model_card.exports_of(folder, model, settings.evaluation).items():
        if card.get("metrics") == metrics and card.get("signatures"):
            write_config(model.parent)
            logger.info("exported already: %s", version)
            return version
    return None
