"""What all models can: fit, encode, decode, reconstruct, sample, score, evaluate, export."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from aae_tf import experiments
from aae_tf.errors import RunFolderError, SettingsError, UserError, any_of
from aae_tf.models import arguments
from aae_tf.results.run_folder import RunFolder
from aae_tf.settings import Settings, flatten, override, own_functions
from aae_tf.settings.own import GIVEN, given_in_python, load_function

if TYPE_CHECKING:
    import keras

    from aae_tf.data import ImageData, Split
    from aae_tf.evaluation.inference import Inference
    from aae_tf.methods import Method

SCORES = ("reconstruction_error", "prior_log_density", "discriminator_logit", "nearest_code")
NEAREST_OF = 10_000  # codes of training examples, at most


class NotFittedError(UserError, ValueError):
    """A model was asked before it was fitted."""


class Model:
    """A model of one of the catalogue's experiments.

    Examples are images `(n, height, width[, 1 or 3])`, uint8 in 0..255 or floats in 0..1, or
    features `(n, d)` or `(n, ...)`, of any range. What comes out is numpy. Settings that aren't
    given are the recipe's; for features the decoder's output is linear by default.

    Args:
      experiment: whose settings to start from; one of the class's `experiments`.
      recipe: of the experiment; by default its better one.
      encoder: a `keras.Model` from examples to codes, or a function that makes one; or the name of
        a kind of q(z|x), as `--encoder` has it. See docs/your_own.md.
      decoder: a `keras.Model` from codes to examples, or a function that makes one.
      discriminator: a `keras.Model` from codes to logits, or a function that makes one.
      prior: a name; an object with `sample(shape, seed)`, such as a `tfp` distribution; or a
        function of `latent_dim` that returns one.
      **settings: any other flag of the experiment, by name (`aae-tf --experiment=... --help`).

    Raises:
      SettingsError: if a setting is wrong.
    """

    experiments: ClassVar[tuple[str, ...]] = ()
    _estimator_type: ClassVar[str | None] = None  # as scikit-learn has it

    def __init__(
        self,
        experiment: str | None = None,
        recipe: str | None = None,
        *,
        encoder: Any = None,
        decoder: Any = None,
        discriminator: Any = None,
        prior: Any = None,
        **settings: Any,
    ):
        name = experiment or (self.experiments or ("gaussian",))[0]
        if self.experiments and name not in self.experiments:
            expected = any_of(name, self.experiments)
            raise SettingsError("experiment", name, expected)
        self._experiment, self._recipe = name, recipe
        self._params = {"experiment": experiment, "recipe": recipe, "prior": prior, **settings}
        self._params |= {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        networks = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
        given = {"prior": prior, **networks, **settings}
        self._given, self._objects = arguments.settings_and_objects(given)
        self._settings = self._settings_for(features=False)
        self._folder: RunFolder | None = None
        self._data: ImageData | None = None
        self._restored: Method | None = None
        self._trained: Mapping[str, keras.Model] = {}  # the networks while they are in training
        self._made_inference: Inference | None = None
        self._is_temporary = False
        self.stop_training = False

    def __repr__(self) -> str:
        state = "not fitted" if self._folder is None else str(self.run_dir or "fitted")
        return f"{type(self).__name__}(experiment={self._experiment!r}, {state})"

    def __sklearn_is_fitted__(self) -> bool:
        return self._folder is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils

        found = {"transformer_tags": utils.TransformerTags()}
        if self._estimator_type == "classifier":
            found["classifier_tags"] = utils.ClassifierTags()
        return utils.Tags(self._estimator_type, utils.TargetTags(required=False), **found)

    def __getstate__(self) -> dict[str, Any]:
        if self._folder is not None:
            expected = "expected fit(run_dir=...), and aae_tf.load(run_dir) in the other place"
            raise TypeError(f"a model that is fitted is neither pickled nor copied; {expected}")
        return self.__dict__

    def __sklearn_clone__(self) -> Model:
        import keras

        for name, value in self._params.items():
            if isinstance(value, keras.Model):
                expected = "expected a function that makes it, so that a clone begins anew"
                raise UserError(f"{name}: a keras.Model, which fit() trains; {expected}")
        return type(self)(**self._params)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the model was made with, by name, as scikit-learn's estimators have it."""
        return dict(self._params)

    def set_params(self, **params: Any) -> Model:
        """Makes the model anew, unfitted, with some of `get_params` changed; returns it."""
        self.__init__(**(self._params | params))  # type: ignore[misc]
        return self

    def get_weights(self) -> list[np.ndarray]:
        """The weights of all networks, for callbacks such as EarlyStopping."""
        return [weight.numpy() for weight in self._weights()]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Sets the weights of all networks; in training they are the run's from then on."""
        for weight, value in zip(self._weights(), weights, strict=True):
            weight.assign(value)

    def _weights(self) -> list[Any]:
        networks = self._trained or self._method.networks
        return [weight for network in networks.values() for weight in network.weights]

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by flag name, as settings.json has them."""
        return flatten(self._settings)

    @property
    def run_dir(self) -> pathlib.Path | None:
        """Where the run lies; None before `fit`, and where nothing is to be left behind."""
        return None if self._folder is None or self._is_temporary else self._folder.path

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the labels, where they have names."""
        described = self._fitted_folder().read_data()
        return tuple(described.get("class_names", ()))

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        validation_data: Any = None,
        run_dir: str | pathlib.Path | None = None,
        callbacks: Sequence[Any] = (),
        steps_per_epoch: int | None = None,
        verbose: int = 1,
    ) -> keras.callbacks.History:
        """Trains; called again, it goes on for as many epochs.

        Args:
          x: examples; or a `tf.data.Dataset` of batches `x` or `(x, y)`; or the name of a data
            set, a file or a folder, as `--dataset` takes it.
          y: labels `(n,)`: whole numbers from 0 or words; -1 for none.
          validation_data: examples, or a pair of examples and labels, or a Dataset; by default a
            sixth of x is set aside.
          run_dir: where all is kept that a run of the command keeps; a run that is there goes on.
            None leaves nothing behind.
          callbacks: of Keras's interface: `on_train_begin`, `on_epoch_begin`, `on_epoch_end(epoch,
            logs)` with the metrics of metrics.csv, `on_train_end`; `self.model.stop_training`.
          steps_per_epoch: for a Dataset without an end. Such a run can't be resumed to the bit.
          verbose: 0 for silence.

        Returns:
          Keras's History, with the metrics of each epoch by name.

        Raises:
          UserError: if something given can't be used.
          KeyboardInterrupt: at Ctrl-C, once a checkpoint is written; `fit` again goes on.
        """
        from aae_tf.models import fitting

        return fitting.fit(
            self, x, y, validation_data, run_dir, callbacks, steps_per_epoch, bool(verbose)
        )

    def encode(self, x: Any) -> np.ndarray:
        """Codes `(n, latent_dim)` of examples, float32: the centre of q(z|x)."""
        return self._of_examples(x, lambda inference, split: inference.encode(split))

    def transform(self, x: Any) -> np.ndarray:
        """The same as `encode`, by scikit-learn's name, for a step of a Pipeline."""
        return self.encode(x)

    def fit_transform(self, x: Any, y: Any = None, **fit: Any) -> np.ndarray:
        """`fit`, then `transform` of the same examples."""
        self.fit(x, y, **fit)
        return self.transform(x)

    def decode(self, codes: Any, labels: Any = None) -> np.ndarray:
        """Examples of codes `(n, latent_dim)`, float32.

        Args:
          codes: to decode.
          labels: `(n,)`, the categories where the decoder takes one.
        """
        method = self._method
        codes = np.asarray(codes, np.float32)
        if codes.ndim != 2 or codes.shape[1] != method.latent_dim:
            raise UserError(f"codes: shape {codes.shape}, expected (n, {method.latent_dim})")
        if bool(method.num_categories) != (labels is not None):
            expected = f"{len(codes)} categories" if method.num_categories else "none"
            raise UserError(f"labels: {'none' if labels is None else 'some'}, expected {expected}")
        return self._inference.decode(codes, None if labels is None else np.asarray(labels))

    def reconstruct(self, x: Any, y: Any = None) -> np.ndarray:
        """Examples decoded from examples' codes; labels `(n,)` where the decoder needs them."""
        return self._of_examples(x, lambda inference, split: inference.reconstruct(split), y)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Examples decoded from `n` samples of the prior, or of `sampler`: a function of the seed.

        The signature `sample` gives the same for the seed (seed, 0).
        """
        import tensorflow as tf

        if n < 0:
            raise UserError(f"n: {n}, expected 0 or more")
        method = self._method
        drawn = {k: np.asarray(v) for k, v in method.draw(tf.constant([seed, 0]), n).items()}
        return self._inference.decode(drawn["codes"], drawn.get("labels"))

    def score_samples(self, x: Any, score: str = "reconstruction_error") -> np.ndarray:
        """How usual each example is, `(n,)`: the higher, the more, as in scikit-learn.

        Args:
          x: examples.
          score: 'reconstruction_error' (its negative); 'prior_log_density' of the code, in nats;
            'discriminator_logit' of 'this is a sample of the prior'; or 'nearest_code', less the
            distance to the nearest code of up to 10,000 training examples.
        """
        if score not in SCORES:
            raise UserError(f"score: {score!r}, expected {any_of(score, SCORES)}")
        if score == "nearest_code":
            return -self._distance_to_nearest(self.encode(x))
        found = self._of_examples(x, lambda inference, split: inference.scores(split))
        if score not in found:
            raise UserError(f"score: {score!r}, expected for this model {any_of(score, found)}")
        return -found[score] if score == "reconstruction_error" else found[score]

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """The metrics of metrics.csv on examples and their labels, by name (docs/metrics.md)."""
        from aae_tf import seeds
        from aae_tf.evaluation import Evaluator

        with self._ready():
            split = self._split(x, y)
            data = self._data or arguments.only(split, self.class_names)
            seed = seeds.root(self._settings.training.seed)
            return Evaluator(self._method, seed, data).evaluate(split)

    def export(self, path: str | pathlib.Path) -> pathlib.Path:
        """Writes a SavedModel as the next version below `path`; returns the version's folder."""
        folder, path = self._fitted_folder(), pathlib.Path(path)
        with self._ready():
            from aae_tf.runs.export import export

            data, name = self._data, path.name
            return export(folder.path, path.parent / name, True, data=data)

    # What the models and `fitting` share.

    def _settings_for(self, *, features: bool) -> Settings:
        # Standardised values, like features, aren't within 0 and 1.
        features = features or bool(self._given.get("standardize"))
        base = experiments.settings_for(self._experiment, self._recipe, features=features)
        return override(base, self._given)

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        """Within it TensorFlow is there, Keras has its defaults, and objects can be found."""
        from aae_tf.runs import import_tensorflow_quietly

        import_tensorflow_quietly()
        from aae_tf.networks.layers import keras_defaults

        with keras_defaults(), given_in_python(self._objects):
            yield

    def _keep_temporarily(self) -> pathlib.Path:
        """A folder that goes with the model."""
        folder = tempfile.mkdtemp(prefix="aae_tf-")
        weakref.finalize(self, arguments.remove, folder)
        self._is_temporary = True
        return pathlib.Path(folder) / "run"

    def _fitted_folder(self) -> RunFolder:
        if self._folder is None:
            raise NotFittedError("the model isn't fitted; expected fit() first, or aae_tf.load()")
        return self._folder

    @property
    def _method(self) -> Method:
        """The method with the weights of the newest checkpoint, or their averages."""
        if self._restored is None:
            folder = self._fitted_folder()
            with self._ready():
                from aae_tf.runs.export import restore_run

                described = folder.read_data()
                shape, classes = described["image_shape"], described.get("num_classes", 0)
                method, _ = restore_run(folder, self._settings, shape, classes, True)
                if self._settings.evaluation.sampler != "prior":
                    self._fit_sampler(method, folder)
                self._restored, self._made_inference = method, None
        return self._restored

    def _fit_sampler(self, method: Method, folder: RunFolder) -> None:
        """Has the method draw from what was fitted to its codes, and is kept with the run."""
        from aae_tf import seeds
        from aae_tf.evaluation import Evaluator

        seed = seeds.root(self._settings.training.seed)
        Evaluator(method, seed, self._data).fit_sampler(folder.path, keep=False)

    @property
    def _inference(self) -> Inference:
        from aae_tf.evaluation.inference import Inference

        method = self._method
        if self._made_inference is None:
            self._made_inference = Inference(method)
        return self._made_inference

    def _split(self, x: Any, y: Any = None) -> Split:
        shape = tuple(self._method.image_shape)
        return arguments.as_split(x, y, shape, self.class_names)

    def _of_examples(self, x: Any, function: Callable, y: Any = None) -> Any:
        with self._ready():
            return function(self._inference, self._split(x, y))

    def _distance_to_nearest(self, codes: np.ndarray) -> np.ndarray:
        from sklearn.neighbors import NearestNeighbors

        from aae_tf.utils import evenly_spaced

        if self._data is None:
            self._data = arguments.data_of(self._settings)
        train = self._data.train
        rows = evenly_spaced(len(train), NEAREST_OF)
        with self._ready():
            known = self._inference.encode(train, rows=rows)
        neighbours = NearestNeighbors(n_neighbors=1).fit(known)
        return neighbours.kneighbors(codes)[0][:, 0]


def load(run_dir: str | pathlib.Path, **objects: Any) -> Model:
    """The model of a run, of the command or of `fit`.

    Args:
      run_dir: the run's folder.
      **objects: networks, prior, cost or divergence that were given in Python, by name. Functions
        that the run names as package.module:function are imported and called.

    Raises:
      RunFolderError: if the folder holds no run with a checkpoint.
    """
    from aae_tf import models

    folder = RunFolder(pathlib.Path(run_dir))
    settings = folder.read_settings()
    if not folder.has_checkpoint:
        raise RunFolderError(f"run_dir: {run_dir} has no checkpoint yet; expected a trained run")
    kinds = [getattr(models, name) for name in models.__all__ if name not in ("Model", "load")]
    kind = next((k for k in kinds if settings.experiment in k.experiments), Model)
    model = kind(settings.experiment, settings.recipe)
    model._settings, model._folder = settings, folder
    _, model._objects = arguments.settings_and_objects(objects)
    for flag, spec in own_functions(settings).items():
        if spec.startswith(GIVEN):
            with given_in_python(model._objects):
                load_function(flag, spec)  # else it would be missed at the first question
    model._given = {k: v for k, v in flatten(settings).items() if k not in ("experiment", "recipe")}
    by_name = {k: v for k, v in model._given.items() if not str(v).startswith(GIVEN)}
    model._params |= by_name | objects
    return model
