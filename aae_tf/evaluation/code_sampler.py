"""Fits what samples are drawn from, where that isn't the prior, and keeps the fit with the run."""

from __future__ import annotations

import io
import json
import logging
import pathlib
from typing import Any

import numpy as np

from aae_tf import seeds
from aae_tf.arrays.files import open_arrays
from aae_tf.data import ImageData
from aae_tf.errors import DataError, RunFolderError, SettingsError
from aae_tf.evaluation.inference import Inference
from aae_tf.methods import Method
from aae_tf.priors.fitted import GaussianSum, fit_kernels, fit_mixture
from aae_tf.settings import Settings
from aae_tf.training.variables import digest, network_variables
from aae_tf.utils import evenly_spaced, write_aside

FORMAT = 1  # a new number for whatever changes a fit: older files are then left alone
CODES, NUMBERS = 10_000, 2**24  # that are fitted to, at most: so many, of so many numbers in all
HELD_OUT = 1000  # codes of validation images, by which a bandwidth is chosen
ARRAYS = ("weights", "means", "scales")

logger = logging.getLogger(__name__)


def check(settings: Settings, train_images: int) -> None:
    """Checks that there are codes enough to fit to.

    Args:
      settings: of the run.
      train_images: how many there are.

    Raises:
      SettingsError: if there are fewer than a mixture's Gaussians.
    """
    components, most = settings.evaluation.sampler_components, _codes(settings, train_images)
    if settings.evaluation.sampler == "gmm" and components > most:
        expected = f"at most {most}, the number of codes that they are fitted to"
        raise SettingsError("sampler_components", components, expected)


def _codes(settings: Settings, train_images: int) -> int:
    return min(train_images, CODES, NUMBERS // settings.prior.latent_dim)


class CodeSampler:
    """Gives a method what its settings' sampler fits to codes of training images.

    Codes are draws of q(z|x) for clean images, evenly spaced ones, by the weights that are
    evaluated. Of a decoder that takes a category beside the code, only the code z is fitted to.

    Args:
      method: its weights may change between calls.
      seed: of the run.
      data: of the run; None where only a fit that was kept will do.
    """

    def __init__(self, method: Method, seed: seeds.Seed, data: ImageData | None):
        self._method, self._data = method, data
        self._seed = seeds.fold(seed, "sampler")
        self._settings = method.settings
        self._state, self._density = "", None  # of the weights at the last fit, and the fit

    def fit(self, folder: pathlib.Path | None = None, keep: bool = True) -> None:
        """Has the method draw from the fit to its codes; does nothing if the prior is to be it.

        Args:
          folder: of the run, where a fit to the codes of the same weights may lie.
          keep: whether a new one is to lie there, too.

        Raises:
          RunFolderError: if there is neither such a fit nor the run's data.
        """
        kind = self._settings.evaluation.sampler
        if kind == "prior":
            return
        state = digest(network_variables(self._method.lasting_networks))
        density = self._density if state == self._state else None
        if folder is not None:
            path, identity = folder / f"sampler_{kind}.npz", self._identity(state)
            kept = self._read(path, identity)
            density = kept or density or self._fit(path)
            if keep and kept is None:
                _write(path, density, identity)
        elif density is None:
            density = self._fit()
        if density is not self._density:
            self._method.fitted = density.distribution(self._method.dtype)
        self._state, self._density = state, density

    def _identity(self, state: str) -> str:
        """All that a fit hangs on, as JSON, the data apart, which no run changes."""
        evaluation = self._settings.evaluation
        identity: dict[str, Any] = {
            "format": FORMAT,
            "sampler": evaluation.sampler,
            "weights": state,
            "seed": self._seed.numpy().tolist(),
        }
        if evaluation.sampler == "gmm":
            identity["components"] = evaluation.sampler_components
        return json.dumps(identity, sort_keys=True)

    def _fit(self, path: pathlib.Path | None = None) -> GaussianSum:
        if self._data is None:
            raise RunFolderError(
                f"{path}: holds no fit of these weights, and the run's data isn't there for one; "
                "expected the data, or --sampler=prior"
            )
        evaluation, train = self._settings.evaluation, self._data.train
        check(self._settings, len(train))
        if path is not None:  # else it is for a picture alone
            logger.info("sampler: %s", evaluation.fitted)
        rows = evenly_spaced(len(train), _codes(self._settings, len(train)))
        # Compiled anew: a bit may hang on what sizes came before.
        inference = Inference(self._method)
        codes = inference.encode(train, self._seed, rows)
        if evaluation.sampler == "gmm":
            number = int(self._seed.numpy()[0]) & 0x7FFFFFFF
            return fit_mixture(codes, evaluation.sampler_components, number)
        validation = self._data.validation
        rows = evenly_spaced(len(validation), HELD_OUT)
        seed = seeds.fold(self._seed, "held_out")
        return fit_kernels(codes, inference.encode(validation, seed, rows))

    def _read(self, path: pathlib.Path, identity: str) -> GaussianSum | None:
        """The fit that a file holds; None if there is none, or not this one."""
        if not path.exists():
            return None
        try:
            with open_arrays(str(path), path) as arrays:
                if not {"identity", *ARRAYS} <= {*arrays.names}:
                    raise ValueError("it lacks an array")
                if str(arrays.read("identity")) != identity:
                    return None
                density = GaussianSum(*(arrays.read(name) for name in ARRAYS))
            density.check(self._method.latent_dim)
        except (DataError, ValueError) as error:
            logger.info("%s is fitted again: %s", path, error)
            return None
        return density


def _write(path: pathlib.Path, density: GaussianSum, identity: str) -> None:
    content = io.BytesIO()
    arrays = {name: getattr(density, name) for name in ARRAYS}
    np.savez(content, identity=np.array(identity), **arrays)
    write_aside(path, content.getvalue())
