"""Files of arrays: only what is asked for is read, sizes are checked, nothing is unpickled."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
import scipy.io

from aae_tf.arrays import files, open_arrays
from aae_tf.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (42, 5, 4), np.uint8)
LABELS = np.arange(42) % 3


def _open(path, names=None):
    with open_arrays("--dataset=x", path) as file:
        return {name: file.read(name) for name in (file.names if names is None else names)}


def _refused(path, names=None):
    with pytest.raises(DataError) as caught:
        _open(path, names)
    line = str(caught.value)
    assert line.startswith("--dataset=x: ") and "\n" not in line and len(line) < 400
    return line


def _header(text, version=1, length=None):
    """An .npy's beginning with such a header."""
    content = text.encode() + b"\n"
    form = "<H" if version == 1 else "<I"
    size = len(content) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(form, size) + content


def _npz(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_is_read_as_numpy_reads_it(tmp_path, save):
    arrays = {
        "images": np.asfortranarray(IMAGES),
        "labels": LABELS,
        "number": np.array(3.5),
        "big": LABELS.astype(">i4"),
        "words": np.array([b"a", b"bc"]),
        "none": np.zeros((0, 3)),
    }
    save(tmp_path / "a.npz", **arrays)
    found = _open(tmp_path / "a.npz")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_npy_is_one_array_without_a_name(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    (found,) = _open(tmp_path / "a.npy").values()
    np.testing.assert_array_equal(found, IMAGES)


def test_header_is_known_without_reading_the_array(tmp_path):
    images = np.tile(IMAGES, (50, 1, 1))
    np.savez(tmp_path / "a.npz", images=images, other=np.array([{}], object))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    at = content.index(images.tobytes()) + 20_000
    content[at : at + 9] = b"damaged__"
    (tmp_path / "a.npz").write_bytes(content)
    with open_arrays("--dataset=x", tmp_path / "a.npz") as file:
        assert file.header("images") == (np.uint8, images.shape)
        assert file.header("other").dtype.hasobject
    assert "Bad CRC-32" in _refused(tmp_path / "a.npz", ["images"])
    assert "never unpickled" in _refused(tmp_path / "a.npz", ["other"])


def test_damage_to_what_is_not_asked_for_is_left_alone(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, other=IMAGES + 1)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    at = content.index((IMAGES + 1).tobytes())
    content[at : at + 9] = b"damaged__"
    (tmp_path / "a.npz").write_bytes(content)
    np.testing.assert_array_equal(_open(tmp_path / "a.npz", ["images"])["images"], IMAGES)
    assert "not a readable .npz" in _refused(tmp_path / "a.npz")


SHAPES = {
    "10^30": ((10**30, 28, 28), "has 784 bytes"),
    "an overflow": ((2**62, 4), "has 784 bytes"),
    "none of 10^30": ((0, 10**30), "impossible shape|has 784 bytes"),
    "100,000 x 100,000": ((1, 100_000, 100_000), "has 784 bytes"),
    "negative": ((-1, -784), "impossible shape"),
    "words": (("a",), "not a readable"),
    "many": ((1,) * 70 + (784,), "impossible shape"),
}


@pytest.mark.parametrize("shape, words", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_shapes_that_the_data_do_not_bear_out_are_refused(
    tmp_path, small_space, ending, shape, words
):
    head = _header(str({"descr": "|u1", "fortran_order": False, "shape": shape}))
    path = tmp_path / f"a{ending}"
    if ending == ".npz":
        _npz(path, {"images.npy": head + bytes(784)})
    else:
        path.write_bytes(head + bytes(784))
    line = _refused(path)
    assert any(word in line for word in words.split("|"))


@pytest.mark.parametrize(
    "content",
    [
        _header("{}", version=2, length=2**31),
        _header("{}", length=65_000),
        _header("(" * 3000),
        _header("-" * 3000 + "1"),
        _header("[" * 90 + "]" * 90),
        _header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}"),
        _header("{'descr': '|V2147483647', 'fortran_order': False, 'shape': (9,)}"),
        _header("{'descr': '|O', 'fortran_order': False, 'shape': (10**9,)}"),
        _header("__import__('os').system('touch executed')"),
        _header("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", version=3),
        _header("{'descr': '|u1', 'fortran_order': False, 'shape': (9,)}", version=9),
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00",
        b"",
        b"text",
    ],
    ids=range(15),
)
@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_hostile_headers_are_refused(tmp_path, small_space, empty_folder, ending, content):
    path = tmp_path / f"a{ending}"
    if ending == ".npz":
        _npz(path, {"images.npy": content})
    else:
        path.write_bytes(content)
    assert f"not a readable {ending}" in _refused(path)
    assert not (empty_folder / "executed").exists()


@pytest.mark.parametrize("length", [5000, 2**31])
def test_header_that_declares_a_great_length_is_refused_before_it_is_read(tmp_path, length):
    (tmp_path / "a.npy").write_bytes(_header(" " * 6000, version=2, length=length))
    assert f"a header of {length} bytes, expected at most 4096" in _refused(tmp_path / "a.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("size", [1, 100])
def test_other_checksum_is_refused(tmp_path, save, size):
    save(tmp_path / "a.npz", images=np.tile(IMAGES, (size, 1, 1)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.rindex(b"PK\x01\x02") + 16] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "Bad CRC-32" in _refused(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["images", "other"])
def test_array_that_unpacks_to_more_than_pictures_do_is_refused_unless_it_is_not_asked_for(
    tmp_path, small_space, name
):
    head = _header("{'descr': '|u1', 'fortran_order': False, 'shape': (1048576, 32, 32)}")
    packer = zlib.compressobj(9, wbits=-15)
    body = [packer.compress(head), packer.flush(zlib.Z_FULL_FLUSH)]
    crc = zlib.crc32(head)
    again = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(64):  # 1 GiB
        body.append(again)
        crc = zlib.crc32(bytes(2**24), crc)
    body = b"".join([*body, packer.flush()])
    path = tmp_path / "a.npz"
    np.savez(path, labels=LABELS, **({"images": IMAGES} if name == "other" else {}))
    _append_packed(path, f"{name}.npy", body, crc, len(head) + 2**30)
    if name == "other":
        np.testing.assert_array_equal(_open(path, ["images"])["images"], IMAGES)
    assert f"'{name}' declares 1.0 GiB in 1.0 MiB of file; expected at most 200" in _refused(path)


def _append_packed(path, name, body, crc, size):
    """Adds a member that is packed already."""
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.compress_type, info.CRC = zipfile.ZIP_DEFLATED, crc
        info.compress_size, info.file_size = len(body), size
        info.header_offset = archive.start_dir
        archive.fp.seek(archive.start_dir)
        archive.fp.write(info.FileHeader(zip64=True))
        archive.fp.write(body)
        archive.start_dir = archive.fp.tell()
        archive.filelist.append(info)
        archive.NameToInfo[name] = info
        archive._didModify = True


def test_member_that_declares_more_than_the_file_has_is_refused(tmp_path, small_space):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)  # packed and unpacked sizes
    (tmp_path / "a.npz").write_bytes(content)
    assert "not a readable .npz" in _refused(tmp_path / "a.npz")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, how):
    content = io.BytesIO()
    np.save(content, IMAGES)
    _npz(tmp_path / "a.npz", {"images.npy": content.getvalue()}, how)
    assert "'images' is packed in another way" in _refused(tmp_path / "a.npz")


def test_encrypted_members_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "'images' is encrypted" in _refused(tmp_path / "a.npz")


def test_names_are_printed_as_one_line(tmp_path):
    _npz(tmp_path / "a.npz", {"a\n\x1b[31m.npy": b"no array"})
    assert r"a\n\x1b[31m" in _names(tmp_path / "a.npz")
    assert "not a readable" in _refused(tmp_path / "a.npz")


def _names(path):
    with open_arrays("--dataset=x", path) as file:
        return "".join(map(files.printable, file.names))


def _contents():
    """A small file of each kind."""
    arrays = {"images": IMAGES[:9] // 32, "labels": LABELS[:9].astype(float)}
    contents = {}
    for name, save in (("stored.npz", np.savez), ("packed.npz", np.savez_compressed)):
        content = io.BytesIO()
        save(content, **arrays)
        contents[name] = content.getvalue()
    content = io.BytesIO()
    np.save(content, arrays["images"])
    contents["plain.npy"] = content.getvalue()
    for name, packed in (("plain.mat", False), ("packed.mat", True)):
        content = io.BytesIO()
        scipy.io.savemat(content, arrays, do_compression=packed)
        contents[name] = content.getvalue()
    return contents


CONTENTS = _contents()
VALUES = (0, 1, 36, 127, 128, 255)  # 36 as the type of data ended SciPy's process


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTENTS)
def test_damaged_files_end_in_arrays_or_in_one_line(tmp_path, small_space, name):
    """One or more bytes of each file are others, or its end is missing."""
    content, path = CONTENTS[name], tmp_path / name
    random = np.random.default_rng(len(content))
    read = refused = 0
    for number in range(400):
        mutated = bytearray(content)
        if number % 8 == 7:
            del mutated[random.integers(len(mutated)) :]
        # The beginning and the end are what says how large all else is.
        reach = len(mutated) if number % 2 else min(len(mutated), 400)
        for _ in range(int(random.integers(1, 4)) if mutated else 0):
            at = int(random.integers(reach)) * (1 if number % 4 else -1)
            mutated[at] = int(random.choice(VALUES))
        path.write_bytes(mutated)
        try:
            with open_arrays("--dataset=x", path) as file:
                for array in file.names:
                    assert file.read(array).nbytes <= 200 * len(content)
            read += 1
        except DataError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            refused += 1
    assert read and refused > 50
