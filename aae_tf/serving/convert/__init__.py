"""A SavedModel of this package in the formats of other ecosystems (`--mode=convert`).

Its names only, so that the command line can check flags before TensorFlow is imported.
"""

FORMATS = ("onnx", "tflite", "tflite_quantized", "tfjs")
