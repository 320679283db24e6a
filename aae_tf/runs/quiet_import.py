"""Imports TensorFlow without what it prints about itself."""

from __future__ import annotations

import os
import sys
import tempfile

from absl import logging


def import_runner():
    """The runner, imported with TensorFlow; quietly, unless the environment asks for its words."""
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        from aae_tf.runs import train

        return train
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            import tensorflow as tf

            from aae_tf.runs import train

            logging.set_verbosity(logging.ERROR)
            tf.get_logger().setLevel("ERROR")  # which absl's level doesn't change
            tf.config.list_physical_devices()  # looks for GPUs, and complains where there are none
        except BaseException:
            chatter.seek(0)
            os.write(kept, chatter.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    return train
