"""One file for each method of the papers: each builds its networks and lists its phases."""

from aae_tf.methods.base import Method

__all__ = ["Method"]
