"""The order of the data is a function of (seed, step); an epoch shows each image once."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny
import toy

from aae_tf import seeds
from aae_tf.data.pipeline import Feed, epoch_order

NUMBERED = (np.arange(43)[:, None, None, None] * np.ones((1, 2, 2, 1))).astype(np.uint8)


def _feed(seed=0, batch_size=10, images=NUMBERED):
    return Feed(images, batch_size, seeds.root(seed))


def _shown(feed, step):
    order = feed.order(step // feed.steps_per_epoch)
    images = feed.batch(order, tf.constant(step))["images"]
    return np.rint(images[:, 0, 0, 0].numpy() * 255).astype(int).tolist()


def _epoch(feed, epoch):
    steps = range(feed.steps_per_epoch * epoch, feed.steps_per_epoch * (epoch + 1))
    return [number for step in steps for number in _shown(feed, step)]


def test_an_epoch_shows_no_image_twice_and_leaves_out_less_than_a_batch():
    feed = _feed()
    assert feed.steps_per_epoch == 4
    for epoch in range(3):
        assert len(set(_epoch(feed, epoch))) == 40


def test_an_epoch_of_whole_batches_shows_every_image():
    feed = _feed(images=NUMBERED[:40])
    assert sorted(_epoch(feed, 0)) == list(range(40))


def test_each_epoch_has_another_order_which_is_no_rotation_of_the_file():
    feed = _feed()
    epochs = [_epoch(feed, epoch) for epoch in range(3)]
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert all(np.abs(np.diff(epoch)).mean() > 5 for epoch in epochs)


def test_order_hangs_on_the_seed_and_nothing_else():
    ahead = _feed()
    for step in (7, 2, 11):
        assert _shown(ahead, step) == _shown(_feed(), step)
        assert _shown(ahead, step) != _shown(_feed(seed=1), step)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_batches_are_in_0_to_1(dtype):
    images = np.linspace(0, 255 if dtype == np.uint8 else 1, 40).astype(dtype)
    feed = _feed(images=images.reshape(-1, 1, 1, 1), batch_size=40)
    batch = feed.batch(feed.order(0), tf.constant(0))["images"]
    assert batch.dtype == tf.float32
    assert (float(tf.reduce_min(batch)), float(tf.reduce_max(batch))) == (0.0, 1.0)


def _first_pixels(batch, drawn):
    return {"pixel": batch["images"][:, 0, 0, 0], "noise": drawn["noise"]}


def _noise(seed, size):
    return {"noise": tf.random.stateless_normal([size], seed)}


@pytest.mark.slow
def test_training_sees_the_same_batches_and_noise_in_any_pieces():
    curves = {}
    for steps_per_call, pieces in ((1, (0, 12)), (3, (0, 3, 4, 11, 12))):
        note = tiny.Notebook()
        trainer = toy.trainer(toy.phase(draws=_noise, metrics=_first_pixels))
        for first, last in itertools.pairwise(pieces):
            trainer.train(first, last, steps_per_call, [note])
        curves[steps_per_call] = {
            key: note.curve(f"reconstruction/{key}") for key in ("pixel", "noise")
        }
    feed = trainer.feed
    expected = [
        float(
            tf.reduce_mean(feed.batch(feed.order(step // 4), tf.constant(step))["images"], 0)[
                0, 0, 0
            ]
        )
        for step in range(12)
    ]
    for curve in curves.values():
        np.testing.assert_allclose(curve["pixel"], expected, rtol=1e-6)
    np.testing.assert_array_equal(curves[1]["noise"], curves[3]["noise"])
    assert len(set(curves[1]["noise"])) == 12


def test_phases_of_one_step_draw_different_numbers():
    note = tiny.Notebook()
    names = ("reconstruction", "discriminator", "generator")
    phases = [toy.phase(name, draws=_noise, metrics=_first_pixels) for name in names]
    toy.trainer(*phases).train(0, 4, 4, [note])
    drawn = np.stack([note.curve(f"{name}/noise") for name in names])
    assert len(np.unique(drawn)) == 12
    pixels = np.stack([note.curve(f"{name}/pixel") for name in names])
    assert (pixels == pixels[0]).all()


def test_runs_of_different_seeds_draw_different_numbers():
    notes = [tiny.Notebook(), tiny.Notebook()]
    for seed, note in enumerate(notes):
        phase = toy.phase(draws=_noise, metrics=_first_pixels)
        toy.trainer(phase, seed=seed).train(0, 4, 4, [note])
    first, second = (note.curve("reconstruction/noise") for note in notes)
    assert not set(first) & set(second)


def _order(seed=0, epoch=0, size=1000):
    return epoch_order(seeds.root(seed), epoch, size).numpy()


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_every_image_is_visited_once(size):
    order = _order(size=size)
    assert order.dtype == np.int32
    assert sorted(order) == list(range(size))


def test_order_is_the_same_whenever_it_is_asked_for():
    np.testing.assert_array_equal(_order(3, 7), _order(3, 7))


def test_order_differs_between_epochs_and_seeds():
    orders = [_order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    for index, order in enumerate(orders):
        for other in orders[:index]:
            assert np.mean(order == other) < 0.01


def test_every_position_is_as_likely_to_hold_early_as_late_images():
    means = np.mean([_order(epoch=epoch, size=100) for epoch in range(200)], axis=0)
    standard_error = np.sqrt((100**2 - 1) / 12 / 200)
    assert np.abs(means - 49.5).max() < 4.5 * standard_error
