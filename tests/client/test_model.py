"""Endpoints, what answers must be, and the words of a server in one line."""

import numpy as np
import pytest

from aae_tf.client.model import (
    Endpoint,
    PredictionError,
    Signature,
    Tensor,
    check,
    in_one_line,
)
from aae_tf.errors import SettingsError


def _line(kind, call, *arguments, **named):
    with pytest.raises(kind) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"server": "localhost"},
        {"server": "ftp://localhost:1"},
        {"server": "http://u:p@host:1"},
        {"server": "http://host:1/?q"},
        {"server": "a b:1"},
        {"model": ""},
        {"version": -1},
        {"version": 1, "label": "canary"},
        {"label": ""},
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"retries": -1},
        {"retries": 501},
    ],
)
def test_wrong_endpoint_names_its_flag(changes):
    names = {"model": "model_name", "version": "model_version", "label": "model_label"}
    last = list(changes)[-1]
    line = _line(SettingsError, Endpoint, **{"server": "h:1", "model": "m", **changes})
    assert line.startswith(f"--{names.get(last, last)}=")


@pytest.mark.parametrize("server", ["h:1", "[::1]:8500", "http://h:1", "https://h/tf/serving"])
def test_endpoints_of_rest_begin_with_http(server):
    assert Endpoint(server, "m").is_rest == server.startswith("http")


SIGNATURE = Signature(
    {"images": Tensor("float32", (None, 8, 8, 1))},
    {"codes": Tensor("float32", (None, 2)), "classes": Tensor("int64", (None,))},
)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"classes": None}, "it holds codes, not classes, codes"),
        ({"more": np.zeros(3)}, "it holds classes, codes, more, not classes, codes"),
        ({"codes": np.zeros((3, 3), np.float32)}, "codes is float32 [3, 3], not float32 [n, 2]"),
        ({"codes": np.zeros((3, 2))}, "codes is float64 [3, 2], not float32 [n, 2]"),
        ({"classes": np.zeros(3)}, "classes is float64 [3], not int64 [n]"),
        ({"classes": np.zeros(2, np.int64)}, "[2, 3] rows for 3 inputs"),
    ],
)
def test_answer_that_is_not_what_was_promised(changes, words):
    answer = {"codes": np.zeros((3, 2), np.float32), "classes": np.zeros(3, np.int64)}
    check("classify", SIGNATURE, answer, 3)
    check("classify", SIGNATURE, answer, None)
    changed = {k: v for k, v in {**answer, **changes}.items() if v is not None}
    line = _line(PredictionError, check, "classify", SIGNATURE, changed, 3)
    assert line.startswith("--signature=classify: the answer isn't what") and line.endswith(words)
    assert "4 inputs" in _line(PredictionError, check, "c", SIGNATURE, answer, 4)


def test_words_lose_where_it_happened():
    message = (
        "Graph execution error:\n\nDetected at node Assert defined at (most recent call last):\n"
        "<stack traces unable to be found>\nassertion failed: [labels: expected labels from 0 to 2]"
        "\n\t [[{{node Assert}}]] [Op:__inference_signature_wrapper_123]"
    )
    assert in_one_line(message) == "labels: expected labels from 0 to 2"
    assert in_one_line("Invalid PNG.\n\t [[{{node DecodePng}}]]") == "Invalid PNG."
    assert len(in_one_line("word " * 1000)) < 400
