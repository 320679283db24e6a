"""Made-up files in the upstream formats of data sets that can't be downloaded here."""

import pathlib
import zipfile
from unittest import mock

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.image_classification import mnist

MANAGER = "tensorflow_datasets.core.download.DownloadManager"
FACES = {"train": 100, "validation": 60, "test": 40}


def prepare(name, data_dir, files, method="download"):
    """Prepares the data set as if `files` had been downloaded."""
    with mock.patch(f"{MANAGER}.{method}", lambda self, urls: files):
        tfds.builder(name, data_dir=data_dir).download_and_prepare()


def face(number):
    """218 x 178, within the central 140 x 140 square a slope that tells its number."""
    image = np.full((218, 178, 3), 255 - number, np.uint8)
    down = np.linspace(0, 40, 140)[:, None, None]
    image[39:179, 19:159] = np.round(number + down + np.array([0, 5, 10]))
    return image


def celeb_a(folder: pathlib.Path):
    """Splits of `FACES`, numbered through."""
    features = tfds.builder("celeb_a", data_dir=folder).info.features
    names = [f"{number:06}.jpg" for number in range(sum(FACES.values()))]
    archive = folder / "img_align_celeba.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(names):
            # Lossless, whatever its ending says, so that pixels can be compared.
            file.writestr(f"img_align_celeba/{name}", tf.io.encode_png(face(number)).numpy())
    parts = [part for part, size in enumerate(FACES.values()) for _ in range(size)]
    tables = {"list_eval_partition": "".join(f"{n} {p}\n" for n, p in zip(names, parts))}  # noqa: B905
    for table, feature in (("list_attr_celeba", "attributes"), ("landmarks_celeba", "landmarks")):
        keys = list(features[feature])
        rows = "".join(f"{name} {' '.join('1' for _ in keys)}\n" for name in names)
        tables[table] = f"{len(names)}\n{' '.join(keys)}\n{rows}"
    tables["identity_celeba"] = "".join(f"{name} 1\n" for name in names)
    files = {"img_align_celeba": str(archive)}
    for table, text in tables.items():
        (folder / f"{table}.txt").write_text(text)
        files[table] = str(folder / f"{table}.txt")
    prepare("celeb_a", folder, files)


def binarized_mnist(folder: pathlib.Path, pixels):
    """`pixels` by split, 0 or 1, `(n, 784)`."""
    files = {}
    for split, values in pixels.items():
        files[f"{split}_data"] = str(folder / f"{split}.amat")
        np.savetxt(files[f"{split}_data"], values, fmt="%d")
    prepare("binarized_mnist", folder, files)


def cifar10(folder: pathlib.Path, images, labels):
    """A tenth for each of five training batches, the other half for the test."""
    inner = folder / "cifar-10-batches-bin"
    inner.mkdir()
    records = np.concatenate(
        [labels[:, None], images.transpose(0, 3, 1, 2).reshape(len(images), -1)], 1
    )
    parts = np.split(records.astype(np.uint8), 10)
    for number in range(5):
        (inner / f"data_batch_{number + 1}.bin").write_bytes(parts[number].tobytes())
    (inner / "test_batch.bin").write_bytes(np.concatenate(parts[5:]).tobytes())
    names = [*(f"thing_{number}" for number in range(9)), "truck"]
    (inner / "batches.meta.txt").write_text("\n".join(names) + "\n")
    prepare("cifar10", folder, str(folder), "download_and_extract")


def fashion_mnist(folder: pathlib.Path, images, labels, train):
    """The first `train` are the training images."""
    files = {}
    for split, rows in (("train", slice(0, train)), ("test", slice(train, None))):
        for kind, header, values in (("data", 16, images), ("labels", 8, labels)):
            path = folder / f"{split}_{kind}"
            path.write_bytes(bytes(header) + values[rows].astype(np.uint8).tobytes())
            files[f"{split}_{kind}"] = str(path)
    with (
        mock.patch.object(mnist, "_TRAIN_EXAMPLES", train),
        mock.patch.object(mnist, "_TEST_EXAMPLES", len(images) - train),
    ):
        prepare("fashion_mnist", folder, files, "download_and_extract")
