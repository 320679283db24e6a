"""A user's own images: an .npz, or a folder of image files."""

from __future__ import annotations

import pathlib
import zipfile
import zlib

import numpy as np

from aae_tf.data.images import ImageData, Split, fixed_permutation, with_validation
from aae_tf.errors import DataError

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
SMALLEST = 30  # examples, so that every split has a few
NPZ_LAYOUT = (
    "arrays 'images' and, if there are any, 'labels'; or 'x_train', 'x_test' and, if there are "
    "any, 'y_train', 'y_test'"
)


def _without_test(name: str, everything: Split, class_names=()) -> ImageData:
    """Splits a seventh off for the test, then validation off the rest."""
    if len(everything) < SMALLEST:
        raise DataError(f"--dataset={name}: {len(everything)} images, expected {SMALLEST} or more")
    everything = everything.take(fixed_permutation(len(everything)))
    held_out = min(10_000, len(everything) // 7)
    train, validation = with_validation(everything.take(slice(held_out, None)), shuffle=False)
    return ImageData(name, train, validation, everything.take(slice(0, held_out)), class_names)


def load_npz(path: pathlib.Path) -> ImageData:
    """Reads an .npz without unpickling anything.

    Args:
      path: of a file with arrays 'images' `(n, height, width[, channels])`, uint8 in 0..255 or
        floating point in 0..1, and 'labels' `(n,)`, integers from 0; or the four arrays of Keras's
        mnist.npz, which fix the test split.

    Raises:
      DataError: if the file or one of its arrays is of another kind.
    """
    flag = f"--dataset={path}"
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{flag}: not a readable .npz; expected {NPZ_LAYOUT}")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{flag}: not a readable .npz ({error})") from None
    except ValueError as error:
        if "pickle" not in str(error):
            raise DataError(f"{flag}: not a readable .npz ({error})") from None
        raise DataError(
            f"{flag}: holds Python objects, which are never unpickled; expected {NPZ_LAYOUT}"
        ) from None
    for key, value in arrays.items():
        if not isinstance(value, np.ndarray):
            raise DataError(f"{flag}: '{key}' is not an array; expected {NPZ_LAYOUT}")
    if "images" in arrays:
        return _without_test(str(path), _checked_split(flag, arrays, "images", "labels"))
    if {"x_train", "x_test"} <= set(arrays):
        both = [
            _checked_split(flag, arrays, f"x_{part}", f"y_{part}") for part in ("train", "test")
        ]
        shapes = [split.images.shape[1:] for split in both]
        if shapes[0] != shapes[1] or both[0].images.dtype != both[1].images.dtype:
            raise DataError(f"{flag}: x_train and x_test differ in shape or dtype")
        if len(both[0]) < SMALLEST or not len(both[1]):
            raise DataError(
                f"{flag}: expected {SMALLEST} or more images in x_train, some in x_test"
            )
        train, validation = with_validation(both[0], shuffle=True)
        return ImageData(str(path), train, validation, both[1])
    raise DataError(f"{flag}: has {sorted(arrays) or 'no arrays'}, expected {NPZ_LAYOUT}")


def _checked_split(flag: str, arrays, images_key: str, labels_key: str) -> Split:
    images = arrays[images_key]
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        raise DataError(
            f"{flag}: '{images_key}' has shape {arrays[images_key].shape}, expected "
            "(n, height, width) or (n, height, width, channels)"
        )
    if images.dtype.kind == "f":
        if not np.isfinite(images).all():
            raise DataError(f"{flag}: '{images_key}' holds NaN or infinity")
        if images.min() < 0 or images.max() > 1:
            raise DataError(
                f"{flag}: '{images_key}' has values in {images.min():g}..{images.max():g}, "
                "expected 0..1 for floating point"
            )
        images = images.astype(np.float32)
    elif images.dtype != np.uint8:
        raise DataError(
            f"{flag}: '{images_key}' has dtype {images.dtype}, expected uint8 (0..255) or "
            "floating point (0..1)"
        )
    labels = arrays.get(labels_key)
    if labels is not None:
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise DataError(
                f"{flag}: '{labels_key}' has shape {labels.shape} and dtype {labels.dtype}, "
                f"expected {len(images)} integers from 0"
            )
        labels = labels.astype(np.int64)
    return Split(images, labels)


def load_folder(path: pathlib.Path, image_size: int = 0) -> ImageData:
    """Reads image files: flat, `class/file`, or `split/class/file` as `tfds.ImageFolder` has it.

    Args:
      path: of the folder.
      image_size: side of the square to which each image is cropped at the centre and resized;
        at 0 all must have one size already.

    Raises:
      DataError: if there are too few images, one can't be read, or sizes differ.
    """
    flag = f"--dataset={path}"
    files = sorted(
        f
        for f in path.rglob("*")
        if f.suffix.lower() in IMAGE_ENDINGS and f.is_file() and not f.name.startswith(".")
    )
    depths = {len(f.relative_to(path).parts) for f in files}
    if not files or len(depths) != 1 or max(depths) > 3:
        raise DataError(
            f"{flag}: {len(files)} images at folder depths {sorted(d - 1 for d in depths)}, "
            f"expected files ({', '.join(IMAGE_ENDINGS)}) all at one: flat, class/, or split/class/"
        )
    depth = depths.pop()
    class_names = tuple(sorted({f.parent.name for f in files})) if depth > 1 else ()
    images = _read_images(flag, files, image_size)
    labels = None
    if class_names:
        numbers = {name: number for number, name in enumerate(class_names)}
        labels = np.array([numbers[f.parent.name] for f in files], np.int64)
    everything = Split(images, labels)
    if depth < 3:
        return _without_test(str(path), everything, class_names)
    return _with_named_splits(flag, path, files, everything, class_names)


def _with_named_splits(flag, path, files, everything: Split, class_names) -> ImageData:
    split_names = np.array([f.relative_to(path).parts[0] for f in files])

    def part(*names):
        return everything.take(np.flatnonzero(np.isin(split_names, names)))

    train, validation, test = part("train"), part("val", "validation"), part("test")
    unknown = set(split_names.tolist()) - {"train", "val", "validation", "test"}
    if unknown or len(train) < SMALLEST or not len(test):
        raise DataError(
            f"{flag}: split folders {sorted(set(split_names.tolist()))}, expected 'train' (of "
            f"{SMALLEST} images or more) and 'test', and 'validation' if you like"
        )
    if not len(validation):
        train, validation = with_validation(train, shuffle=True)
    return ImageData(str(path), train, validation, test, class_names)


def _read_images(flag: str, files: list[pathlib.Path], image_size: int) -> np.ndarray:
    images = [_read_image(flag, file, image_size) for file in files]
    channels = max(image.shape[-1] for image in images)  # grey ones among coloured become grey RGB
    images = [np.repeat(i, channels // i.shape[-1], -1) for i in images]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{flag}: {file} is {image.shape}, the first image {images[0].shape}; "
                "expected one size, or --image_size to bring them to it"
            )
    return np.stack(images)


def _read_image(flag: str, file: pathlib.Path, image_size: int) -> np.ndarray:
    """One image, uint8 with 1 or 3 channels (an alpha channel is dropped)."""
    import tensorflow as tf

    try:
        image = tf.io.decode_image(file.read_bytes(), expand_animations=False)
    except tf.errors.InvalidArgumentError:
        raise DataError(f"{flag}: {file} can't be decoded as an image") from None
    channels = image.shape[-1]
    image = image[..., : 1 if channels < 3 else 3]
    if image_size:
        side = min(image.shape[0], image.shape[1])
        image = tf.image.resize_with_crop_or_pad(image, side, side)
        image = tf.image.resize(image, (image_size, image_size), antialias=True)
        image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
    return image.numpy()
