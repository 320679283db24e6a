"""A small TensorFlow Datasets builder, with a configuration for each kind of data set."""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

SHAPE = (4, 4, 1)
CLASSES = ["ant", "bee", "cat"]
FEATURES = {
    "labelled": {"image": tfds.features.Image(shape=SHAPE)},
    "numbered": {"image": tfds.features.Image(shape=SHAPE), "label": np.int64},
    "plain": {"image": tfds.features.Image(shape=SHAPE)},
    "unequal": {"image": tfds.features.Image(shape=(None, None, 1))},
    "channels": {"image": tfds.features.Image(shape=(None, None, None))},
    "imageless": {"x": np.int64},
    "floating": {"image": tfds.features.Image(shape=SHAPE, dtype=np.float32)},
}
SPLITS = {
    "labelled": {"train": 60, "test": 12},
    "three": {"train": 60, "validation": 9, "test": 12},
    "no_test": {"train": 60, "validation": 9},
    "no_train": {"test": 60},
    "one_split": {"train": 60},
}
CONFIGS = sorted({*FEATURES, *SPLITS, "manual", "far"})


def pixels(number):
    """An image that tells its number."""
    image = np.random.default_rng(number).integers(0, 256, SHAPE, np.uint8)
    image[0, 0] = number
    return image


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """Random images; 'manual' needs a file from the manual folder, 'far' one from nowhere."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in CONFIGS]  # noqa: RUF012
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Put first_number.txt there."

    def _info(self):
        kind = self.builder_config.name
        features = dict(FEATURES.get(kind, FEATURES["labelled"]))
        if kind not in FEATURES or kind == "labelled":
            features["label"] = tfds.features.ClassLabel(names=CLASSES)
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        kind, first = self.builder_config.name, 0
        if kind == "far":
            dl_manager.download("http://nowhere.invalid/pixels.bin")
        if kind == "manual":
            first = int((pathlib.Path(dl_manager.manual_dir) / "first_number.txt").read_text())
        generators = {}
        for split, count in SPLITS.get(kind, SPLITS["labelled"]).items():
            generators[split] = self._generate_examples(first, count)
            first += count
        return generators

    def _generate_examples(self, first, count):
        for number in range(first, first + count):
            everything = {"image": pixels(number), "label": number % 3, "x": number}
            if self.builder_config.name == "unequal":
                everything["image"] = np.pad(pixels(number), [(0, number % 2), (0, 0), (0, 0)])
            if self.builder_config.name == "floating":
                everything["image"] = pixels(number) / np.float32(255)
            yield number, {key: everything[key] for key in self.info.features}
