"""Files that are either the old ones or the new ones, never halves."""

from aae_tf.files import write_aside, write_json

__all__ = ["write_aside", "write_json"]
