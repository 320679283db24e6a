"""A local page on which to move over a SavedModel's codes; needs the SavedModel, not the run."""

from aae_tf.serving.explorer.model import Model
from aae_tf.serving.explorer.server import make_server, serve

__all__ = ["Model", "make_server", "serve"]
