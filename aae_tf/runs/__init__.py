"""A training run from settings to its folder: training, logs, figures, evaluation, export."""

from __future__ import annotations

import os
import sys
import tempfile

from absl import logging


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow silently, unless the environment asks for its messages."""
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        try:
            import tensorflow as tf

            from aae_tf.runs import train  # noqa: F401  (with all that a run needs)

            logging.set_verbosity(logging.ERROR)
            tf.get_logger().setLevel("ERROR")  # which absl's level doesn't change
            tf.config.list_physical_devices()  # looks for GPUs, and complains where there are none
        except BaseException:
            output.seek(0)
            os.write(stderr, output.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
