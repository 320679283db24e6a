"""Pixels are Pillow's for every kind and mode of picture; what can't be read so is refused."""

import functools
import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from aae_tf.data import decoding

RANDOM = np.random.default_rng(0)


@functools.cache
def _smooth(height=23, width=37):
    """A picture in colours that changes as a photo does, also in its transparency."""
    small = Image.fromarray(RANDOM.integers(0, 256, (4, 5, 4), np.uint8), "RGBA")
    return small.resize((width, height), Image.Resampling.BICUBIC)


def _file(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def _decoder():
    return tf.function(decoding.decode, input_signature=[tf.TensorSpec([], tf.string)])


def _decoded(content):
    return _decoder()(tf.constant(content)).numpy().astype(int)


def _refused(content, words):
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        _decoded(content)
    assert words in str(refused.value)


def _pillows(content, channels):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    picture = picture.convert("L" if channels == 1 else "RGB")
    return np.asarray(picture, int).reshape(*picture.size[::-1], channels)


def _check(content, channels, apart=1):
    decoded = _decoded(content)
    assert decoded.shape[-1] == channels
    np.testing.assert_allclose(decoded, _pillows(content, channels), atol=apart)


def _in_mode(mode):
    return _smooth().convert("RGB").convert(mode) if mode != "RGBA" else _smooth()


@pytest.mark.parametrize(
    "kind, mode, channels",
    [
        *(("PNG", mode, 1) for mode in ("1", "L", "LA")),
        *(("PNG", mode, 3) for mode in ("P", "RGB", "RGBA")),
        *(("BMP", mode, 1) for mode in ("1", "L")),
        *(("BMP", mode, 3) for mode in ("P", "RGB", "RGBA")),
        *(("GIF", mode, 3) for mode in ("1", "L", "P", "RGB")),
    ],
)
def test_pixels_are_pillows_in_every_mode_without_loss(kind, mode, channels):
    _check(_file(_in_mode(mode), kind), channels, apart=0)


@pytest.mark.parametrize("mode, channels", [("L", 1), ("RGB", 3), ("CMYK", 3)])
@pytest.mark.parametrize(
    "options", [{}, {"quality": 30}, {"progressive": True}, {"subsampling": 0}], ids=str
)
def test_pixels_of_a_jpeg_are_pillows_by_the_exact_transform(mode, channels, options):
    _check(_file(_in_mode(mode), "JPEG", **options), channels)


def test_jpeg_in_yellow_cyan_magenta_is_read():
    """Photoshop's form: the same numbers, of which the marker says that they are YCCK."""
    content = bytearray(_file(_in_mode("CMYK"), "JPEG"))
    content[content.index(b"Adobe") + 11] = 2
    _check(bytes(content), 3)


def test_jpeg_of_four_colours_that_says_not_which_is_refused():
    content = _file(_in_mode("CMYK"), "JPEG").replace(b"Adobe", b"adobe")
    _refused(content, "four colours")


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_transparent_colour_of_a_png_is_dropped_as_pillow_drops_it(mode):
    picture = _in_mode(mode)
    first = picture.getpixel((0, 0))
    content = _file(picture, transparency=first)
    assert "transparency" in Image.open(io.BytesIO(content)).info
    _check(content, 1 if mode == "L" else 3, apart=0)


def test_palette_with_alpha_of_each_colour_is_read_without_it():
    picture = _smooth().quantize(32)
    assert picture.mode == "P" and "transparency" not in picture.info
    _check(_file(picture, transparency=bytes(range(0, 256, 8))), 3, apart=0)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_pngs_of_few_bits_are_spread_over_the_range(bits):
    values = np.arange(16, dtype=np.uint8).reshape(4, 4) % 2**bits
    rows = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(4, -1)
    content = _raw_png(4, 4, bits, 0, np.packbits(rows, axis=-1))
    expected = values.astype(int) * (255 // (2**bits - 1))
    np.testing.assert_array_equal(_decoded(content)[..., 0], expected)
    _check(content, 1, apart=0)


def _chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _raw_png(width, height, depth, colour, rows, *chunks):
    """A PNG of rows of bytes, with chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    ends = _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")
    return b"".join([decoding.HEADS[0], _chunk(b"IHDR", header), *chunks, *ends])


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_become_eight_by_their_upper_byte(colour, channels):
    values = RANDOM.integers(0, 2**16, (5, 7, channels))
    values[0, 0] = 65535
    rows = values.astype(">u2").reshape(5, -1).view(np.uint8)
    content = _raw_png(7, 5, 16, colour, rows)
    left = 1 if channels < 3 else 3
    np.testing.assert_array_equal(_decoded(content), values[..., :left] >> 8)
    if colour:  # of 16-bit grey Pillow's conversion cuts off what is above 255
        _check(content, left)


@pytest.mark.parametrize("brightest", [1, 255, 1023, 4095])
def test_sixteen_bits_that_hold_twelve_or_fewer_are_refused(brightest):
    values = np.zeros((5, 7), np.uint16)
    values[2, 3] = brightest
    _refused(_file(Image.fromarray(values)), "16-bit values all below 4096")


@pytest.mark.parametrize("brightest", [0, 4096, 65535])
def test_sixteen_bits_that_use_their_range_or_are_black_are_read(brightest):
    values = np.full((5, 7), brightest, np.uint16)
    np.testing.assert_array_equal(_decoded(_file(Image.fromarray(values))), brightest >> 8)


def _exif(orientation, order="<", kind=3):
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0][: 5 - kind]))
    entries = [struct.pack(order + "HHI", 0x0100, 3, 1) + struct.pack(order + "HH", 5, 0)]
    entries += [struct.pack(order + "HHI", 0x0112, kind, 1) + value]
    return head + struct.pack(order + "H", 2) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    picture = _smooth().convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG"):
        content = _file(picture, kind, exif=exif)
        _check(content, 3)
        turned = orientation >= 5
        assert (_decoded(content).shape[0] == picture.width) == turned


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [3, 4])
def test_exif_data_of_either_order_and_both_numbers_are_read(order, kind):
    for orientation in (1, 6, 8):
        _check(
            _file(_smooth().convert("L"), exif=b"Exif\0\0" + _exif(orientation, order, kind)), 1, 0
        )


@pytest.mark.parametrize("cut", range(0, 38, 3))
def test_damaged_exif_data_turn_nothing_or_are_read_as_far_as_they_go(cut):
    picture = _smooth().convert("L")
    content = _raw_png(37, 23, 8, 0, np.asarray(picture), _chunk(b"eXIf", _exif(3)[:cut]))
    assert _decoded(content).shape == (23, 37, 1)


def test_first_frame_of_what_moves_is_taken():
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG"):
        content = _file(frames[0], kind, save_all=True, append_images=frames[1:])
        assert Image.open(io.BytesIO(content)).n_frames == 3
        _check(content, 3, apart=0)


@pytest.mark.parametrize("interlace", [0, 1])
def test_transparent_pixels_of_a_gif_keep_their_colour(interlace):
    picture = _smooth().convert("RGB").quantize(16)
    index = picture.getpixel((3, 3))
    content = _file(picture, "GIF", transparency=index, interlace=interlace, comment=b"x" * 700)
    assert Image.open(io.BytesIO(content)).info["transparency"] == index
    _check(content, 3, apart=0)


def test_gif_whose_first_frame_leaves_a_border_is_refused():
    content = bytearray(_file(_in_mode("P"), "GIF"))
    content[6] += 1
    _refused(bytes(content), "leaves a part of it empty")


def _bmp(*, height=1, bits=8, header=40, packing=0, colours=0, rest=bytes(2000)):
    head = struct.pack("<IiiHHIIiiII", header, 1, height, 1, bits, packing, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + header + 4 * colours) + head + rest


def test_bmp_of_four_bits_and_from_the_top_is_read():
    rows = np.array([[0x12, 0x30], [0x03, 0x20]], np.uint8)
    palette = RANDOM.integers(0, 256, (4, 4), np.uint8)
    head = struct.pack("<IiiHHIIiiII", 40, 3, -2, 1, 4, 0, 0, 0, 0, 4, 0)
    body = palette.tobytes() + b"".join(bytes(row) + bytes(2) for row in rows)
    content = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 16) + head + body
    expected = palette[[[1, 2, 3], [0, 3, 2]], 2::-1]
    np.testing.assert_array_equal(_decoded(content), expected)
    _check(content, 3, apart=0)


BROKEN = {
    "nothing": (b"", "expected PNG, JPEG, BMP or GIF"),
    "text": (b"no picture at all", "expected PNG, JPEG, BMP or GIF"),
    "a WebP": (_file(Image.new("RGB", (4, 4)), "WEBP"), "expected PNG, JPEG, BMP or GIF"),
    "a BMP of 16 bits": (_bmp(bits=16), "a BMP of a rare form"),
    "a BMP of OS/2": (_bmp(header=12), "a BMP of a rare form"),
    "a compressed BMP": (_bmp(packing=1), "a BMP of a rare form"),
    "a BMP beyond its palette": (_bmp(colours=1, rest=b"\0\0\0\0\1\1\1\1"), "beyond its palette"),
    "a BMP cut short": (_bmp(height=900), "a BMP is cut short"),
    "a GIF cut short": (_file(_smooth().convert("P"), "GIF")[:-60], "a GIF is cut short"),
    "a JPEG cut in its header": (_file(_in_mode("L"), "JPEG")[:30], ""),
    "a JPEG cut in its pixels": (_file(_in_mode("L"), "JPEG")[:-200], ""),
    "a PNG cut in its header": (_file(_in_mode("L"))[:12], "a PNG is cut short"),
    "a PNG cut in its pixels": (_file(_in_mode("L"))[:-200], ""),
    "a GIF without end": (
        b"GIF89a" + bytes([1, 0, 1, 0, 0, 0, 0]) + b"\x21\xfe" + b"\x01 " * 2**17,
        "too many parts",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_refused_in_words(case):
    _refused(*BROKEN[case])


def _claims(width, height):
    """Pictures of each kind whose headers claim a size."""
    sizes = {
        "PNG": (16, ">II", (width, height)),
        "GIF": (6, "<HH", (width, height)),
        "BMP": (18, "<ii", (width, height)),
        "JPEG": (None, ">HH", (height, width)),
    }
    for kind, (at, form, values) in sizes.items():
        content = bytearray(_file(_in_mode("L"), kind))
        if at is None:
            at = content.index(b"\xff\xc0") + 5
        if max(values) < 2**16 or form[1] in "Ii":
            struct.pack_into(form, content, at, *values)
            yield bytes(content)


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (0, 4), (5793, 5793)])
def test_size_is_looked_at_before_any_pixel_is_decoded(size):
    contents = list(_claims(*size))
    assert len(contents) >= 2
    for content in contents:
        by_libjpeg = content.startswith(decoding.HEADS[1]) and 0 in size
        _refused(content, "" if by_libjpeg else "expected 1 to 33554432 pixels in a picture")


def test_colours_become_grey_by_pillows_weights_and_grey_three_equal_colours():
    colours = RANDOM.integers(0, 256, (50, 60, 3), np.uint8)
    grey = np.asarray(Image.fromarray(colours).convert("L"))[..., None]
    np.testing.assert_array_equal(decoding.with_channels(tf.constant(colours), 1), grey)
    np.testing.assert_array_equal(decoding.with_channels(tf.constant(grey), 1), grey)
    np.testing.assert_array_equal(decoding.with_channels(tf.constant(colours), 3), colours)
    np.testing.assert_array_equal(
        decoding.with_channels(tf.constant(grey), 3), np.repeat(grey, 3, -1)
    )
