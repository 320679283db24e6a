"""Damaged and hostile .npz, .npy and .mat files end in images or one line, in bounded memory."""

import io

import numpy as np
import pytest
import scipy.io

from aae_tf.client import inputs
from aae_tf.client.model import PredictionError, Signature, Tensor
from aae_tf.data import load
from aae_tf.errors import DataError
from aae_tf.settings import DataSettings

pytestmark = pytest.mark.faults

MUTATIONS = 500  # of each file
VALUES = (0, 1, 14, 15, 36, 127, 128, 255)
ENCODE = Signature(
    {"images": Tensor("float32", (None, 6, 5, 1))}, {"codes": Tensor("float32", (None, 2))}
)


def _files():
    images = np.random.default_rng(0).integers(0, 8, (42, 6, 5), np.uint8)
    arrays = {"images": images, "labels": np.arange(42.0) % 3}
    writers = {
        "stored.npz": lambda file: np.savez(file, **arrays),
        "packed.npz": lambda file: np.savez_compressed(file, **arrays),
        "plain.npy": lambda file: np.save(file, images),
        "plain.mat": lambda file: scipy.io.savemat(file, arrays),
        "packed.mat": lambda file: scipy.io.savemat(file, arrays, do_compression=True),
    }
    contents = {}
    for name, write in writers.items():
        file = io.BytesIO()
        write(file)
        contents[name] = file.getvalue()
    return contents


FILES = _files()


def _mutated(content, random):
    """A file with bytes of another value, blanked, added, gone, or in another place."""
    content = bytearray(content)
    # What says how large all else is lies at the beginning and the end.
    reach = min(len(content), int(random.choice([160, 400, len(content)])))
    at = int(random.integers(reach))
    at = at if random.integers(3) else len(content) - 1 - at
    match int(random.integers(6)):
        case 0:
            content[at] = int(random.choice(VALUES))
        case 1:
            content[at] ^= 1 << int(random.integers(8))
        case 2:
            size = int(random.integers(1, 9))
            content[at : at + size] = random.bytes(len(content[at : at + size]))
        case 3:
            del content[at : at + int(random.integers(1, 64))]
        case 4:
            content[at:at] = random.bytes(int(random.integers(1, 64)))
        case 5:
            del content[at:]
    return bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_mutations_end_in_images_or_in_one_line(tmp_path, small_space, name):
    random, path = np.random.default_rng(len(FILES[name])), tmp_path / name
    read = refused = 0
    for _ in range(MUTATIONS):
        path.write_bytes(_mutated(FILES[name], random))
        for attempt in (
            lambda: load(DataSettings(dataset=str(path))),
            lambda: inputs.of_arrays(path, "encode", ENCODE),
        ):
            try:
                attempt()
                read += 1
            except (DataError, PredictionError) as error:
                assert "\n" not in str(error) and len(str(error)) < 600
                refused += 1
    assert read and refused
