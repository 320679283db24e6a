"""What the groups of settings share: fields with help and check, and the checking."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import re
from collections.abc import Callable
from typing import Any

from aae_tf.errors import SettingsError, any_of

PRIORS = ("gaussian", "mixture", "swiss_roll", "uniform", "sphere", "categorical")
COSTS = ("l2_squared", "l2", "l1", "huber", "cross_entropy", "ssim")
DIVERGENCES = (
    "mmd_imq",
    "mmd_rbf",
    "mmd_multiscale",
    "gan",
    "sliced_wasserstein",
    "cramer_wold",
    "sinkhorn",
)

RESIZE_FILTERS = ("bilinear", "bicubic", "lanczos3")
CRITIC_PENALTIES = ("none", "r1", "gradient", "spectral")

Check = Callable[[Any], "str | None"]  # None where the value is right, else what was expected


# Far above what anyone trains, and below what no memory or no number of 64 bits holds.
MOST_UNITS, MOST_WEIGHTS = 2**16, 2**28  # of a layer, and between two layers
MOST_DIMENSIONS = 2**14  # of a code or of noise
MOST_IMAGES = 2**20  # in a minibatch
MOST_EPOCHS = MOST_STEPS = 10**7
MOST_PIXELS = 4096  # a side
MOST_LAYERS = 100
MOST_SAMPLES = 10**9
LONGEST_TEXT = 4096
UNWRITABLE = r"[\0\ud800-\udfff]"
SMALLEST, LARGEST = 1e-30, 1e30  # of a number besides 0, so that float32 has it


def at_least(low: float, most: float = math.inf) -> Check:
    """From low to most, both included."""

    def check(value):
        if low <= value <= most:
            return None
        return f"at least {low}" if value < low else f"at most {most}"

    return check


def above(low: float) -> Check:
    return lambda value: None if value > low else f"a number above {low}"


def between(low: float, high: float) -> Check:
    """From low, included, to high, excluded."""
    return lambda value: None if low <= value < high else f"from {low} up to, not including, {high}"


def one_of(*choices: str) -> Check:
    def check(value):
        return None if value in choices else any_of(value, choices)

    check.choices = choices  # type: ignore[attr-defined]
    return check


def auto_or_switch() -> Check:
    """auto, on or off; for the latter two also True and False, and --FLAG and --noFLAG."""
    check = one_of("auto", "on", "off")
    check.is_switch = True  # type: ignore[attr-defined]
    return check


def anything(value) -> None:
    return None


def some_units(value) -> str | None:
    if not value or min(value) < 1:
        return "positive layer sizes with commas between, such as 1000,1000"
    if max(value) > MOST_UNITS:
        return f"layers of at most {MOST_UNITS} units"
    if any(a * b > MOST_WEIGHTS for a, b in itertools.pairwise(value)):
        return f"at most {MOST_WEIGHTS} weights between two layers"
    return None


def sample_counts(value) -> str | None:
    ascending = value and all(a < b for a, b in itertools.pairwise((0, *value)))
    if ascending and value[-1] > MOST_SAMPLES:
        return f"at most {MOST_SAMPLES}"
    if value == (0,) or ascending:
        return None
    return "0, or ascending numbers of samples with commas between, such as 10000,10000000"


def or_word(word: str, check: Check) -> Check:
    """The word, or what the check takes."""

    def either(value):
        wrong = None if value == word else check(value)
        return wrong and f"{word}, {wrong}"

    return either


def one_of_or_own(choices: tuple[str, ...]) -> Check:
    """One of the names, or package.module:function."""

    def check(value):
        module, colon, function = value.partition(":")
        parts = [*module.split("."), function]
        if value in choices or (colon and all(part.isidentifier() for part in parts)):
            return None
        return any_of(value, choices, "your own as package.module:function")

    check.takes_own = True  # type: ignore[attr-defined]
    return check


def own_or_empty(expected: str) -> Check:
    """Nothing, or package.module:function.

    Args:
      expected: what the function makes.
    """
    names = one_of_or_own(())

    def check(value):
        if not value or names(value) is None:
            return None
        return f"{expected}, as package.module:function"

    check.takes_own = True  # type: ignore[attr-defined]
    return check


def parse_count(text: str) -> int | None:
    """Reads a number of labels; 'all' is None."""
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


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


def parse_shares(text: str) -> float | tuple[float, ...]:
    """Reads the shares of categories.

    Returns:
      The ratio of one category's share to the one before: 1 for 'equal', 0.9 for 'geometric:0.9';
      or of '3,2,1' a number for each category, to which its share is in proportion.

    Raises:
      ValueError: if the text is none of these, a ratio isn't within 0 and 1, or a number isn't
        above 0.
    """
    if text == "equal":
        return 1.0
    name, colon, ratio = text.partition(":")
    if name == "geometric" and colon and 0 < float(ratio) < 1:
        return float(ratio)
    shares = tuple(float(share) for share in text.split(","))
    if len(shares) > 1 and all(0 < share < math.inf for share in shares):
        return shares
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


def parse_steps(text: str) -> tuple[int, int]:
    """Reads '100,110': the first of some steps, and the one before which they end."""
    start, stop = text.split(",")
    first, last = parse_count(start), parse_count(stop)
    if first is None or last is None or first >= last:
        raise ValueError(text)
    return first, last


def parses(parse: Callable[[str], Any], expected: str) -> Check:
    def check(value):
        try:
            parse(value)
        except ValueError:
            return expected
        return None

    return check


def without_home(text: str) -> str:
    """Text with the user's home folder written as '~', so that files don't tell the user's name."""
    home = os.path.expanduser("~").rstrip("/")
    if not home.startswith("/"):
        return text
    return re.sub(rf"(?<![^=,:]){re.escape(home)}(?=/|$)", "~", text)


def setting(
    default,
    help_text: str,
    check: Check = anything,
    *,
    changes_run: bool = True,
    is_path: bool = False,
):
    """A field of the settings.

    Args:
      default: its value where nothing else is given; of its type.
      help_text: for the help page.
      check: what its values have to be.
      changes_run: False where results don't hang on it.
      is_path: whether it can name a file or folder; below the user's home it is kept as '~/...'.
    """
    metadata = {"help": help_text, "check": check, "changes_run": changes_run, "is_path": is_path}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """Base of the groups: coerces ints to floats, bools to on or off, then runs every check."""

    @property
    def flag_prefix(self) -> str:
        """What its flags begin with, before the names of the fields."""
        return ""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if "check" not in field.metadata:
                continue
            flag = self.flag_prefix + field.name
            value = getattr(self, field.name)
            kind: Any = type(field.default)
            if kind is float and type(value) is int and abs(value) <= LARGEST:
                value = float(value)
            if type(value) is bool and getattr(field.metadata["check"], "is_switch", False):
                value = "on" if value else "off"
            object.__setattr__(self, field.name, value)
            if type(value) is not kind:
                raise SettingsError(flag, value, f"a value of type {kind.__name__}")
            if kind is float and not math.isfinite(value):
                raise SettingsError(flag, value, "a finite number")
            complaint = _beyond(value) or field.metadata["check"](value)
            if complaint:
                shown = ",".join(map(str, value)) if kind is tuple else value
                raise SettingsError(flag, shown, complaint)
            if field.metadata["is_path"]:
                object.__setattr__(self, field.name, without_home(value))


def _beyond(value) -> str | None:
    """What any value of its type has to keep to."""
    if isinstance(value, float) and value and not SMALLEST <= abs(value) <= LARGEST:
        return f"0, or a number of a size from {SMALLEST} to {LARGEST}"
    if isinstance(value, str) and (len(value) > LONGEST_TEXT or re.search(UNWRITABLE, value)):
        return f"at most {LONGEST_TEXT} characters of UTF-8, none of them null"
    if isinstance(value, tuple) and len(value) > MOST_LAYERS:
        return f"at most {MOST_LAYERS} numbers"
    return None
