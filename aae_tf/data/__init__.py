"""Images in: the MNIST of the package, TensorFlow Datasets, a user's folder or .npz."""

from aae_tf.data.images import ImageData, Split
from aae_tf.data.load import framing_of, is_own, load

__all__ = ["ImageData", "Split", "framing_of", "is_own", "load"]
