"""TensorFlow's C API, by ctypes: the loader that lies below TF Serving.

As a program, `c_api.py ROOT`, it answers the inputs of the exports below ROOT (see exports.py).
Python loads no SavedModel there.
"""

import ctypes
import pathlib
import sys

import exports
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

LIBRARY = pathlib.Path(tf.__file__).parent / "libtensorflow_cc.so.2"
STRING_BYTES = 24  # sizeof(TF_TString)


class Output(ctypes.Structure):
    _fields_ = [("oper", ctypes.c_void_p), ("index", ctypes.c_int)]


class Buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    ]


def _library():
    actual = ctypes.CDLL(str(LIBRARY))
    pointers = (
        "TF_NewStatus",
        "TF_NewGraph",
        "TF_NewSessionOptions",
        "TF_NewBuffer",
        "TF_TensorData",
        "TF_LoadSessionFromSavedModel",
        "TF_GraphOperationByName",
        "TF_AllocateTensor",
    )
    for name in pointers:
        getattr(actual, name).restype = ctypes.c_void_p
    actual.TF_Message.restype = ctypes.c_char_p
    actual.TF_NewBuffer.restype = ctypes.POINTER(Buffer)
    actual.TF_TensorByteSize.restype = ctypes.c_size_t
    actual.TF_Dim.restype = ctypes.c_int64
    return actual


class Model:
    """A SavedModel in a session of the C API.

    Args:
      folder: of the version.
    """

    def __init__(self, folder):
        self._c = c = _library()
        self._status = ctypes.c_void_p(c.TF_NewStatus())
        self._graph = ctypes.c_void_p(c.TF_NewGraph())
        described = c.TF_NewBuffer()
        tags = (ctypes.c_char_p * 1)(b"serve")
        options = ctypes.c_void_p(c.TF_NewSessionOptions())
        self._session = ctypes.c_void_p(
            c.TF_LoadSessionFromSavedModel(
                options, None, str(folder).encode(), tags, 1, self._graph, described, self._status
            )
        )
        self._check()
        content = ctypes.string_at(described.contents.data, described.contents.length)
        self.signatures = meta_graph_pb2.MetaGraphDef.FromString(content).signature_def

    def __call__(self, signature, **inputs):
        """The outputs of a signature by name; a refusal raises RuntimeError with code and words."""
        c, definition = self._c, self.signatures[signature]
        fed = [(definition.inputs[name].name, self._tensor(v)) for name, v in inputs.items()]
        expected = {name: info.name for name, info in definition.outputs.items()}
        given = (Output * len(fed))(*[self._output(name) for name, _ in fed])
        values = (ctypes.c_void_p * len(fed))(*[value.value for _, value in fed])
        outputs = (Output * len(expected))(*map(self._output, expected.values()))
        actual = (ctypes.c_void_p * len(expected))()
        c.TF_SessionRun(
            self._session,
            None,
            given,
            values,
            len(fed),
            outputs,
            actual,
            len(expected),
            None,
            0,
            None,
            self._status,
        )
        for _, value in fed:
            c.TF_DeleteTensor(value)
        self._check()
        return {n: self._array(ctypes.c_void_p(v)) for n, v in zip(expected, actual, strict=True)}

    def _output(self, name):
        operation, _, index = name.partition(":")
        pointer = self._c.TF_GraphOperationByName(self._graph, operation.encode())
        assert pointer, name
        return Output(pointer, int(index))

    def _tensor(self, value):
        array = np.asarray(value)
        dtype = tf.string if array.dtype.kind in "SO" else tf.as_dtype(array.dtype)
        is_string = dtype == tf.string
        size = array.size * STRING_BYTES if is_string else array.nbytes
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        number = dtype.as_datatype_enum
        tensor = ctypes.c_void_p(
            self._c.TF_AllocateTensor(number, dims, array.ndim, ctypes.c_size_t(size))
        )
        start = self._c.TF_TensorData(tensor)
        if not is_string:
            ctypes.memmove(start, np.ascontiguousarray(array).ctypes.data, array.nbytes)
            return tensor
        for index, content in enumerate(array.ravel()):
            pointer = ctypes.c_void_p(start + index * STRING_BYTES)
            self._c.TF_StringInit(pointer)
            self._c.TF_StringCopy(pointer, bytes(content), ctypes.c_size_t(len(content)))
        return tensor

    def _array(self, tensor):
        c = self._c
        shape = [c.TF_Dim(tensor, axis) for axis in range(c.TF_NumDims(tensor))]
        dtype = tf.as_dtype(c.TF_TensorType(tensor)).as_numpy_dtype
        content = ctypes.string_at(c.TF_TensorData(tensor), c.TF_TensorByteSize(tensor))
        c.TF_DeleteTensor(tensor)
        return np.frombuffer(content, dtype).reshape(shape)

    def _check(self):
        code = self._c.TF_GetCode(self._status)
        if code:
            raise RuntimeError(code, self._c.TF_Message(self._status).decode())


if __name__ == "__main__":
    exports.answer(sys.argv[1], Model)
