"""Arrays in files that others made (`.npz`, `.npy`, `.mat`), read without TensorFlow.

Training and `--mode=predict` read them here, by the same rules.
"""

from aae_tf.arrays.files import ENDINGS, ArrayFile, open_arrays

__all__ = ["ENDINGS", "ArrayFile", "open_arrays"]
