"""Adversarial Autoencoders and Wasserstein Auto-Encoders in TensorFlow and Keras 3.

An experiment puts data, networks and a prior into a method; a method is a list of phases; the
trainer runs the phases; a run folder keeps what came of it. Importing the package imports nothing
heavy: `aae_tf.cli.main` answers `--help` without TensorFlow.
"""

import os
import sys

if "keras" not in sys.modules:  # else networks see whether it has the right one
    os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.2.0"
