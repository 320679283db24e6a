"""One file for each method of the papers: each builds its networks and lists its phases."""

from aae_tf.methods.base import Method
from aae_tf.methods.build import method_class

__all__ = ["Method", "method_class"]
