"""TF Serving's JSON, as json_tensor.cc reads and writes it."""

from __future__ import annotations

import base64
import json

import numpy as np
import tensorflow as tf

INTEGERS = {"int32": (-(2**31), 2**31), "int64": (-(2**63), 2**63)}


class Failure(Exception):
    """What a request gets instead of an answer: gRPC's name of the status, and words."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code, self.words = code, words


def _wrong(words):
    return Failure("INVALID_ARGUMENT", words)


def fill(request, body, definition):
    """Fills a PredictRequest from JSON.

    Args:
      request: with the model's name.
      body: bytes.
      definition: the SignatureDef for a signature's name.

    Returns:
      Whether the request is by rows.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _wrong(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise _wrong("JSON Value: Is not object")
    request.model_spec.signature_name = document.get("signature_name", "serving_default")
    infos = definition(request.model_spec.signature_name).inputs
    if ("inputs" in document) == ("instances" in document):
        raise _wrong("Missing 'inputs' or 'instances' key")
    by_rows = "instances" in document
    named = _from_rows(document["instances"], infos) if by_rows else document["inputs"]
    if not isinstance(named, dict) or set(named) == {"b64"}:
        if len(infos) > 1:
            raise _wrong(
                "inputs is a plain value/list, but expecting an object as multiple input "
                "tensors required as per tensorinfo_map"
            )
        named = {next(iter(infos)): named}
    for name, info in infos.items():
        if name not in named:
            raise _wrong(f"Missing named input: {name} in 'inputs' object.")
        dtype = tf.as_dtype(info.dtype)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(_array(named[name], dtype.name), dtype))
    return by_rows


def _from_rows(rows, infos):
    """The columns of 'instances'."""
    if not rows:
        raise _wrong("No values in 'instances' array")
    if not isinstance(rows[0], dict) or set(rows[0]) == {"b64"}:
        return {next(iter(infos)): rows} if len(infos) == 1 else rows
    for number, row in enumerate(rows):
        if set(row) != set(infos):
            raise _wrong(
                f"Failed to process element: {number} of 'instances' list. keys must be "
                f"equal to: {','.join(sorted(infos))}"
            )
    return {name: [row[name] for row in rows] for name in infos}


def _array(value, dtype):
    shape, level = [], value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    leaves = []

    def walk(part, depth):
        if not isinstance(part, list):
            if depth != len(shape):
                raise _wrong(f"JSON Value: {part} found at incorrect level: {depth + 1}")
            leaves.append(_leaf(part, dtype))
            return
        if depth >= len(shape):
            raise _wrong(f"Encountered list at unexpected level: {depth}")
        if len(part) != shape[depth]:
            raise _wrong(
                f"Encountered list at unexpected size: {len(part)} at level: {depth} "
                f"expected size: {shape[depth]}"
            )
        for one in part:
            walk(one, depth + 1)

    walk(value, 0)
    kind = object if dtype == "string" else dtype
    return np.array([*leaves, None], object)[:-1].astype(kind).reshape(shape)


def _leaf(value, dtype):
    error = _wrong(f"JSON Value: {value} is not of expected type: {dtype}")
    if dtype == "string":
        if isinstance(value, dict):
            if set(value) != {"b64"}:
                raise _wrong(f"JSON Value: {value} not formatted correctly for base64 data")
            return base64.b64decode(value["b64"], validate=True)
        if not isinstance(value, str):
            raise error
        return value.encode()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise error
    if dtype in INTEGERS:
        low, high = INTEGERS[dtype]
        if not isinstance(value, int) or not low <= value < high:
            raise error
    return value


def written(outputs, by_rows):
    """JSON of a PredictResponse's outputs."""
    arrays = {name: tf.make_ndarray(proto) for name, proto in sorted(outputs.items())}
    if not by_rows:
        columns = {name: _text(array) for name, array in arrays.items()}
        whole = next(iter(columns.values())) if len(columns) == 1 else _object(columns)
        return f'{{"outputs": {whole}}}'
    rows = []
    for parts in zip(*arrays.values(), strict=True):
        cells = {name: _text(np.asarray(p)) for name, p in zip(arrays, parts, strict=True)}
        rows.append(next(iter(cells.values())) if len(cells) == 1 else _object(cells))
    return f'{{"predictions": [{", ".join(rows)}]}}'


def _object(cells):
    return "{" + ", ".join(f'"{name}": {text}' for name, text in cells.items()) + "}"


def _text(array):
    if array.ndim:
        return "[" + ", ".join(map(_text, array)) + "]"
    return decimal(array[()]) if array.dtype.kind == "f" else str(array)


def decimal(value):
    """A float32 as the server writes it."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    if np.float32(text) != value:
        text = f"{value:.9g}"
    return text if "." in text or "e" in text else text + ".0"
