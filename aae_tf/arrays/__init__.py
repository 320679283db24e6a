"""Arrays and tables in files that others made, read without TensorFlow.

Training and `--mode=predict` read them here, by the same rules.
"""

from aae_tf.arrays.files import ENDINGS, ArrayFile, open_arrays
from aae_tf.arrays.tables import holds_features
from aae_tf.arrays.values import is_picture

__all__ = ["ENDINGS", "ArrayFile", "holds_features", "is_picture", "open_arrays"]
