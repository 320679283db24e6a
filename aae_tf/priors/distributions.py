"""The distributions that a code is matched to, as `tfp.distributions`.

An adversary needs nothing of a prior but samples (AAE, section 2), so a prior of the user's own may
be any object with `sample(shape, seed)`; those here also have `log_prob`, for evaluation and
figures.
"""

from __future__ import annotations

import itertools
import math
import traceback
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from aae_tf import seeds
from aae_tf.errors import SettingsError
from aae_tf.settings import PriorSettings, parse_shares
from aae_tf.settings.own import load_function

# The layouts of the ring and the roll, which the AAE paper doesn't give in numbers: they come from
# the implementation github.com/musyoku/adversarial-autoencoder (aae/sampler.py), whose choices
# others took over, most of them with the tangential sd of 0.1.
RING_RADIUS, RING_RADIAL_SD, RING_TANGENTIAL_SD = 1.4, 0.5, 0.1
ROLL_RADIUS, ROLL_TURNS = 3.0, 2.0
BLOCK_OF_PAIRS = 1_000_000  # of points and nodes of the curve, held in memory at a time


def gaussian(dim: int, scale: float = 1.0, dtype=tf.float32) -> tfd.Distribution:
    """N(0, scale^2 I) on `(dim,)`."""
    zeros = tf.zeros(dim, dtype)
    return tfd.MultivariateNormalDiag(zeros, scale_diag=zeros + scale, name="gaussian")


def ring_mixture(components: int = 10, dtype=tf.float32) -> tfd.MixtureSameFamily:
    """Equal 2-D Gaussians around a ring, long axes radial (AAE, figures 2b and 4a).

    Component k is centred at angle 2 pi k / components.
    """
    angles = 2 * math.pi * np.arange(components) / components
    radial = np.stack([np.cos(angles), np.sin(angles)], -1)
    tangential = np.stack([-np.sin(angles), np.cos(angles)], -1)
    axes = np.stack([RING_RADIAL_SD * radial, RING_TANGENTIAL_SD * tangential], -1)
    scale = np.linalg.cholesky(axes @ np.swapaxes(axes, -1, -2))
    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=tf.zeros(components, dtype)),
        tfd.MultivariateNormalTriL(
            tf.constant(RING_RADIUS * radial, dtype), tf.constant(scale, dtype)
        ),
        name="ring_mixture",
    )


class SwissRoll(tfd.Distribution):
    """A 2-D spiral of two turns with Gaussian thickness (AAE, figure 4c).

    With u uniform in 0..1, the curve is 3 sqrt(u) (cos 4 pi sqrt(u), sin 4 pi sqrt(u)); a sample
    is a point of it plus N(0, thickness^2 I). The density is the integral of that Gaussian along
    the curve, summed at midpoints closer than a quarter of the thickness.

    Args:
      thickness: sd around the curve. At 0 the prior can be sampled but has no density.
      dtype: of the samples.
    """

    def __init__(self, thickness: float = 0.1, dtype=tf.float32, name: str = "swiss_roll"):
        parameters = dict(locals())
        self._thickness = float(thickness)
        super().__init__(
            dtype=dtype,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    @classmethod
    def _parameter_properties(cls, dtype, num_classes=None):
        return {}

    @property
    def thickness(self) -> float:
        return self._thickness

    def _batch_shape(self):
        return tf.TensorShape([])

    def _event_shape(self):
        return tf.TensorShape([2])

    def _event_shape_tensor(self):
        return tf.constant([2], tf.int32)

    def curve(self, root_u):
        """Points of the curve; `root_u` is sqrt(u), in 0..1, of any shape; adds an axis of 2."""
        angle = 2 * math.pi * ROLL_TURNS * root_u
        return ROLL_RADIUS * root_u[..., None] * tf.stack([tf.cos(angle), tf.sin(angle)], -1)

    def _sample_n(self, n, seed=None):
        along, across = tfp.random.split_seed(seed, n=2, salt="swiss_roll")
        root_u = tf.sqrt(tf.random.stateless_uniform([n], along, dtype=self.dtype))
        noise = tf.random.stateless_normal([n, 2], across, dtype=self.dtype)
        return self.curve(root_u) + self._thickness * noise

    def _log_prob(self, value):
        return self.log_prob_of_parts(value, 1)[..., 0]

    def log_prob_of_parts(self, value, parts: int):
        """Log of what each of so many stretches of u adds to the density, `(..., parts)`.

        Each stretch has midpoints of its own, so that none lies in two of them.
        """
        if self._thickness == 0:
            raise NotImplementedError("a swiss roll of thickness 0 has samples but no density")
        length = ROLL_RADIUS * math.hypot(1, 2 * math.pi * ROLL_TURNS)  # no less than the curve's
        whole = max(256, math.ceil(4 * length / self._thickness))
        edges = np.sqrt(np.arange(parts + 1) / parts)  # of sqrt(u)
        widths = np.diff(edges)
        counts = np.ceil(whole * widths).astype(int)
        nodes = [(np.arange(n) + 0.5) / n for n in counts]
        root_u = np.concatenate(
            [lo + w * n for lo, w, n in zip(edges, widths, nodes, strict=False)]
        )
        root_u = tf.constant(root_u, self.dtype)
        curve = self.curve(root_u)
        variance = self._thickness**2
        density = tf.constant(np.repeat(counts / widths, counts), self.dtype)  # of the nodes
        log_weights = tf.math.log(2 * root_u / density)  # du = 2 sqrt(u) d sqrt(u)
        ends = [0, *np.cumsum(counts)]

        def log_density(points):
            squared = tf.reduce_sum((points[:, None, :] - curve) ** 2, -1)
            terms = log_weights - squared / (2 * variance)
            sums = [
                tf.reduce_logsumexp(terms[:, low:high], -1)
                for low, high in itertools.pairwise(ends)
            ]
            return tf.stack(sums, -1) - math.log(2 * math.pi * variance)

        # In blocks, since all pairs of many points and a long curve don't fit in memory.
        points, rows = tf.reshape(value, [-1, 2]), max(1, BLOCK_OF_PAIRS // ends[-1])
        number = tf.shape(points)[0]
        padded = tf.pad(points, [[0, -number % rows], [0, 0]])
        done = tf.map_fn(log_density, tf.reshape(padded, [-1, rows, 2]))
        flat = tf.reshape(done, [-1, parts])[:number]
        return tf.reshape(flat, tf.concat([tf.shape(value)[:-1], [parts]], 0))


def uniform(dim: int, half_width: float = 1.0, dtype=tf.float32) -> tfd.Distribution:
    """Uniform on the cube [-half_width, half_width]^dim."""
    edge = tf.fill([dim], tf.constant(half_width, dtype))
    return tfd.Independent(tfd.Uniform(-edge, edge), 1, name="uniform")


def sphere(dim: int, dtype=tf.float32) -> tfd.Distribution:
    """Uniform on the unit sphere in R^dim; `log_prob` is relative to the sphere's area."""
    return tfd.SphericalUniform(dim, dtype=dtype, name="sphere")


def categorical(classes: int, dtype=tf.float32, shares: str = "equal") -> tfd.Distribution:
    """One-hot vectors of classes, equally probable as in the paper (AAE, section 5) or by shares.

    Args:
      classes: how many.
      dtype: of the samples.
      shares: how probable each class is, as `settings.parse_shares` reads it.

    Raises:
      SettingsError: if they are of another number of classes.
    """
    read = parse_shares(shares)
    if isinstance(read, float):
        logits = tf.constant(np.arange(classes) * math.log(read), dtype)
    elif len(read) == classes:
        logits = tf.constant(np.log(read), dtype)
    else:
        expected = f"{classes} numbers, one for each category"
        raise SettingsError("category_shares", shares, expected)
    return tfd.OneHotCategorical(logits=logits, dtype=dtype, name="categorical")


class UserPrior:
    """A prior of the user's: whatever has `sample(shape, seed)`, made fit for compiled training.

    An object that can't be traced by TensorFlow (one that draws with numpy, say) is called from
    the graph as a Python function; it trains as any other but can't be exported.

    Args:
      source: the user's object.
      dim: size of a sample.
      dtype: of the samples.

    Attributes:
      raised: the traceback of what the object raised last, if it did.

    Raises:
      SettingsError: if samples have another shape or don't depend on the seed.
    """

    def __init__(self, source: Any, dim: int, dtype=tf.float32, flag_value: str = ""):
        self._source, self._dim, self.dtype = source, dim, dtype
        self._sample = _converted(source.sample)
        self._flag_value = flag_value
        self.raised = ""
        self.traceable = self._can_be_traced()
        self._takes_negative_seeds = self._draws_by(np.array([-1, -(2**31)], np.int32))
        if hasattr(source, "log_prob"):
            self.log_prob = _converted(source.log_prob)
        self._check()

    def sample(self, shape, seed):
        """Draws `shape + (dim,)` with `seed`, int32 `(2,)`."""
        static = tf.get_static_value(tf.convert_to_tensor(shape, tf.int32))
        if static is None:
            shape = tf.reshape(shape, [-1])
            known = [None] * shape.shape[0]
        else:
            known = np.atleast_1d(static).tolist()
            shape = tuple(known)
        if self.traceable:
            drawn = tf.cast(self._sample(shape, seed=seed), self.dtype)
        else:
            drawn = tf.numpy_function(self._draw, [shape, seed], self.dtype)
        return tf.ensure_shape(drawn, [*known, self._dim])

    def _draw(self, shape, seed):
        seed = np.asarray(seed)
        if not self._takes_negative_seeds:  # as NumPy's generators don't
            seed = seed.view(np.uint32).astype(np.int64)
        try:
            drawn = self._source.sample(tuple(int(n) for n in shape), seed=seed)
        except Exception:  # of which TensorFlow keeps no more than a text
            self.raised = traceback.format_exc()
            raise
        return np.asarray(drawn, tf.as_dtype(self.dtype).as_numpy_dtype)

    def _draws_by(self, seed: np.ndarray) -> bool:
        try:
            return self._source.sample((4,), seed=seed) is not None
        except Exception:  # whatever it says to such a seed
            return False

    def _can_be_traced(self) -> bool:
        draw = tf.function(lambda seed: self._source.sample((4,), seed=seed))
        try:
            drawn = [draw(seeds.root(number)) for number in (1, 2)]
        except Exception:  # whatever it is, the object wants real numbers instead of symbols
            return False
        # A numpy sampler that ignores its arguments' values would be traced to a constant.
        return not np.array_equal(*drawn)

    @property
    def exportable(self) -> bool:
        """Whether a graph can hold it for a number of samples that isn't known beforehand."""
        spec = (tf.TensorSpec([1], tf.int32), tf.TensorSpec([2], tf.int32))
        draw = tf.function(lambda shape, seed: self._source.sample(shape, seed=seed))
        try:
            return self.traceable and draw.get_concrete_function(*spec) is not None
        except Exception:  # as above
            return False

    def _check(self):
        def fail(expected):
            raise SettingsError("prior", self._flag_value, expected) from None

        try:
            shape = np.shape(self._draw((5,), np.array([1, 2], np.int32)))
        except Exception as error:
            fail(f"an object whose sample((5,), seed=[1, 2]) works; it raised {error!r}")
        if shape != (5, self._dim):
            fail(f"samples of shape (5, {self._dim}) from sample((5,), seed); got {shape}")
        try:  # of a run's seeds any may be negative
            again = [self._draw((5,), np.array([n, -2], np.int32)) for n in (1, 1, -(2**31))]
        except Exception as error:
            fail(f"an object whose sample((5,), seed=[1, 4294967294]) works; it raised {error!r}")
        if not np.array_equal(again[0], again[1]):
            fail("the same samples for the same seed")
        if np.array_equal(again[0], again[2]):
            fail("other samples for another seed")


def _converted(function):
    """The function, whose Python AutoGraph turns into a graph where it is called from one."""
    traced = tf.function(function)

    def call(*args, **kwargs):
        return (function if tf.executing_eagerly() else traced)(*args, **kwargs)

    return call


def _user_object(spec: str, dim: int):
    """What the function that 'package.module:function' names returns for the latent size."""
    make = load_function("prior", spec)
    if hasattr(make, "sample") and not isinstance(make, type):
        return make  # given in Python, as it is
    try:
        source = make(dim)
    except Exception as error:
        raise SettingsError("prior", spec, f"a function of latent_dim ({error!r})") from None
    if not hasattr(source, "sample"):
        raise SettingsError("prior", spec, "a function that returns an object with sample")
    return source


def build(settings: PriorSettings, dtype=tf.float32) -> Any:
    """The prior that the settings name.

    Args:
      settings: name, latent size and parameters.
      dtype: of the samples.

    Returns:
      An object with `sample(shape, seed)`, giving `shape + (latent_dim,)`.
    """
    dim = settings.latent_dim
    if settings.prior == "gaussian":
        return gaussian(dim, settings.prior_scale, dtype)
    if settings.prior == "mixture":
        return ring_mixture(settings.prior_components, dtype)
    if settings.prior == "swiss_roll":
        return SwissRoll(settings.prior_thickness, dtype)
    if settings.prior == "uniform":
        return uniform(dim, settings.prior_scale, dtype)
    if settings.prior == "sphere":
        return sphere(dim, dtype)
    if settings.prior == "categorical":
        return categorical(dim, dtype)
    return UserPrior(_user_object(settings.prior, dim), dim, dtype, settings.prior)


def typical_scale(prior: Any, count: int = 10_000) -> float:
    """Root mean square over dimensions of the prior's sd, from samples with a fixed seed."""
    drawn = prior.sample(count, seed=seeds.fold(seeds.root(0), "typical_scale"))
    return float(tf.sqrt(tf.reduce_mean(tf.math.reduce_variance(drawn, axis=0))))


def expected_squared_distance(prior: Any, count: int = 10_000) -> float:
    """Of two samples of the prior, E |z - z'|^2: twice its total variance, from a fixed seed.

    WAE's kernel has it for its scale: 2 d sigma^2 for a Gaussian (WAE, section 4).
    """
    if isinstance(prior, tfd.MultivariateNormalDiag):
        return float(2 * tf.reduce_sum(prior.variance()))
    drawn = prior.sample(count, seed=seeds.fold(seeds.root(0), "expected_squared_distance"))
    return float(2 * tf.reduce_sum(tf.math.reduce_variance(tf.cast(drawn, tf.float64), axis=0)))


def has_density(prior: Any, in_graph: bool = False) -> bool:
    """Whether `prior.log_prob` gives a density on the code's space itself.

    False for samplers alone and for priors on a surface (sphere) or on points (categorical).

    Args:
      prior: anything with `sample`.
      in_graph: whether it has to within `tf.function` too, as training needs.
    """
    if isinstance(prior, tfd.SphericalUniform | tfd.OneHotCategorical):
        return False
    if not hasattr(prior, "log_prob"):
        return False
    # Traced, not called: TensorFlow warns of functions that are made and called again and again.
    log_prob = tf.function(prior.log_prob).get_concrete_function if in_graph else prior.log_prob
    try:
        with tf.init_scope():  # no graph that asks is to hold the trial
            log_prob(prior.sample(1, seed=seeds.root(0)))
    except Exception:  # a user's log_prob may raise anything; without it figures use samples
        return False
    return True
