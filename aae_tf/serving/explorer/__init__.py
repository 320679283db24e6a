"""A local page on which to move over a SavedModel's codes; needs the SavedModel, not the run."""

from aae_tf.serving.explorer.model import Model, load
from aae_tf.serving.explorer.server import make_server, serve

__all__ = ["Model", "load", "make_server", "serve"]
