"""Adversarial Autoencoders and Wasserstein Auto-Encoders in TensorFlow and Keras 3.

An experiment puts data, networks and a prior into a method; a method is a list of phases; the
trainer runs the phases; a run folder keeps what came of it. Importing the package imports nothing
heavy: `aae_tf.cli.main` answers `--help` without TensorFlow.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

if "keras" not in sys.modules:  # else networks see whether it has the right one
    os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.2.0"

if TYPE_CHECKING:
    from aae_tf.models import (
        AAE,
        RAE,
        VAE,
        WAE,
        ClusteringAAE,
        DimReductionAAE,
        LabelInformedAAE,
        Model,
        SemiSupervisedAAE,
        SupervisedAAE,
        load,
    )

__all__ = [
    "AAE",
    "RAE",
    "VAE",
    "WAE",
    "ClusteringAAE",
    "DimReductionAAE",
    "LabelInformedAAE",
    "Model",
    "SemiSupervisedAAE",
    "SupervisedAAE",
    "load",
]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("aae_tf.models"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
