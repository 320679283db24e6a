"""What a sweep is to be: its settings, its draws, its rungs and its folder, all checked.

It imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Collection, Mapping
from typing import Any

from aae_tf.errors import RunFolderError, SettingsError, UserError, any_of, unusable
from aae_tf.experiments import settings_of
from aae_tf.results import metrics
from aae_tf.results.run_folder import check_folder
from aae_tf.settings import SAMPLER_FLAGS, Settings, differences, flatten, override
from aae_tf.sweep.space import Dimension, draw
from aae_tf.utils import read_json

FILE = "search.json"  # of the folder: what is searched
JOURNAL = "study.journal"  # of the folder: the study, unless it has another storage
ATTEMPTS = 1000  # to draw what was not drawn before
# Settings that change no run, but may change its score.
EVALUATION_FLAGS = ("sample_quality", "quality_samples", "inception_weights")
LOG_LIKELIHOOD = "log_likelihood"


def check_score(score: str, evaluations: Collection[str] | None = None) -> None:
    """Checks that a score is a metric with a better side.

    Args:
      score: its name.
      evaluations: that are made; None for whichever.

    Raises:
      SettingsError: if it isn't one that they give.
    """
    if score not in (names := metrics.scores(evaluations)):
        expected = f"a metric on validation images, {any_of(score, names)}"
        raise SettingsError("score", score, expected)


def check_computed(score: str, computed: Collection[str]) -> None:
    """Checks that a score was computed: not every prior has each, nor have all data.

    Args:
      score: its name.
      computed: the names of the metrics that were.

    Raises:
      SettingsError: if it isn't among them.
    """
    if score not in computed:
        listed = ", ".join(name for name in metrics.scores() if name in computed)
        expected = f"a metric that this prior and these data have, one of {listed}"
        raise SettingsError("score", score, expected)


def is_better_larger(score: str) -> bool:
    """Whether more of it is better."""
    return metrics.METRICS[score].better == "higher"


def _check_flags(score: str, flat: Mapping[str, Any]) -> None:
    """Checks that the settings ask for what a score comes from."""
    needs = metrics.METRICS[score].needs
    missing = [f"--{flag}" for flag in needs if flat[flag] in (False, "", "0", "prior")]
    if missing:
        raise SettingsError("score", score, f"{' and '.join(missing)} with it")


@dataclasses.dataclass(frozen=True)
class Halving:
    """After which epochs trials are compared.

    Args:
      epochs: of a whole trial.
      first: epochs of the first rung; `epochs` for no halving.
      factor: one in so many continues from a rung, and the next has so many times the epochs.
    """

    epochs: int
    first: int
    factor: int = 3

    @property
    def rungs(self) -> list[int]:
        """Epochs, ascending; the last ones are all."""
        rungs, rung = [], self.first
        while rung < self.epochs:
            rungs.append(rung)
            rung *= self.factor
        return [*rungs, self.epochs]


def parse_halving(text: str | None, epochs: int) -> Halving:
    """Reads 'EPOCHS,FACTOR', or 'off'; by default a ninth of the epochs and a third of the trials.

    Raises:
      SettingsError: if it is neither, or its rungs don't fit the epochs.
    """
    if text is None:
        return Halving(epochs, max(1, epochs // 9))
    if text == "off":
        return Halving(epochs, epochs)
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise SettingsError("halving", text, "EPOCHS,FACTOR such as 2,3, or off")
    first, factor = map(int, parts)
    if not 1 <= first < epochs or factor < 2:
        expected = f"epochs from 1 to below --epochs={epochs} and a factor of 2 or more, or off"
        raise SettingsError("halving", text, expected)
    return Halving(epochs, first, factor)


@dataclasses.dataclass(frozen=True)
class Draw:
    """The flags of one trial.

    Args:
      name: for what is said of it.
      folder: of its run, below the sweep's; in the study it tells one trial from another.
      flags: in which its settings differ from the sweep's.
    """

    name: str
    folder: str
    flags: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Runs that are compared by a score.

    Args:
      settings: of all trials, but for what is drawn.
      space: what each drawn flag may be.
      draws: one for each trial.
      score: the metric on validation images to go by.
      halving: after which epochs trials are compared.
      folder: of the sweep.
      storage: of its study: a file, or the URL of a database.
      study: its name there.
    """

    settings: Settings
    space: Mapping[str, Dimension]
    draws: tuple[Draw, ...]
    score: str
    halving: Halving
    folder: pathlib.Path
    storage: str
    study: str

    def settings_of(self, one: Draw) -> Settings:
        return override(self.settings, one.flags)

    def to_json(self) -> str:
        """What a worker needs to know: all but the space."""
        return json.dumps(
            {
                "settings": flatten(self.settings),
                "draws": [dataclasses.asdict(one) for one in self.draws],
                "score": self.score,
                "halving": dataclasses.asdict(self.halving),
                "folder": str(self.folder),
                "storage": self.storage,
                "study": self.study,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Sweep:
        """The sweep of `to_json`, without a space."""
        content = json.loads(text)
        flat = content.pop("settings")
        return cls(
            override(settings_of(flat["experiment"], flat["recipe"]), flat),
            {},
            tuple(Draw(**one) for one in content.pop("draws")),
            halving=Halving(**content.pop("halving")),
            folder=pathlib.Path(content.pop("folder")),
            **content,
        )

    def described(self) -> dict[str, Any]:
        """What has to stay the same for a search to continue; more trials may be asked for."""
        flat = flatten(self.settings)
        by_samples = ("likelihood_samples",) if self.score == LOG_LIKELIHOOD else ()
        if "sampler" in metrics.METRICS[self.score].needs:
            by_samples += SAMPLER_FLAGS
        return {
            **flatten(self.settings, only_changing_run=True),
            **{flag: flat[flag] for flag in (*EVALUATION_FLAGS, *by_samples)},
            "score": self.score,
            "halving": ",".join(map(str, self.halving.rungs)),
            **{f"space/{flag}": str(dimension) for flag, dimension in self.space.items()},
        }

    def check_same(self, described: Mapping[str, Any]) -> None:
        """Checks that what there is already is this very search.

        Raises:
          RunFolderError: if it isn't.
        """
        if different := differences(described, self.described()):
            raise RunFolderError(
                f"--run_dir={self.folder}: holds another search ({'; '.join(different)}); expected "
                "the same one or another folder"
            )


def study_name(settings: Settings, folder: pathlib.Path) -> str:
    """Of a sweep: the same on all machines whose folders have the same last name."""
    return f"{settings.experiment}/{folder.resolve().name}"


def search(
    settings: Settings,
    space: Mapping[str, Dimension],
    trials: int,
    score: str,
    halving: Halving,
    folder: pathlib.Path,
    storage: str | None = None,
) -> Sweep:
    """A search: trials whose flags are drawn, each a function of the seed and its number.

    Args:
      settings: of all trials, but for what is drawn; the seed is theirs, and that of the draws.
      space: what each flag may be.
      trials: how many.
      score: the metric on validation images to go by.
      halving: after which epochs trials are compared.
      folder: of the search.
      storage: of its study; None for a file in its folder.

    Raises:
      UserError: if it can't be made, or not in its folder; nothing has been written then.
    """
    if trials < 1:
        raise SettingsError("trials", trials, "at least 1")
    check_score(score)
    _check_flags(score, flatten(settings))
    draws = _draw(settings, space, trials)
    study = study_name(settings, folder)
    storage = storage or str(folder / JOURNAL)
    sweep = Sweep(settings, space, draws, score, halving, folder, storage, study)
    _check_folder(sweep)
    return sweep


def _draw(settings: Settings, space: Mapping[str, Dimension], trials: int) -> tuple[Draw, ...]:
    """Draws of which no two are alike, each checked with the other settings."""
    draws: list[Draw] = []
    for number in range(trials):
        for attempt in range(ATTEMPTS):
            flags = draw(space, settings.training.seed, number, attempt)
            if all(flags != one.flags for one in draws):
                break
        else:
            expected = f"at most {number}, since the space has hardly more points"
            raise SettingsError("trials", trials, expected)
        try:
            override(settings, flags)
        except SettingsError as error:
            listed = ", ".join(f"{flag}={value}" for flag, value in flags.items())
            raise UserError(f"--space: trial {number} draws {listed}, but {error}") from None
        draws.append(Draw(f"trial {number}", f"trials/{number:04}", flags))
    return tuple(draws)


def _check_folder(sweep: Sweep) -> None:
    folder, file = sweep.folder, sweep.folder / FILE
    check_folder("run_dir", folder)
    if not file.exists():
        # A search that was withdrawn, or is about to begin, leaves these.
        free = (".lock", JOURNAL, f"{JOURNAL}.lock")
        if folder.is_dir() and any(path.name not in free for path in folder.iterdir()):
            raise RunFolderError(
                f"--run_dir={folder}: not empty and holds no search; expected a new folder or one "
                "with search.json"
            )
        return
    try:
        described = read_json(file)
    except (OSError, ValueError) as error:
        raise unusable(file, error) from None
    sweep.check_same(described)
