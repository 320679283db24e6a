"""From the user's files through a model to files, in requests of limited size."""

from __future__ import annotations

import dataclasses
import logging
import pathlib

import numpy as np

from aae_tf.client import inputs as files
from aae_tf.client import outputs, picture_files
from aae_tf.client.inputs import Inputs
from aae_tf.client.model import STRING, Model, PredictionError, Refused, Signature, check
from aae_tf.errors import SettingsError
from aae_tf.utils import printable, progress_bar

logger = logging.getLogger(__name__)

TWIN = "_bytes"  # ends the name of a signature that takes encoded pictures
MOST_AT_ONCE = 10**6  # samples, or inputs in a request
DRAWING = ("count", "seed")  # inputs of a signature that needs no files
MOST_BYTES = 16 << 20  # of a request's inputs; in JSON that is several times as much


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What the user asks for.

    Args:
      signature: its name, '' for an error that names all.
      input: file or folder; None for a signature that draws.
      output: new file or folder; None to print numbers.
      count: of what is drawn.
      seed: of what is drawn; the model gets (seed, 0).
      batch_size: rows of one request at most.
    """

    signature: str
    input: pathlib.Path | None
    output: pathlib.Path | None
    count: int = 100
    seed: int = 0
    batch_size: int = 100

    def __post_init__(self):
        if not 1 <= self.count <= MOST_AT_ONCE:
            raise SettingsError("count", self.count, f"from 1 to {MOST_AT_ONCE}")
        if not 0 <= self.seed < 2**31:
            raise SettingsError("seed", self.seed, f"0 to {2**31 - 1}")
        if not 1 <= self.batch_size <= MOST_AT_ONCE:
            expected = f"from 1 to {MOST_AT_ONCE}"
            raise SettingsError("predict_batch_size", self.batch_size, expected)

    def check_paths(self) -> None:
        """Raises PredictionError if the input isn't there, or the output is; asks no model."""
        if self.input is not None:
            picture_files.are_pictures(self.input)
        if self.output is not None:
            outputs.check_free(self.output)


def predict(model: Model, options: PredictOptions) -> None:
    """Asks a model and writes or prints its answers, all of them or none.

    Args:
      model: behind a server, or a SavedModel.
      options: what to ask, and where answers go; its paths have been checked.

    Raises:
      PredictionError: if that isn't possible; the message says why.
    """
    name, inputs = _inputs(model, options)
    signature = model.signatures[name]
    pieces = list(inputs.pieces(options.batch_size, MOST_BYTES))
    classes = getattr(model, "class_names", ())
    writer = outputs.writer_for(options.output, name, signature, inputs.names, classes)
    try:
        with progress_bar(inputs.rows or 0, "input", shown=len(pieces) > 1, late=True) as progress:
            for start, stop in pieces:
                answer = _ask(model, options, name, inputs, start, stop)
                check(name, signature, answer, None if inputs.rows is None else stop - start)
                writer.add({key: answer[key] for key in signature.outputs})
                progress.update(stop - start)
        writer.finish()
    finally:
        writer.discard()
    if options.output is not None:
        print(f"written: {printable(options.output)}")
    if said := _unlike(model, name, inputs):
        logger.info("%s: %s", options.input, said)


def _unlike(model: Model, name: str, inputs: Inputs) -> str:
    """What of the pictures the model changes before it sees them, where its twin says so."""
    twin = model.signatures.get(name.removesuffix(TWIN))
    sees = None if twin is None else twin.inputs.get(files.IMAGES)
    found = [c for c in inputs.columns.values() if isinstance(c, picture_files.PictureFiles)]
    if sees is None or sees.shape is None or len(sees.shape) != 4 or not found:
        return ""
    return picture_files.unlike(found[0], sees.shape[1:])


def _inputs(model: Model, options: PredictOptions) -> tuple[str, Inputs]:
    """The signature's name, maybe its twin's, and what goes into it."""
    pictures = options.input is not None and picture_files.are_pictures(options.input)
    name = options.signature
    if pictures and name + TWIN in model.signatures:
        name += TWIN
    if name not in model.signatures:
        raise PredictionError(f"--signature={name}: expected one of {_names(model, pictures)}")
    signature = model.signatures[name]
    if options.input is None:
        if sorted(signature.inputs) != sorted(DRAWING):
            raise PredictionError(
                f"--input=: expected {', '.join(sorted(signature.inputs))} for --signature={name}: "
                f"{picture_files.KINDS}"
            )
        drawn = {"count": options.count, "seed": (options.seed, 0)}
        types = {key: tensor.dtype for key, tensor in signature.inputs.items()}
        return name, Inputs({}, {key: np.array(drawn[key], types[key]) for key in DRAWING})
    if not pictures:
        return name, files.of_arrays(options.input, name, signature)
    if not _takes_pictures(signature):
        raise PredictionError(
            f"--signature={name}: takes {', '.join(sorted(signature.inputs))}, no pictures; "
            f"expected one of {_names(model, pictures)}"
        )
    return name, files.of_pictures(options.input, name, signature)


def _takes_pictures(signature: Signature) -> bool:
    return any(tensor.dtype == STRING for tensor in signature.inputs.values())


def _names(model, pictures) -> str:
    """Those that suit; without the twins, which are chosen by what is files."""
    fitting = [
        name.removesuffix(TWIN)
        for name, signature in model.signatures.items()
        if _takes_pictures(signature) or not pictures
    ]
    return ", ".join(sorted(set(fitting))) or "none, as the model takes no pictures"


def _ask(model, options, name, inputs: Inputs, start: int, stop: int) -> dict[str, np.ndarray]:
    try:
        return model.predict(name, inputs.request(start, stop))
    except Refused as error:
        if inputs.rows is None:
            raise PredictionError(f"--signature={name}: refused by the model: {error}") from None
        row, reason = _culprit(model, name, inputs, start, stop, error)
        which = f"row {row}" if inputs.names is None else inputs.names[row]
        raise PredictionError(
            f"--input={options.input}: {which} is refused by the model: {reason}"
        ) from None


def _culprit(model, name, inputs: Inputs, start, stop, error) -> tuple[int, Refused]:
    """The first row that the model refuses, and why."""
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            model.predict(name, inputs.request(start, middle))
            start = middle
        except Refused as refused:
            stop, error = middle, refused
    return start, error
