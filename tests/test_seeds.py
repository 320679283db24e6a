"""Seeds: a function of (run seed, purposes, numbers) and of nothing else."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from aae_tf import seeds


def _as_tuple(seed):
    return tuple(seed.numpy().tolist())


def test_folding_the_same_parts_gives_the_same_seed():
    first, again = (seeds.fold(seeds.root(3), "prior", 5) for _ in range(2))
    assert _as_tuple(first) == _as_tuple(again)
    assert (first.shape, first.dtype) == ((2,), tf.int32)


def test_folding_nothing_changes_nothing():
    assert _as_tuple(seeds.fold(seeds.root(3))) == _as_tuple(seeds.root(3))


def test_folding_bit_by_bit_is_folding_at_once():
    at_once = seeds.fold(seeds.root(0), "generator", 7, "noise")
    bit_by_bit = seeds.fold(seeds.fold(seeds.root(0), "generator"), 7, "noise")
    assert _as_tuple(at_once) == _as_tuple(bit_by_bit)


def test_order_of_parts_matters():
    root = seeds.root(0)
    for parts in (("a", "b"), ("a", 3), (1, 2)):
        assert _as_tuple(seeds.fold(root, *parts)) != _as_tuple(seeds.fold(root, *parts[::-1]))


def test_seeds_of_runs_purposes_and_steps_all_differ():
    parts = itertools.product(range(8), ("prior", "noise", "order"), range(25))
    found = {_as_tuple(seeds.fold(seeds.root(run), *rest)) for run, *rest in parts}
    assert len(found) == 8 * 3 * 25


@pytest.mark.parametrize("run_seed", [0, 2**31 - 1])
def test_every_allowed_run_seed_makes_a_root(run_seed):
    assert _as_tuple(seeds.root(run_seed))[0] == run_seed


def test_step_may_be_a_tensor_inside_a_graph():
    graph = tf.function(lambda step: seeds.fold(seeds.root(1), "prior", step))
    for dtype in (tf.int32, tf.int64):
        inside = graph(tf.constant(123_456, dtype))
        assert _as_tuple(inside) == _as_tuple(seeds.fold(seeds.root(1), "prior", 123_456))


def test_names_have_the_same_numbers_in_every_release():
    # The first four bytes of SHA-256 without the sign bit, from the sha256sum program.
    assert seeds.name_number("prior") == 0xE5BADE0E & 0x7FFFFFFF
    assert seeds.name_number(0, "encoder", "code") == 0x74EA9361


def test_numbers_of_names_fit_int32_without_a_sign():
    numbers = [seeds.name_number("purpose", n) for n in range(2000)]
    assert len(set(numbers)) == 2000
    assert 0 <= min(numbers) < 2**24  # the whole range is in use
    assert 2**31 - 2**24 < max(numbers) < 2**31


def test_draws_of_neighbouring_seeds_are_uncorrelated():
    root, count = seeds.root(0), 20_000
    parts = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    draws = [tf.random.stateless_normal([count], seeds.fold(root, *p)).numpy() for p in parts]
    off_diagonal = np.corrcoef(draws)[~np.eye(4, dtype=bool)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(count)
