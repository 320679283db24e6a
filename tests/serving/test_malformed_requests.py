"""Five hundred malformed requests: each refused cleanly or answered rightly, memory flat."""

import resource

import numpy as np
import pytest
import tensorflow as tf
import tiny

REQUESTS, WARM_UP = 500, 100
GROWTH_AT_MOST = 64  # MiB of the process's largest size, after warm-up


def _picture(random):
    return tf.io.encode_png(tiny.images(1, seed=int(random.integers(100)))[0]).numpy()


def _spoilt_picture(random):
    content = bytearray(_picture(random))
    kind = random.integers(4)
    if kind == 0:  # cut short
        return bytes(content[: random.integers(len(content))])
    if kind == 1:  # some bytes turned
        for index in random.integers(8, len(content), 6):
            content[index] ^= int(random.integers(1, 256))
        return bytes(content)
    if kind == 2:
        return random.bytes(int(random.integers(0, 300)))
    content[16:24] = random.bytes(8)  # claims another size
    return bytes(content)


def _spoilt_array(random, good):
    kind = random.integers(6)
    changed = good.copy()
    if kind == 0:
        changed.flat[random.integers(good.size)] = random.choice([np.nan, np.inf, -np.inf])
        return changed
    if kind == 1:  # another rank
        return good[0] if random.integers(2) else good[None]
    if kind == 2:  # another type
        return changed.astype(random.choice([np.float64, np.int32, np.uint8]))
    if kind == 3:  # another size
        return changed[..., :0] if random.integers(2) else np.concatenate([changed, changed], -1)
    if kind == 4:
        return changed[:0]
    return changed * np.float32(random.choice([-1.0, 300.0, 1e30]))


def _request(random):
    """A signature's name and inputs of which at least one is likely to be wrong."""
    size = int(random.integers(1, 4))
    images = random.random((size, 8, 8, 1), np.float32)
    styles = random.normal(size=(size, 4)).astype(np.float32)
    kind = random.integers(6)
    if kind == 0:
        return str(random.choice(["encode", "classify"])), {"images": _spoilt_array(random, images)}
    if kind == 1:
        return "decode_or_generate", {
            "labels": np.zeros(size, np.int64),
            "styles": _spoilt_array(random, styles),
        }
    if kind == 2:
        return "decode_or_generate", {
            "labels": random.integers(-2, 6, size + random.integers(2)),
            "styles": styles,
        }
    if kind == 3:
        count = random.choice([-1, -(2**31), 10_001, 2**31 - 1, 5])
        return "sample", {"seed": np.array([1, 2], np.int32), "count": np.int32(count)}
    if kind == 4:
        return "sample", {
            "seed": np.arange(random.integers(5), dtype=np.int32),
            "count": np.int32(2),
        }
    pictures = [_spoilt_picture(random) for _ in range(size)]
    return "classify_bytes", {"image_bytes": np.array(pictures, object)}


def _is_right(inputs, outputs):
    """Whether an answer is one to a request that was well-formed after all."""
    if "count" in inputs:
        return len(outputs["images"]) == inputs["count"]
    given = next(iter(inputs.values()))
    return all(
        len(value) == len(given) and np.isfinite(value.numpy().astype(np.float64)).all()
        for value in outputs.values()
    )


@pytest.mark.slow
def test_every_malformed_request_gets_an_error_or_a_right_answer_and_memory_stays(loaded):
    model = loaded("semi_supervised")
    random = np.random.default_rng(0)
    refused = answered = largest = 0
    for number in range(REQUESTS):
        if number == WARM_UP:
            largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        name, inputs = _request(random)
        function = model.signatures[name.replace("decode_or_", "")]
        try:
            outputs = function(**{key: tf.constant(value) for key, value in inputs.items()})
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            assert str(error)
            refused += 1
        else:
            assert _is_right(inputs, outputs), (name, inputs)
            answered += 1
    assert refused > 250 and answered > 20, (refused, answered)
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest) / 1024
    assert growth < GROWTH_AT_MOST
    good = model.signatures["encode"](images=tf.zeros((2, 8, 8, 1)))
    assert np.isfinite(good["codes"]).all()
