"""The log-likelihood of held-out images by a Parzen window on a method's samples (AAE, table 1)."""

from __future__ import annotations

import hashlib
import io
import json
import math
import pathlib
import time
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from aae_tf import seeds
from aae_tf.arrays import is_picture
from aae_tf.data import ImageData
from aae_tf.evaluation import parzen
from aae_tf.evaluation.parzen import CHUNK, ModelSamples, ParzenWindow, Sums, error_of_float32
from aae_tf.methods import Method
from aae_tf.settings import flatten
from aae_tf.training.distribution import uses_xla
from aae_tf.training.variables import digest, network_variables
from aae_tf.utils import evenly_spaced, note, progress_bar, write_aside

VALIDATION_IMAGES = 1000  # on which sigma is chosen, at most
FORMAT = "aae_tf parzen 1"


class LogLikelihood:
    """Evaluates a method's log-likelihood, a pass over its samples at a time.

    Args:
      method: whose samples are the window's.
      data: whose validation images choose sigma; `evaluate` scores the test images beside them.
      seed: of the samples; fewer of them are the first of more.
      folder: where a pass writes its unfinished sums, or None to write none.
    """

    def __init__(
        self,
        method: Method,
        data: ImageData,
        seed: seeds.Seed,
        folder: pathlib.Path | None = None,
    ):
        self._settings = method.settings
        self._xla = uses_xla(self._settings.execution.xla, method.networks.values())
        self._seed, self._folder = seed, folder
        self._method = method
        self._samples = ModelSamples(method, seed, self._xla)
        self._data = data  # whose test images may be hidden, and are looked at when scored
        rows = evenly_spaced(len(data.validation), VALIDATION_IMAGES)
        self._validation = _flat(data.validation.intensities(rows))
        self._centre = self._validation.mean(0, dtype=np.float64)
        self._unit = 1.0  # of sigmas: intensities are in 0..1, features of any size
        if not is_picture(data.image_shape):
            self._unit = math.sqrt(self._validation.var(0, dtype=np.float64).mean()) or 1.0
        self._state = ""

    def evaluate(self, count: int) -> dict[str, float]:
        """The log-likelihood by so many samples.

        Args:
          count: of samples.

        Returns:
          By 'split/name', 'log_likelihood_<count>': the mean of log p(x) over images, in nats, and
          'log_likelihood_<count>_standard_error': its standard error, for up to 1000 validation
          images and all test images; 'test/parzen_sigma_<count>': the sigma at which the former
          are most probable, in intensity; 'test/parzen_error_<count>': how far rounding to float32
          moves log p(x), see `error_of_float32`.
        """
        self._state = digest(network_variables(self._method.networks))
        sigma = self._best_sigma(count)
        test = _flat(self._data.test.intensities())
        both = np.concatenate([self._validation, test])
        window = ParzenWindow(both, self._centre, [sigma], self._xla)
        sums = self._pass(window, both, count, f"{count}_score", "log-likelihood of test images")
        log_densities = window.log_densities(sums)[:, 0]
        parts = np.split(log_densities, [len(self._validation)])
        metrics = {}
        for split, part in zip(("validation", "test"), parts, strict=True):
            name = f"{split}/log_likelihood_{count}"
            metrics[name] = float(part.mean())
            if len(part) > 1:
                metrics[f"{name}_standard_error"] = float(part.std(ddof=1) / math.sqrt(len(part)))
        metrics[f"test/parzen_sigma_{count}"] = sigma
        metrics[f"test/parzen_error_{count}"] = error_of_float32(
            test, self._centre, sigma, self._samples, count, self._xla
        )
        return metrics

    def of_validation(self, count: int) -> float:
        """The log-likelihood of all validation images by so many samples, and of nothing else.

        It says which of several models is likelier to be better, not how good it is: sigma is the
        one at which up to 1000 of the same images are most probable.

        Args:
          count: of samples.

        Returns:
          The mean of log p(x) over the images, in nats.
        """
        self._state = digest(network_variables(self._method.networks))
        sigma = self._best_sigma(count)
        images = _flat(self._data.validation.intensities())
        window = ParzenWindow(images, self._centre, [sigma], self._xla)
        sums = self._pass(window, images, count, f"{count}_validation", "log-likelihood")
        return float(window.log_densities(sums).mean())

    def _best_sigma(self, count: int) -> float:
        """The sigma at which the validation images are most probable under so many samples."""
        sigmas = parzen.SIGMAS * self._unit
        for shift in range(parzen.SHIFTS + 1):
            window = ParzenWindow(self._validation, self._centre, sigmas, self._xla)
            name = f"{count}_choice_{shift}"
            sums = self._pass(window, self._validation, count, name, "choosing sigma")
            means = window.log_densities(sums).mean(0)
            if not parzen.is_at_an_end(means):
                return parzen.best_sigma(sigmas, means)
            if shift < parzen.SHIFTS:
                sigmas = parzen.moved(sigmas, means)
        best = parzen.best_sigma(sigmas, means)
        note(f"log-likelihood: no sigma is best on validation images, {best:.3g} is taken")
        return best

    def _pass(
        self, window: ParzenWindow, images: np.ndarray, count: int, name: str, label: str
    ) -> Sums:
        """The sums over the first `count` samples, from where an earlier process left them."""
        path = None if self._folder is None else self._folder / f"{name}.npz"
        partial = PartialSums(path, self._identity(window, images, count))
        sums = partial.read(window.start()) or window.start()
        chunks, done = math.ceil(count / CHUNK), math.ceil(sums.count / CHUNK)
        if done == chunks:
            return sums
        pause, last = 60 * self._settings.execution.checkpoint_minutes, time.monotonic()
        try:
            numbers = range(done, chunks)
            for number in progress_bar(chunks, "chunk", done, True, True, label, numbers):
                some = min(CHUNK, count - number * CHUNK)
                # Replaced as a whole, so that an interruption leaves one chunk's sums or the next.
                sums = window.add(sums, self._samples.chunk(number), some)
                if time.monotonic() - last >= pause:
                    partial.write(sums)
                    last = time.monotonic()
        finally:
            partial.write(sums)
        return sums

    def _identity(self, window: ParzenWindow, images: np.ndarray, count: int) -> Mapping[str, Any]:
        return {
            "format": FORMAT,
            "settings": flatten(self._settings, only_changing_run=True),
            "weights": self._state,
            "seed": self._seed.numpy().tolist(),
            "samples": count,
            "chunk": CHUNK,
            "sigmas": window.sigmas.tolist(),
            "images": hashlib.sha256(np.ascontiguousarray(images)).hexdigest(),
        }


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


class PartialSums:
    """The file of the sums of one pass over the samples.

    Args:
      path: of the file, or None for no file.
      identity: all that the sums hang on, as JSON; those of another identity are not read.
    """

    def __init__(self, path: pathlib.Path | None, identity: Mapping[str, Any]):
        self._path = path
        self._identity = json.dumps(identity, sort_keys=True)

    def read(self, like: Sums) -> Sums | None:
        """The sums of the file, or None if there are none, or none that can be used.

        Args:
          like: sums of the same shapes.
        """
        if self._path is None:
            return None
        try:
            with open(self._path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                if str(arrays["identity"]) != self._identity:
                    return None
                sums = Sums(int(arrays["count"]), arrays["largest"], arrays["weights"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
            return None
        pairs = (sums.largest, like.largest), (sums.weights, like.weights)
        fits = all(one.shape == other.shape and one.dtype == other.dtype for one, other in pairs)
        return sums if fits else None

    def write(self, sums: Sums) -> None:
        """Writes the sums, instead of older ones."""
        if self._path is None:
            return
        content = io.BytesIO()
        identity = np.array(self._identity)
        arrays = {"count": sums.count, "largest": sums.largest, "weights": sums.weights}
        np.savez(content, identity=identity, **arrays)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(self._path, content.getvalue())
