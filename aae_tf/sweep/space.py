"""The space of a search: a small text file that says what each flag may be.

    # any number of lines such as these
    wasserstein_learning_rate = log(1e-4, 1e-2)
    latent_dim = int(2, 16)
    discriminator_noise = uniform(0, 0.5)
    encoder_units = {1000,1000 | 500,500 | 2000}

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from aae_tf.errors import UserError
from aae_tf.settings import Described, Settings, describe, flatten
from aae_tf.utils import read_text

FORMS = "log(LOW, HIGH), int(LOW, HIGH), uniform(LOW, HIGH) or {A | B | ...}"
_RANGE = re.compile(r"(log|int|uniform)\(([^,()]*),([^,()]*)\)")
_CHOICES = re.compile(r"\{(.*)\}")
DIGITS = 4  # of a drawn number: more tell nothing


class SpaceError(UserError):
    """The file of a search's space can't be used."""

    exit_status = 2


@dataclasses.dataclass(frozen=True)
class Dimension:
    """What one flag may be.

    Args:
      flag: its name.
      kind: 'log', 'int', 'uniform' or 'choice'.
      low: smallest value of a range.
      high: largest value of a range.
      choices: of a 'choice'.
      whole: whether values of a range are whole numbers.
    """

    flag: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Any, ...] = ()
    whole: bool = False

    def draw(self, random: np.random.RandomState) -> Any:
        """A value: evenly over the choices or the range, with 'log' over its logarithm."""
        if self.kind == "choice":
            return self.choices[random.randint(len(self.choices))]
        if self.whole:
            return self._whole(random.uniform())
        if self.kind == "log":
            low, high = math.log(self.low), math.log(self.high)
            value = math.exp(low + (high - low) * random.uniform())
        else:
            value = self.low + (self.high - self.low) * random.uniform()
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def _whole(self, share: float) -> int:
        # Half a number more on each side, so that the ends are no rarer than the others.
        low, high = self.low - 0.5, self.high + 0.5
        if self.kind == "log":
            value = math.exp(math.log(low) + (math.log(high) - math.log(low)) * share)
        else:
            value = low + (high - low) * share
        return min(max(round(value), int(self.low)), int(self.high))

    def distribution(self):
        """The same for optuna, which doesn't draw but stores and shows it."""
        from optuna import distributions

        if self.kind == "choice":
            return distributions.CategoricalDistribution(self.choices)
        if self.whole:
            low, high = int(self.low), int(self.high)
            return distributions.IntDistribution(low, high, log=self.kind == "log")
        return distributions.FloatDistribution(self.low, self.high, log=self.kind == "log")

    def __str__(self) -> str:
        if self.kind == "choice":
            return "{" + " | ".join(map(str, self.choices)) + "}"
        return f"{self.kind}({self.low:g}, {self.high:g})"


def read(path: pathlib.Path, settings: Settings) -> dict[str, Dimension]:
    """Reads a space.

    Args:
      path: of the file.
      settings: of the experiment, to know its flags.

    Returns:
      What each flag may be, in the file's order.

    Raises:
      SpaceError: if the file can't be read, or a line can't be used.
    """
    try:
        text = read_text(path)
    except ValueError:
        raise SpaceError(f"--space={path}: expected a text file in UTF-8") from None
    except OSError as error:
        raise SpaceError(f"--space={path}: {error.strerror}; expected a file") from None
    known = {setting.flag: setting for setting in describe()}
    usable = set(flatten(settings, only_changing_run=True)) & known.keys()
    space: dict[str, Dimension] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        flag, equals, form = (part.strip() for part in line.partition("="))
        flag, where = flag.removeprefix("--"), f"{path}:{number}"
        if not equals:
            raise SpaceError(f"{where}: {line}: expected FLAG = {FORMS}")
        if flag == "epochs":
            raise SpaceError(f"{where}: epochs: expected as a flag, the same for all trials")
        if flag not in usable:
            expected = (
                f"a setting that --experiment={settings.experiment} has and that changes its run"
            )
            raise SpaceError(f"{where}: {flag}: expected {expected}")
        if flag in space:
            raise SpaceError(f"{where}: {flag}: stands there twice, expected once")
        space[flag] = _dimension(known[flag], form, where)
    if not space:
        raise SpaceError(f"--space={path}: names no flag; expected lines FLAG = {FORMS}")
    return space


def draw(space: Mapping[str, Dimension], seed: int, *numbers: int) -> dict[str, Any]:
    """A point of the space: a function of the seed and the numbers alone."""
    # numpy promises that this generator's numbers never change, which it doesn't of the newer ones.
    random = np.random.RandomState([seed, *numbers])
    return {flag: dimension.draw(random) for flag, dimension in space.items()}


def _dimension(setting: Described, form: str, where: str) -> Dimension:
    choices, span = _CHOICES.fullmatch(form), _RANGE.fullmatch(form)
    if choices:
        parts = [part.strip() for part in choices[1].split("|")]
        values = tuple(_value(setting, part, where) for part in parts)
        if len(set(values)) < len(values):
            raise SpaceError(f"{where}: {form}: expected different values")
        return Dimension(setting.flag, "choice", choices=values)
    if not span:
        raise SpaceError(f"{where}: {form}: expected {FORMS}")
    kind = span[1]
    if setting.type not in (int, float):
        expected = f"{{A | B | ...}}, since --{setting.flag} takes no number"
        raise SpaceError(f"{where}: {form}: expected {expected}")
    if setting.type is int and kind == "uniform":
        raise SpaceError(f"{where}: {form}: expected int(LOW, HIGH), since it takes whole numbers")
    whole = kind == "int" or setting.type is int
    ends = []
    for part in span.groups()[1:]:
        try:
            ends.append(int(part) if whole else float(part))
        except ValueError:
            expected = "two whole numbers" if whole else "two numbers"
            raise SpaceError(f"{where}: {form}: expected {expected}") from None
        _value(setting, part.strip(), where)
    low, high = ends
    if not low < high or (kind == "log" and low <= 0):
        above = " above 0" if kind == "log" else ""
        raise SpaceError(f"{where}: {form}: expected a smaller and a larger number{above}")
    return Dimension(setting.flag, kind, low, high, whole=whole)


def _value(setting: Described, text: str, where: str) -> Any:
    """A value of a flag, in the form that `settings.override` takes.

    Raises:
      SpaceError: if the flag can't have it.
    """
    value: Any = text
    try:
        if setting.type is bool:
            value = {"true": True, "false": False}[text.lower()]
        elif setting.type in (int, float):
            value = setting.type(text)
            if not math.isfinite(value):
                raise ValueError
        elif setting.type is tuple:
            checked = tuple(int(part) for part in text.split(","))
            value = ",".join(map(str, checked))
    except (ValueError, KeyError):
        forms = {bool: "true or false", int: "a whole number", float: "a number"}
        expected = forms.get(setting.type, "whole numbers with commas between")
        raise SpaceError(f"{where}: {setting.flag} = {text}: expected {expected}") from None
    problem = setting.check(checked if setting.type is tuple else value)
    if problem:
        raise SpaceError(f"{where}: {setting.flag} = {text}: expected {problem}")
    return value
