"""An alias of `aae_tf.cli.main` for one release."""

from aae_tf.cli.main import main

__all__ = ["main"]
