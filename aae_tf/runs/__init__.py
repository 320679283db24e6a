"""A training run from settings to its folder: training, logs, figures, evaluation, export."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from absl import logging as absl_logging

from aae_tf.errors import UserError

_QUIET = "TF_CPP_MIN_LOG_LEVEL" not in os.environ  # else the user asks for TensorFlow's messages


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow silently, unless the environment asks for its messages.

    Raises:
      UserError: if the environment keeps TensorFlow, Keras or Matplotlib from being imported.
    """
    if _QUIET:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        absl_logging.set_verbosity(absl_logging.ERROR)
        # absl's level doesn't change it.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _silent_stderr() if _QUIET else contextlib.nullcontext():
        try:
            import aae_tf.figures  # noqa: F401, I001  (with Matplotlib, which Keras imports too)
            import keras  # noqa: F401
            import tensorflow as tf
        except Exception as error:  # of many kinds, for what a user's configuration may hold
            said = " ".join(str(error).split())[:300]
            raise UserError(f"TensorFlow, Keras or Matplotlib can't be imported: {said}") from error
        from aae_tf.runs import train  # noqa: F401  (with all that a run needs)

        tf.config.list_physical_devices()  # looks for GPUs, and complains where there are none


@contextlib.contextmanager
def library_levels_restored() -> Iterator[None]:
    """Gives the loggers of absl and TensorFlow their levels back at its end."""
    tensorflow = logging.getLogger("tensorflow")
    before = absl_logging.get_verbosity(), tensorflow.level
    try:
        yield
    finally:
        absl_logging.set_verbosity(before[0])
        tensorflow.setLevel(before[1])


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Within it nothing is written to standard error, unless it ends with an exception."""
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            yield
        except UserError:
            raise  # which says it all
        except BaseException:
            output.seek(0)
            os.write(stderr, output.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
