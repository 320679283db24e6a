"""What TensorFlow's C API, the loader below TF Serving, makes of an export that it must refuse."""

import c_api
import numpy as np
import pytest

INVALID_ARGUMENT = 3

pytestmark = pytest.mark.skipif(not c_api.LIBRARY.exists(), reason="the wheel has no C library")


def test_refusals_are_invalid_argument_with_words(exported):
    model = c_api.Model(exported("gaussian")[1])
    with pytest.raises(RuntimeError) as refused:
        model("encode", images=np.full((1, 8, 8, 1), np.nan, np.float32))
    code, words = refused.value.args
    assert code == INVALID_ARGUMENT and "images: expected finite values from 0 to 1" in words
    with pytest.raises(RuntimeError) as refused:
        model("encode", images=np.zeros((1, 8, 8, 2), np.float32))
    assert refused.value.args[0] == INVALID_ARGUMENT
    assert "expected shape [?,8,8,1]" in refused.value.args[1]
    good = model("encode", images=np.zeros((2, 8, 8, 1), np.float32))
    assert good["codes"].shape == (2, 2)
