"""TF Lite, by the converter and the interpreter that come with TensorFlow."""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
import warnings

import numpy as np
import tensorflow as tf

from aae_tf.serving.convert.signature import ConversionError, Signature
from aae_tf.utils import plain_path

ENDING = ".tflite"
BOUND = 1e-4
# Of weights in 8 bits, and of activations that are rounded to 8 bits as they come.
QUANTIZED_BOUND = 0.1


def write(signature: Signature, path: pathlib.Path, quantized: bool = False) -> None:
    """Writes a file with one signature.

    Args:
      quantized: whether weights are in 8 bits (dynamic range). Layers of less than 1024 weights
        stay in float32, and so do biases.
    """
    form = "tflite_quantized" if quantized else "tflite"
    signature.refuse(form, tf.float64, tf.bfloat16, tf.float16)
    with plain_path(signature.folder) as folder, _Silence() as silence:
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[signature.name]
        )
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            content = converter.convert()
        except Exception as error:  # the converter's own class is private
            ops = re.search(r"TF Select ops: (.*)|Custom ops: (.*)", str(error) + silence.read())
            reason = f"has no {ops[1] or ops[2]}" if ops else str(error).strip().splitlines()[0]
            raise ConversionError(
                f"--model={signature.folder}: {signature.name} can't be had as --format={form}, "
                f"since TF Lite {reason} as the model uses it"
            ) from error
    path.write_bytes(content)


def write_quantized(signature: Signature, path: pathlib.Path) -> None:
    """As `write`, with weights in 8 bits."""
    write(signature, path, quantized=True)


def run(
    path: pathlib.Path, signature: Signature, examples: list[dict[str, np.ndarray]]
) -> tuple[list[dict[str, np.ndarray]], str]:
    """What the interpreter answers, by the names of the signature's outputs."""
    with _Silence(), warnings.catch_warnings():
        # TensorFlow 2.21 says that its interpreter was to go in 2.20.
        warnings.simplefilter("ignore", UserWarning)
        runner = tf.lite.Interpreter(model_path=str(path)).get_signature_runner(signature.name)
        return [runner(**example) for example in examples], "the TF Lite interpreter"


class _Silence:
    """Keeps from the terminal what the converter's C++ code writes there of its inner life."""

    def __enter__(self):
        self._stderr, self._file = os.dup(2), tempfile.TemporaryFile()
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *error):
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        self._file.close()

    def read(self) -> str:
        """What was written so far."""
        self._file.seek(0)
        return self._file.read().decode(errors="replace")
