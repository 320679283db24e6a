"""Files of pictures become pixels by TensorFlow alone: in training, in a served graph, on a page.

The pixels are Pillow's `convert("L")` of grey pictures and `convert("RGB")` of all others, within
one level, after `ImageOps.exif_transpose`. So transparency is dropped: a pixel keeps the colour
that the file gives it. Of several frames the first is taken. Values of 16 bits become 8 by their
upper byte. Each file's header is read before any pixel is decoded, so that a small file can't
claim much memory.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from aae_tf.errors import DataError

MOST_PIXELS = 2**25  # of one picture; decoded in colour they are 100 MB
MOST_BYTES = 2**28  # of one file: 16-bit pixels with transparency, not compressed
MOST_PARTS = 10_000  # of a file that are gone through before its pixels
MOST_IN_PARTS = 2**25  # bytes of a GIF's pixels
HEADS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8")
KINDS = "PNG, JPEG, BMP or GIF"
TOO_LARGE = f"expected at most {MOST_BYTES} bytes in a file"
LEAST_OF_16_BITS = 4096  # a brightest value below it is that of 12 bits or fewer in 16
ORIENTATION = 0x0112
BMP_MASKS = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0])  # of red, green and blue
PADDING = 64  # zeros behind the file, so that no number is read beyond the end


@tf.autograph.experimental.do_not_convert
def decode(content: tf.Tensor) -> tf.Tensor:
    """One picture.

    Args:
      content: of a PNG, JPEG, BMP or GIF file, a scalar string.

    Returns:
      uint8 `(height, width, channels)` with 1 channel if the file is grey and 3 if not.
      INVALID_ARGUMENT, as TensorFlow reports it, for whatever can't be read as Pillow reads it.
    """
    content = tf.convert_to_tensor(content)
    starts = tf.stack([tf.strings.substr(content, 0, len(head)) == head for head in HEADS])
    content = _if(tf.reduce_any(starts), content, f"expected {KINDS} pictures")
    content = _if(tf.strings.length(content) <= MOST_BYTES, content, TOO_LARGE)
    file = _File(content)
    which = tf.argmax(starts, output_type=tf.int32)
    readers = [lambda: _png(file), lambda: _jpeg(file), lambda: _bmp(file), lambda: _gif(file)]
    image, exif = tf.switch_case(which, readers)
    image = tf.cond(exif > 0, lambda: _turned(image, file, exif), lambda: image)
    return tf.ensure_shape(image, (None, None, None))


@functools.cache
def compiled() -> tf.types.experimental.ConcreteFunction:
    """`decode` as a function that a process traces once."""
    with tf.init_scope():
        function = tf.function(decode, [tf.TensorSpec([], tf.string)], autograph=False)
        return function.get_concrete_function()


def decode_file(path: pathlib.Path) -> tf.Tensor:
    """The picture in a file, as `decode` gives it.

    Raises:
      DataError: if it can't be read; the message says why, not which file.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(TOO_LARGE)
        return compiled()(tf.constant(path.read_bytes()))
    except OSError as error:
        raise DataError(error.strerror) from None
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        asserted = re.search(r"images: (.*?)\]", str(error))
        raise DataError(asserted[1] if asserted else "damaged") from None


def with_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Grey of colour as Pillow weighs it, or three equal colours of grey.

    Args:
      image: uint8 `(height, width, 1 or 3)`.
      channels: 1 or 3.
    """
    if channels == 3:
        return tf.repeat(image, 3 // tf.shape(image)[-1], axis=-1)
    return tf.cond(tf.shape(image)[-1] == 3, lambda: _grey(image), lambda: image)


def _grey(image):
    red, green, blue = (tf.cast(image[..., n : n + 1], tf.int32) for n in range(3))
    return tf.cast((19595 * red + 38470 * green + 7471 * blue + 0x8000) // 2**16, tf.uint8)


def _if(condition, value, expected):
    # The operation itself, as tf.debugging.Assert would put each into a branch of its own.
    tf_assert = tf.raw_ops.Assert(condition=condition, data=[f"images: {expected}"])
    with tf.control_dependencies([tf_assert] if tf_assert is not None else []):
        return tf.identity(value)


def _if_of_size(value, height, width):
    """The value, if a picture of that size may be decoded."""
    expected = f"expected 1 to {MOST_PIXELS} pixels in a picture"
    few = (height > 0) & (width > 0) & (height <= MOST_PIXELS // tf.maximum(width, 1))
    return _if(few, value, expected)


class _File:
    """A file's bytes and the numbers in them; what lies beyond the end is 0."""

    def __init__(self, content: tf.Tensor):
        self.content = content
        self.size = tf.strings.length(content)
        self._padded = tf.strings.join([content, bytes(PADDING)])

    def text(self, start, size) -> tf.Tensor:
        """The bytes from `start`, a string of `size`."""
        return tf.strings.substr(self._padded, tf.minimum(start, self.size), size)

    def part(self, start, size) -> tf.Tensor:
        """The same as uint8 `(size,)`."""
        return tf.io.decode_raw(self.text(start, size), tf.uint8)

    def numbers(self, start, *fields: tuple[int, int]) -> list[tf.Tensor]:
        """Whole numbers, int32; those of 4 bytes that are over 2**31 come out negative.

        Args:
          start: what places count from.
          fields: of each number the place and how many bytes, the highest first; minus that where
            the lowest is first.
        """
        size = max(place + abs(count) for place, count in fields)
        data = tf.cast(self.part(start, size), tf.int32)
        return tf.unstack(tf.reduce_sum(_weights(size, fields) * data, -1), len(fields))


def _weights(size: int, fields: Sequence[tuple[int, int]]) -> np.ndarray:
    """What a number has of each byte, int32 `(len(fields), size)`; fields as in _File.numbers."""
    weights = np.zeros((len(fields), size), np.int32)
    for row, (place, count) in zip(weights, fields, strict=True):
        powers = 256 ** np.arange(abs(count))
        row[place : place + abs(count)] = powers if count < 0 else powers[::-1]
    return weights


def _walk(step: Callable, start: int | tf.Tensor, **state):
    """Goes through the parts of a file.

    Args:
      step: from the position and the state to the next ones; a position that isn't positive ends.
      start: the first position.
      state: int32 scalars.

    Returns:
      The state.
    """
    state = {name: tf.constant(value) for name, value in state.items()}
    count, _, state = tf.while_loop(
        lambda count, at, _: (at > 0) & (count <= MOST_PARTS),
        lambda count, at, state: (count + 1, *step(at, state)),
        (tf.constant(0), tf.convert_to_tensor(start), state),
    )
    few = count <= MOST_PARTS
    return {name: _if(few, value, "a file of too many parts") for name, value in state.items()}


def _holds(file, text: bytes):
    """Whether a text stands anywhere; this is sooner known than where, which is rarely asked."""
    return tf.strings.regex_full_match(file.content, rb"\C*" + text + rb"\C*")


def _png(file):
    length, width, height, depth, colour = file.numbers(
        8, (0, 4), (8, 4), (12, 4), (16, 1), (17, 1)
    )
    whole = (length == 13) & (file.size > 33)
    content = _if(whole, file.content, "a PNG is cut short")
    content = _if_of_size(content, height, width)
    is_grey = (colour == 0) | (colour == 4)
    image = tf.cond(
        is_grey, lambda: tf.io.decode_png(content, 1), lambda: tf.io.decode_png(content, 3)
    )
    image = tf.cond(depth == 16, lambda: _if_of_16_bits(content, image), lambda: image)

    def step(at, state):
        kind, (length,) = file.text(at + 4, 4), file.numbers(at, (0, 4))
        state = {"exif": tf.where(kind == b"eXIf", at + 8, state["exif"])}
        is_end = (kind == b"IDAT") | (at + length >= file.size)
        return tf.where(is_end, 0, at + 12 + length), state

    exif = tf.cond(
        _holds(file, b"eXIf"), lambda: _walk(step, 33, exif=0)["exif"], lambda: tf.constant(0)
    )
    return image, exif


def _if_of_16_bits(content, image):
    """The upper bytes of 16-bit values, if these use their range or are all 0."""
    upper = tf.reduce_max(image)
    unused = tf.cond(
        upper == 0,
        lambda: tf.reduce_max(tf.io.decode_png(content, 3, tf.uint16)) > 0,
        lambda: upper < LEAST_OF_16_BITS // 256,
    )
    expected = "16-bit values all below 4096; expected such as use 0 to 65535, or 8-bit ones"
    return _if(~unused, image, expected)


def _jpeg(file):
    height, width, colours = tf.unstack(tf.io.extract_jpeg_shape(file.content))
    content = _if_of_size(file.content, height, width)

    def step(at, state):
        marker, length = file.numbers(at, (0, 2), (2, 2))
        is_exif = (marker == 0xFFE1) & (file.text(at + 4, 6) == b"Exif\0\0") & (state["exif"] == 0)
        is_adobe = (marker == 0xFFEE) & (file.text(at + 4, 5) == b"Adobe")
        state = {
            "exif": tf.where(is_exif, at + 10, state["exif"]),
            "adobe": tf.where(is_adobe, at, state["adobe"]),
        }
        after = at + tf.where(marker == 0xFFFF, 1, 2 + length)  # a byte may fill up
        # Behind the start of the scan there are no more heads.
        is_end = (marker < 0xFF00) | (marker == 0xFFDA) | (after >= file.size)
        return tf.where(is_end, 0, after), state

    state = tf.cond(
        (colours == 4) | _holds(file, b"Exif"),
        lambda: _walk(step, 2, exif=0, adobe=0),
        lambda: {"exif": tf.constant(0), "adobe": tf.constant(0)},
    )
    known = (colours != 4) | (state["adobe"] > 0)
    content = _if(known, content, "a JPEG of four colours without Adobe's marker")
    return tf.io.decode_jpeg(content, dct_method="INTEGER_ACCURATE"), state["exif"]


def _turned(image, file, start):
    """An image turned and mirrored as the Exif data that begin at `start` say."""
    head = file.text(start, 4)
    little = head == b"II*\0"
    known = little | (head == b"MM\0*")
    low, high = file.numbers(start, (4, -4), (4, 4))
    directory = start + tf.maximum(tf.where(little, low, high), 0)
    low, high = file.numbers(directory, (0, -2), (0, 2))
    count = tf.where(known, tf.where(little, low, high), 0)
    entries = file.part(directory + 2, 12 * count)
    entries = tf.cast(tf.reshape(entries[: tf.size(entries) // 12 * 12], (-1, 12)), tf.int32)
    # Tag, type, a short value, and a long one's lower half.
    low_first = _weights(12, [(0, -2), (2, -2), (8, -2), (8, -2)]).T
    high_first = _weights(12, [(0, 2), (2, 2), (8, 2), (10, 2)]).T
    columns = tf.matmul(entries, tf.where(little, low_first, high_first))
    tag, kind, short, long = tf.unstack(columns, axis=1)
    values = tf.where(tag == ORIENTATION, tf.where(kind == 4, long, short), 1)
    how = tf.reduce_max(tf.concat([[1], values], 0))

    def sign(*numbers):
        return tf.where(tf.reduce_any(how == numbers), -1, 1)

    axes = tf.where(tf.reduce_any(how == [5, 6, 7, 8]), [1, 0, 2], [0, 1, 2])
    return tf.transpose(image, axes)[:: sign(3, 4, 7, 8), :: sign(2, 3, 6, 7)]


def _bmp(file):
    fields = [(10, -4), (14, -4), (18, -4), (22, -4), (28, -2), (30, -4), (46, -4)]
    first, header, width, height, bits, packing, colours = file.numbers(0, *fields)
    upwards, height = height > 0, tf.abs(height)
    usual = (bits == 32) & (packing == 3) & (file.text(54, 12) == BMP_MASKS)
    known = tf.reduce_any(bits == [1, 4, 8, 24, 32]) & ((packing == 0) | usual) & (header >= 40)
    expected = "a BMP of a rare form; expected one that isn't compressed, of 1, 4, 8, 24 or 32 bits"
    width = _if(known, _if_of_size(width, height, width), expected)
    stride = (width * bits + 31) // 32 * 4
    whole = (first > 0) & (first <= file.size) & (stride * height <= file.size - first)
    size = _if(whole, stride * height, "a BMP is cut short")
    rows = tf.reshape(file.part(first, size), (height, stride))[:, : (width * bits + 7) // 8]
    image = tf.cond(
        bits <= 8,
        lambda: _of_palette(file, rows, width, bits, 14 + header, colours),
        lambda: tf.reshape(rows, (height, width, bits // 8))[..., 2::-1],
    )
    return image[:: tf.where(upwards, -1, 1)], tf.constant(0)


def _of_palette(file, rows, width, bits, start, colours):
    """The colours of a BMP's indices; one channel where each index of 0, 1, ... is that grey."""
    most = tf.bitwise.left_shift(1, bits)
    colours = tf.where((colours <= 0) | (colours > most), most, colours)
    palette = tf.reshape(file.part(tf.maximum(start, 0), 4 * colours), (-1, 4))[:, 2::-1]
    shifts = tf.cast(tf.range(8 // bits - 1, -1, -1) * bits, tf.uint8)
    indices = tf.bitwise.right_shift(rows[..., tf.newaxis], shifts)
    indices = tf.bitwise.bitwise_and(indices, tf.cast(most - 1, tf.uint8))
    indices = tf.cast(tf.reshape(indices, (tf.shape(rows)[0], -1))[:, :width], tf.int32)
    inside = tf.reduce_max(indices) < colours
    image = tf.gather(palette, _if(inside, indices, "a BMP has colours beyond its palette"))
    ramp = tf.range(colours) * tf.where(colours == 2, 255, 1)
    is_grey = tf.reduce_all(tf.cast(palette, tf.int32) == ramp[:, tf.newaxis])
    return image[..., : tf.where(is_grey, 1, 3)]


def _gif(file):
    def table(flags):
        return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)

    def step(at, state):
        """Goes over a block before the frame, or over a part of one's data."""
        kind, label = file.numbers(at, (0, 1), (1, 1))  # kind, or the part's size
        inside = state["inside"] > 0
        is_block = ~inside & (kind == 0x21)
        state = {
            "inside": tf.cast(is_block | (inside & (kind > 0)), tf.int32),
            "frame": tf.where(~inside & (kind == 0x2C), at, 0),
            "control": tf.where(is_block & (label == 0xF9), at, state["control"]),
        }
        after = at + tf.where(inside, 1 + kind, 2)
        goes_on = (inside | is_block) & (after < file.size)
        return tf.where(goes_on, after, 0), state

    width, height, flags = file.numbers(6, (0, -2), (2, -2), (4, 1))
    content = _if_of_size(file.content, height, width)
    state = _walk(step, 13 + table(flags), inside=0, frame=0, control=0)
    frame, is_controlled = state["frame"], state["control"] > 0
    content = _if(frame > 0, content, "a GIF is cut short")
    fields = [(1, -2), (3, -2), (5, -2), (7, -2), (9, 1)]
    left, top, columns, rows, flags = file.numbers(frame, *fields)
    fills = (left == 0) & (top == 0) & (columns == width) & (rows == height)
    content = _if(fills, content, "a GIF whose first frame leaves a part of it empty")
    end = _end_of_parts(file, frame + 11 + table(flags))
    # TensorFlow would make what is transparent black, and decode all frames.
    place = tf.where(is_controlled, state["control"] + 3, 0)
    (flags,) = file.numbers(place, (0, 1))
    flags = tf.where(is_controlled, flags // 2 * 2, flags)
    parts = [
        tf.strings.substr(content, 0, place),
        tf.gather(tf.constant([bytes([byte]) for byte in range(256)]), flags),
        tf.strings.substr(content, place + 1, end - place - 1),
        b";",
    ]
    image = tf.io.decode_image(tf.strings.join(parts), channels=3, expand_animations=False)
    return image, tf.constant(0)


def _end_of_parts(file, start):
    """Where a GIF's data end that are in parts, each a byte of its size before it, the last of 0.

    From every byte a step leads to the next part, if one begins there. Step by step these are put
    together, two to one, until the one from the first byte ends at a part of 0.
    """
    data = tf.cast(file.part(start, MOST_IN_PARTS), tf.int32)
    last = tf.size(data) - 1
    places = tf.range(last + 1)
    steps = tf.where(data == 0, places, tf.minimum(places + 1 + data, last))
    (steps,) = tf.while_loop(
        lambda steps: (data[steps[0]] != 0) & (steps[0] < last),
        lambda steps: (tf.gather(steps, steps),),
        (steps,),
    )
    end = start + steps[0] + 1
    return _if((data[steps[0]] == 0) & (end <= file.size), end, "a GIF is cut short")
