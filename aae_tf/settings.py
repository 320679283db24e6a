"""Everything a run depends on: frozen dataclasses whose values are checked when made.

A setting's name is its flag's name. `flatten` and `override` go between the nested form that the
code uses and the flat one of flags, flagfiles and settings.json. This module imports neither absl
nor TensorFlow, so that `--help` is quick.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aae_tf.errors import SettingsError

PHASES = ("reconstruction", "discriminator", "generator")
PRIORS = ("gaussian", "mixture", "swiss_roll", "uniform", "sphere", "categorical")

Check = Callable[[Any], "str | None"]  # None where the value is right, else what was expected


def at_least(low: float) -> Check:
    return lambda value: None if value >= low else f"at least {low}"


def above(low: float) -> Check:
    return lambda value: None if value > low else f"a number above {low}"


def between(low: float, high: float) -> Check:
    """From low, included, to high, excluded."""
    return lambda value: None if low <= value < high else f"from {low} up to, not including, {high}"


def one_of(*choices: str) -> Check:
    def check(value):
        return None if value in choices else "one of " + ", ".join(choices)

    check.choices = choices
    return check


def _anything(value) -> None:
    return None


def _some_units(value) -> str | None:
    good = value and all(unit >= 1 for unit in value)
    return None if good else "positive layer sizes with commas between, such as 1000,1000"


def _prior_name(value) -> str | None:
    module, colon, function = value.partition(":")
    is_own = colon and function.isidentifier() and all(p.isidentifier() for p in module.split("."))
    if value in PRIORS or is_own:
        return None
    return "one of " + ", ".join(PRIORS) + ", or your own as package.module:function"


def parse_initializer(text: str) -> tuple[str, float]:
    """Splits 'normal:0.01' into ('normal', 0.01); the named schemes carry no number."""
    name, _, scale = text.partition(":")
    if name in ("he_normal", "glorot_uniform") and not scale:
        return name, 0.0
    if name == "normal":
        deviation = float(scale)
        if 0 < deviation < math.inf:
            return name, deviation
    raise ValueError(text)


def parse_schedule(text: str) -> str | tuple[tuple[int, float], ...]:
    """Reads a learning-rate schedule.

    Returns:
      'constant' or 'cosine' as it is; '50:0.1,1000:0.01' as ((50, 0.1), (1000, 0.01)): from that
      epoch on, that factor of the initial rate.

    Raises:
      ValueError: if the text is neither, or its epochs don't increase.
    """
    if text in ("constant", "cosine"):
        return text
    pairs = []
    for part in text.split(","):
        epoch, _, factor = part.partition(":")
        pairs.append((int(epoch), float(factor)))
    epochs = [epoch for epoch, _ in pairs]
    if epochs[0] < 1 or any(a >= b for a, b in itertools.pairwise(epochs)):
        raise ValueError(text)
    if not all(0 <= factor < math.inf for _, factor in pairs):
        raise ValueError(text)
    return tuple(pairs)


def _parses(parse: Callable[[str], Any], expected: str) -> Check:
    def check(value):
        try:
            parse(value)
        except ValueError:
            return expected
        return None

    return check


def _setting(default, help_text: str, check: Check = _anything, *, changes_run: bool = True):
    """A field with help and check; `changes_run` is False where results don't hang on it."""
    metadata = {"help": help_text, "check": check, "changes_run": changes_run}
    return dataclasses.field(default=default, metadata=metadata)


class _Checked:
    """Base of the groups: coerces ints to floats, then runs every field's check."""

    flag_prefix = ""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if "check" not in field.metadata:
                continue
            flag = self.flag_prefix + field.name
            value = getattr(self, field.name)
            wanted = type(field.default)
            if wanted is float and type(value) is int:
                value = float(value)
                object.__setattr__(self, field.name, value)
            if type(value) is not wanted:
                raise SettingsError(flag, value, f"a value of type {wanted.__name__}")
            if wanted is float and not math.isfinite(value):
                raise SettingsError(flag, value, "a finite number")
            complaint = field.metadata["check"](value)
            if complaint:
                shown = ",".join(map(str, value)) if wanted is tuple else value
                raise SettingsError(flag, shown, complaint)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(_Checked):
    """Training"""

    seed: int = _setting(0, "seed of every random draw", between(0, 2**31))
    epochs: int = _setting(20, "passes over the training images", at_least(1))
    batch_size: int = _setting(100, "images in a minibatch, over all replicas", at_least(1))
    precision: str = _setting(
        "float32",
        "arithmetic of the networks; mixed_bfloat16 keeps float32 weights",
        one_of("float32", "float64", "mixed_bfloat16"),
    )
    discriminator_noise: float = _setting(
        0.0,
        "sd of Gaussian noise on the discriminator's input, in units of the prior's sd; "
        "training only",
        at_least(0),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionSettings(_Checked):
    """Execution (changes nothing but speed and rounding)"""

    steps_per_call: int = _setting(
        20, "training steps in one compiled call", at_least(1), changes_run=False
    )
    strategy: str = _setting(
        "mirrored",
        "mirrored: MirroredStrategy over all GPUs, or the CPU; one_device: the first device",
        one_of("mirrored", "one_device"),
        changes_run=False,
    )
    replicas: int = _setting(
        0,
        "replicas of a mirrored run, 0 for one per GPU; more than one without GPUs splits the "
        "CPU into logical devices (to test, not to be faster)",
        at_least(0),
        changes_run=False,
    )
    xla: bool = _setting(
        True, "compile the training step with XLA (on one replica)", changes_run=False
    )
    checkpoint_minutes: float = _setting(
        5.0, "minutes between checkpoints; one is always written at the end", above(0),
        changes_run=False,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSettings(_Checked):
    """Data"""

    dataset: str = _setting(
        "mnist",
        "mnist (in the package), a TensorFlow Datasets name, or the path of your own images: a "
        "folder (flat, one folder a class, or tfds.ImageFolder's split/class) or an .npz",
        lambda value: None if value else "a name or a path",
    )
    data_dir: str = _setting(
        "", "where TensorFlow Datasets keeps its data (default: its own)", changes_run=False
    )
    image_size: int = _setting(
        0, "side to which images of a folder are cropped and resized; 0 keeps them", at_least(0)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriorSettings(_Checked):
    """Prior"""

    prior: str = _setting(
        "gaussian",
        ", ".join(PRIORS) + ", or package.module:function, which is called with latent_dim and "
        "returns any object with sample(shape, seed)",
        _prior_name,
    )
    latent_dim: int = _setting(2, "size of the code", at_least(1))
    prior_scale: float = _setting(
        1.0, "sd of the Gaussian, half-width of the uniform prior", above(0)
    )
    prior_thickness: float = _setting(
        0.1, "sd of the swiss roll around its curve; at 0 it has no density", at_least(0)
    )
    prior_components: int = _setting(10, "Gaussians in the ring of the mixture", at_least(1))

    def __post_init__(self):
        super().__post_init__()
        if self.prior in ("mixture", "swiss_roll") and self.latent_dim != 2:
            raise SettingsError("latent_dim", self.latent_dim, f"2, as --prior={self.prior} has")
        if self.prior in ("sphere", "categorical") and self.latent_dim < 2:
            raise SettingsError(
                "latent_dim", self.latent_dim, f"2 or more for --prior={self.prior}"
            )
        if self.prior_scale != 1.0 and self.prior not in ("gaussian", "uniform"):
            raise SettingsError(
                "prior_scale", self.prior_scale, f"1, since --prior={self.prior} has a fixed size"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkSettings(_Checked):
    """Networks"""

    encoder: str = _setting(
        "deterministic",
        "q(z|x): deterministic, gaussian (mean and variance, reparameterised) or implicit (a "
        "network of the image and of noise)",
        one_of("deterministic", "gaussian", "implicit"),
    )
    encoder_noise_dim: int = _setting(
        10, "size of the noise that an implicit encoder takes", at_least(1)
    )
    encoder_units: tuple = _setting((1000, 1000), "hidden layers of the encoder", _some_units)
    decoder_units: tuple = _setting((1000, 1000), "hidden layers of the decoder", _some_units)
    discriminator_units: tuple = _setting(
        (1000, 1000), "hidden layers of the discriminator", _some_units
    )
    activation: str = _setting(
        "relu", "of the hidden layers", one_of("relu", "leaky_relu", "elu", "gelu", "silu", "tanh")
    )
    output_activation: str = _setting(
        "sigmoid", "of the decoder's last layer", one_of("sigmoid", "linear")
    )
    initializer: str = _setting(
        "he_normal",
        "of the weights: normal:SD, he_normal or glorot_uniform",
        _parses(parse_initializer, "normal:SD (such as normal:0.01), he_normal or glorot_uniform"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseSettings(_Checked):
    """How one phase moves its networks."""

    name: str
    optimizer: str = _setting("adam", "sgd or adam", one_of("sgd", "adam"))
    learning_rate: float = _setting(1e-3, "initial learning rate", above(0))
    momentum: float = _setting(0.9, "momentum of sgd, beta_1 of adam", between(0, 1))
    schedule: str = _setting(
        "constant",
        "constant, cosine (to 0 at the last epoch), or EPOCH:FACTOR,... of the initial rate",
        _parses(parse_schedule, "constant, cosine, or EPOCH:FACTOR,... such as 50:0.1,1000:0.01"),
    )

    @property
    def flag_prefix(self) -> str:
        return f"{self.name}_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(_Checked):
    """All settings of a run: it is a pure function of these and of the step."""

    experiment: str
    recipe: str
    training: TrainingSettings = TrainingSettings()
    data: DataSettings = DataSettings()
    prior: PriorSettings = PriorSettings()
    networks: NetworkSettings = NetworkSettings()
    phases: tuple[PhaseSettings, ...] = ()
    execution: ExecutionSettings = ExecutionSettings()

    def phase(self, name: str) -> PhaseSettings:
        return next(phase for phase in self.phases if phase.name == name)


GROUPS = ("training", "data", "prior", "networks", "execution")


@dataclasses.dataclass(frozen=True)
class Described:
    """A setting as the command line shows it."""

    group: str
    flag: str
    type: type
    help: str
    choices: tuple[str, ...]


def describe() -> Iterator[Described]:
    """Yields every setting that a flag can override, group by group."""
    groups = [(cls, cls.__doc__, "") for cls in _group_classes()]
    groups += [(PhaseSettings, f"Phase: {name}", f"{name}_") for name in PHASES]
    for cls, title, prefix in groups:
        for field in dataclasses.fields(cls):
            if "check" in field.metadata:
                choices = getattr(field.metadata["check"], "choices", ())
                flag, kind = prefix + field.name, type(field.default)
                yield Described(title, flag, kind, field.metadata["help"], choices)


def _group_classes() -> list[type]:
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    return [type(defaults[group]) for group in GROUPS]


def _parts(settings: Settings) -> list[Any]:
    return [getattr(settings, group) for group in GROUPS] + list(settings.phases)


def flatten(settings: Settings, *, only_changing_run: bool = False) -> dict[str, Any]:
    """The settings by flag name, tuples of sizes written as '1000,1000'."""
    flat: dict[str, Any] = {"experiment": settings.experiment, "recipe": settings.recipe}
    for part in _parts(settings):
        for field in dataclasses.fields(part):
            if "check" not in field.metadata:
                continue
            if only_changing_run and not field.metadata["changes_run"]:
                continue
            value = getattr(part, field.name)
            if isinstance(value, tuple):
                value = ",".join(map(str, value))
            flat[part.flag_prefix + field.name] = value
    return flat


def override(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with the given ones replaced.

    Args:
      settings: where to start.
      values: by flag name, in the flat form of `flatten`.

    Raises:
      SettingsError: if a value is wrong, or the experiment has no such setting.
    """
    left = {k: v for k, v in values.items() if k not in ("experiment", "recipe")}

    def replaced(part):
        changes = {}
        for field in dataclasses.fields(part):
            flag = part.flag_prefix + field.name
            if "check" in field.metadata and flag in left:
                value = left.pop(flag)
                if isinstance(field.default, tuple) and isinstance(value, str):
                    value = _parse_units(flag, value)
                changes[field.name] = value
        return dataclasses.replace(part, **changes) if changes else part

    groups = {group: replaced(getattr(settings, group)) for group in GROUPS}
    phases = tuple(replaced(phase) for phase in settings.phases)
    for flag, value in left.items():
        raise SettingsError(flag, value, f"a setting that --experiment={settings.experiment} has")
    return dataclasses.replace(settings, **groups, phases=phases)


def _parse_units(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(unit) for unit in text.split(","))
    except ValueError:
        raise SettingsError(flag, text, _some_units(())) from None


def to_flagfile(settings: Settings) -> str:
    """The text that repeats the run when it is passed as --flagfile."""
    lines = []
    for flag, value in flatten(settings).items():
        if isinstance(value, bool):
            lines.append(f"--{flag}" if value else f"--no{flag}")
        else:
            lines.append(f"--{flag}={value}")
    return "\n".join(lines) + "\n"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Where two flat forms differ, as 'flag: old, now new'."""
    return [
        f"--{flag}: {old.get(flag, 'unset')}, now {new.get(flag, 'unset')}"
        for flag in sorted({*old, *new})
        if old.get(flag) != new.get(flag)
    ]
