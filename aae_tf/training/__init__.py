"""Phases and the loop that runs them; they know nothing of the methods."""

from aae_tf.training.observers import Observer, Report, Stopped
from aae_tf.training.phase import Batch, Draws, Phase, PhaseLoss
from aae_tf.training.trainer import Trainer

__all__ = ["Batch", "Draws", "Observer", "Phase", "PhaseLoss", "Report", "Stopped", "Trainer"]
