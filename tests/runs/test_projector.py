"""The projector's files agree with each other, and its sprite lets codes show through."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from aae_tf import seeds
from aae_tf.data import Split
from aae_tf.evaluation import Evaluator
from aae_tf.results.run_folder import RunFolder
from aae_tf.runs import projector
from aae_tf.runs.recorder import Recorder
from aae_tf.training.checkpoints import Checkpoints


def _projector(folder, count, known=None, side=6, channels=1):
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(count, 3))
    images = generator.integers(0, 256, (count, side, side + 2, channels), np.uint8)
    images[:, [0, -1]] = 0
    projector.write_projector(folder, codes, Split(images), known or {})
    return codes, images


@pytest.mark.parametrize("count", [1, 4, 10])
def test_files_agree_in_length(tmp_path, count):
    names = [("a", "b", "2")[number % 3] for number in range(count)]
    codes, images = _projector(tmp_path, count, {"class": names})
    table = [line.split("\t") for line in (tmp_path / "codes.tsv").read_text().splitlines()]
    np.testing.assert_allclose(np.float64(table), codes, rtol=1e-5)
    head, *rows = [line.split("\t") for line in _lines(tmp_path)]
    assert head == ["class", "index"]
    assert rows == [[name, str(number)] for number, name in enumerate(names)]
    sprite = tf.io.decode_png((tmp_path / "sprite.png").read_bytes()).numpy()
    side = int(np.ceil(np.sqrt(count)))
    assert sprite.shape == (side * 6, side * 8, 4)
    last = count - 1
    place = sprite[6 * (last // side) :, 8 * (last % side) :][:6, :8]
    np.testing.assert_array_equal(place[..., :1], np.round(0.7 * images[last]))
    config = (tmp_path / "projector_config.pbtxt").read_text()
    for part in ("codes.tsv", "metadata.tsv", "bookmarks.json", "sprite.png"):
        assert f'"{part}"' in config and (tmp_path / part).exists()
    assert "single_image_dim: 8" in config


def _lines(folder):
    return (folder / "metadata.tsv").read_text(encoding="utf-8").split("\n")[:-1]


def _mask(folder):
    return tf.io.decode_png((folder / "sprite.png").read_bytes()).numpy()[..., 3]


def test_the_ground_of_grey_images_is_transparent_be_it_dark_or_bright(tmp_path):
    dark = np.zeros((4, 5, 5, 1), np.uint8)
    dark[:, 2, 2] = 200
    masks = []
    for name, images in (("dark", dark), ("bright", 255 - dark)):
        (tmp_path / name).mkdir()
        projector.write_projector(tmp_path / name, np.zeros((4, 2)), Split(images), {})
        masks.append(_mask(tmp_path / name))
    np.testing.assert_array_equal(*masks)
    assert (masks[0] > 0).sum() == 4 and masks[0][2, 2] == 255


def test_colours_are_opaque_and_places_without_an_image_are_not(tmp_path):
    _projector(tmp_path, 3, channels=3)
    mask = _mask(tmp_path)
    assert (mask[:6] == 255).all() and (mask[6:, :8] == 255).all()
    assert not mask[6:, 8:].any()


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_codes_have_three_dimensions_or_more_and_a_view_of_those_that_they_are_of(tmp_path, dim):
    codes = np.random.default_rng(0).normal(size=(5, dim))
    known = {"class": list("abcde")}
    projector.write_projector(tmp_path, codes, Split(np.zeros((5, 4, 4, 1))), known)
    table = np.loadtxt(tmp_path / "codes.tsv", delimiter="\t")
    assert table.shape == (5, max(dim, 3))
    np.testing.assert_allclose(table[:, :dim], codes, rtol=1e-5)
    assert not table[:, dim:].any()
    [view] = json.loads((tmp_path / "bookmarks.json").read_text())
    assert view["pcaComponentDimensions"] == ([0, 1] if dim < 3 else [0, 1, 2])
    assert view["dataSetDimensions"] == [5, max(dim, 3)]
    assert view["selectedColorOptionName"] == "class"
    drawn = [[point[f"pca-{axis}"] for axis in range(3)] for point in view["projections"]]
    np.testing.assert_allclose(drawn, table[:, :3], atol=1e-4)


def test_without_labels_the_index_alone_is_known(tmp_path):
    _projector(tmp_path, 4)
    assert _lines(tmp_path) == list("0123")  # the projector wants no head of one column
    [view] = json.loads((tmp_path / "bookmarks.json").read_text())
    assert view["selectedColorOptionName"] == "No color map"


def test_a_name_that_is_no_line_is_escaped(tmp_path):
    _projector(tmp_path, 4, {"class": ["a\nb", "c\td", "e\udcff", "ö \\ f"]})
    names = [line.split("\t")[0] for line in _lines(tmp_path)[1:]]
    assert names == ["a\\nb", "c\\td", "e\\udcff", "ö \\ f"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "column"), [("semi_supervised", "prediction"), ("clustering", "cluster")]
)
def test_what_a_method_takes_an_image_for_stands_beside_its_class(tmp_path, experiment, column):
    labels = {"num_labels": "30"} if experiment == "semi_supervised" else {}
    rig, data, folder = tiny.rig(experiment=experiment, **labels), tiny.data(), RunFolder(tmp_path)
    folder.start(rig.method.settings, data)
    evaluator = Evaluator(rig.method, seeds.root(0), data)
    progress = Checkpoints(folder.checkpoints, {}, {}).progress
    recorder = Recorder(folder, rig.method, rig.phases, data, evaluator, progress, 1, draws=False)
    recorder.draw = lambda step: {}
    recorder.finish(0)
    recorder.close()
    head, *rows = [line.split("\t") for line in _lines(folder.eval_logs)]
    assert head == ["class", column, "index"] and len(rows) == 40
    chosen = evaluator.inference.classify(data.validation).argmax(1)
    names = data.class_names if column == "prediction" else list(map(str, range(100)))
    assert [row[1] for row in rows] == [names[number] for number in chosen]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(100, 95, 3), (500, 1, 1), (1, 4000, 1)], ids=str)
def test_the_sprite_is_bounded_whatever_the_images(tmp_path, shape):
    images = np.broadcast_to(np.uint8(100), (projector.POINTS, *shape))
    codes = np.zeros((len(images), 3))
    projector.write_projector(tmp_path, codes, Split(images), {})
    sprite = tf.io.decode_png((tmp_path / "sprite.png").read_bytes()).numpy()
    assert max(sprite.shape) <= 4096
    assert sprite[0, 0, 0] == (100 if shape[2] == 3 else 70)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    width, height = (side // 45 for side in sprite.shape[1::-1])
    assert f"single_image_dim: {width}\n" in config and f"single_image_dim: {height}\n" in config
