"""Streamed training ends with the bits of training from memory, resumed or not."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny
import toy

from aae_tf import seeds
from aae_tf.data.folder import FolderImages
from aae_tf.data.images import Framing
from aae_tf.data.pipeline import Feed, Labelled, StreamingFeed, make_feed
from aae_tf.data.streamed import packed
from aae_tf.errors import DataError
from aae_tf.training import Trainer
from aae_tf.training.variables import digest

COUNT, STEPS = 64, 20  # epochs of 6 steps


def _files(folder, images):
    files = [folder / f"{number:02}.png" for number in range(len(images))]
    for file, image in zip(files, images, strict=True):
        file.write_bytes(tf.io.encode_png(image).numpy())
    return files


def _in_folder(folder, images):
    return FolderImages(_files(folder, images), images.shape[1:], Framing())


def _in_packed_file(folder, images):
    path = folder / "packed" / "some.images"
    return packed(path, {}, images.shape[1:], len(images), [(images, None)])


SOURCES = {"folder": _in_folder, "packed": _in_packed_file}


LABELS = np.arange(COUNT) % 3
KINDS = {
    "none": None,
    "within": Labelled(np.array([3, 9, 20], np.int32), LABELS, beside=False, unlabelled=3),
    "beside": Labelled(np.arange(0, 50, 2, dtype=np.int32), LABELS, beside=True, batch_size=7),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source, dtype", [("folder", tf.float32), ("packed", tf.float64)])
def test_batches_are_those_from_memory_from_any_step_on(source, dtype, kind, tmp_path):
    images, root = tiny.images(COUNT), seeds.root(4)
    memory = Feed(images, 10, root, dtype, KINDS[kind])
    streaming = make_feed(SOURCES[source](tmp_path, images), 10, root, dtype, KINDS[kind])
    assert isinstance(streaming, StreamingFeed)
    assert streaming.steps_per_epoch == memory.steps_per_epoch
    for first in (0, 1, 5, 6, 16):
        source = streaming.source(first)
        for step in range(first, first + 9):
            assert streaming.source(step, source) is source
            found = streaming.batch(source, tf.constant(step))
            expected = memory.batch(memory.source(step), tf.constant(step))
            assert found.keys() == expected.keys()
            for key, value in expected.items():
                assert found[key].dtype == value.dtype and found[key].shape == value.shape
                np.testing.assert_array_equal(found[key], value)


WITHIN = {"num_labels": "30", "prior_components": 3}  # labels within the minibatch
BESIDE = {"num_labels": "30", "labelled_batch_size": 7}  # a labelled minibatch beside it


def _run(rig, trainer, pieces=(0, STEPS), steps_per_call=4):
    rig.reset()
    note = tiny.Notebook()
    for first, last in itertools.pairwise(pieces):
        trainer.train(first, last, steps_per_call, [note])
    return digest(rig.variables), note


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment, source, xla, changes",
    [
        ("gaussian", "packed", False, {}),
        ("gaussian", "folder", True, {}),
        ("label_mixture", "packed", False, WITHIN),
        ("semi_supervised", "folder", False, BESIDE),
    ],
)
def test_streamed_run_and_resumed_one_end_with_the_bits_of_memory(
    experiment, source, xla, changes, tmp_path
):
    rig = tiny.rig(COUNT, xla, experiment=experiment, **changes)
    expected, note = _run(rig, rig.trainer)
    images = SOURCES[source](tmp_path, tiny.split(COUNT).images)
    feed = make_feed(images, 10, rig.root, rig.method.dtype, rig.feed._labelled)
    strategy = tf.distribute.get_strategy()
    trainer = Trainer(rig.phases, feed, rig.root, strategy, xla, rig.method.prepare)
    state, streamed_note = _run(rig, trainer)
    assert state == expected
    for key in note.reports[0].values:
        np.testing.assert_array_equal(streamed_note.curve(key), note.curve(key))
    assert [r.step for r in streamed_note.reports] == [r.step for r in note.reports]
    assert _run(rig, trainer, (0, 5, 6, 13, STEPS), 3)[0] == expected
    assert _run(rig, trainer, (0, STEPS - 1))[0] != expected


def test_images_in_memory_are_not_streamed():
    assert type(make_feed(tiny.images(12), 4, seeds.root(0))) is Feed


@pytest.mark.slow
def test_file_that_goes_missing_ends_training_with_one_line(tmp_path):
    images = tiny.images(43)
    files = _files(tmp_path, images)
    feed = StreamingFeed(FolderImages(files, images.shape[1:], Framing()), 10, seeds.root(0))
    phase = toy.phase()
    trainer = Trainer([phase], feed, seeds.root(0), tf.distribute.get_strategy(), xla=False)
    trainer.train(0, 4, 4)
    for file in files[:20]:
        file.unlink()
    with pytest.raises(
        DataError, match=r"can't be read any more \(.*\.png; No such file"
    ) as caught:
        trainer.train(4, 12, 4)
    assert "\n" not in str(caught.value)


def test_packed_file_cut_short_ends_training_with_one_line(tmp_path):
    images = tiny.images(43)
    feed = StreamingFeed(_in_packed_file(tmp_path, images), 10, seeds.root(0))
    trainer = Trainer([toy.phase()], feed, seeds.root(0), tf.distribute.get_strategy(), xla=False)
    trainer.train(0, 4, 4)
    with open(tmp_path / "packed" / "some.images", "r+b") as file:
        file.truncate(5000)
    with pytest.raises(DataError, match=r"can't be read any more .*some\.images was cut short"):
        trainer.train(4, 12, 4)


def test_errors_of_anything_else_are_left_as_they_are():
    error = tf.errors.InvalidArgumentError(None, None, "matrices of other sizes")
    Feed(tiny.images(12), 4, seeds.root(0)).explain(error)
    StreamingFeed.explain(None, error)
