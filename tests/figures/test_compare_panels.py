"""Panels and rows of several runs: each shows one run, and none covers another."""

import itertools

import numpy as np
import pytest
import tiny

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.figures import compare
from aae_tf.figures.compare import Restored, match_note
from aae_tf.figures.figures import CODES_AT_MOST
from aae_tf.figures.style import to_png

pytestmark = pytest.mark.slow

DATA = tiny.data(validation=40)


def _run(data=DATA, **changes):
    method = tiny.method(**changes)
    return Restored(method, data, Evaluator(method, seeds.root(0), data))


@pytest.fixture(scope="module")
def four():
    twin = _run(seed=1)
    for variable in twin.method.encoder.trainable_variables:
        variable.assign(3 * variable)  # its codes lie far out
    return {
        "gaussian": _run(),
        "its twin": twin,
        "sphere": _run(prior="sphere", latent_dim=3),
        "style": _run(experiment="style", latent_dim=4),
    }


@pytest.fixture(scope="module")
def drawn(four):
    figures = compare.draw_all(four)
    for figure in figures.values():
        assert len(to_png(figure)) > 3000  # lays it out, too
    return figures


def _points(axes):
    return np.concatenate([group.get_offsets() for group in axes.collections[-3:]])


def test_each_panel_has_the_codes_of_its_run(four, drawn):
    panels = drawn["codes"].axes
    assert [axes.name for axes in panels] == ["rectilinear"] * 2 + ["mollweide", "rectilinear"]
    letters = ("(a) gaussian", "(b) its twin", "(c) sphere", "(d) style")
    assert tuple(axes.get_title() for axes in panels) == letters
    for axes, run in zip(panels[:2], four.values(), strict=False):
        shown = run.data.validation.take(slice(0, CODES_AT_MOST))
        codes = run.evaluator.aggregated_posterior(shown)
        expected = np.concatenate([codes[shown.labels == number] for number in range(3)])
        np.testing.assert_allclose(_points(axes), expected, atol=1e-6)


def test_below_each_panel_are_the_numbers_of_the_codes_in_it(four, drawn):
    for axes, run in zip(drawn["codes"].axes, four.values(), strict=True):
        found = run.evaluator.evaluate(run.data.validation)
        note = axes.get_xlabel()
        of_few = ("coverage", "empty_region")  # dimensions
        of_region = of_few if run.method.latent_dim <= 3 else ("total_variation",)
        for name in ("sliced_wasserstein", *of_region):
            assert f" {found[name]:.3f} ({found[f'{name}_of_prior']:.3f})" in note
        assert ("mode excess" in note) == (run.method.settings.prior.prior == "gaussian")


def test_panels_of_one_prior_have_the_same_square(drawn):
    first, second, *_ = drawn["codes"].axes
    assert first.get_xlim() == second.get_xlim() and first.get_ylim() == second.get_ylim()
    assert max(np.abs(_points(second)).max(0)) > 10
    assert np.ptp(first.get_xlim()) == pytest.approx(np.ptp(first.get_ylim()))
    for axes in (first, second):
        points = _points(axes)
        assert (points.min(0) >= (axes.get_xlim()[0], axes.get_ylim()[0])).all()
        assert (points.max(0) <= (axes.get_xlim()[1], axes.get_ylim()[1])).all()


@pytest.mark.parametrize("more", [3, 0, 7])
def test_nothing_covers_anything_else(four, drawn, more):
    titles = [f"experiment, number={n}, and=what, a=title, may=say" for n in range(more)]
    runs = {**four, **dict(zip(titles, itertools.cycle(four.values()), strict=False))}
    for name, figure in (compare.draw_all(runs) if more else drawn).items():
        to_png(figure)
        parts = figure.axes + figure.legends
        boxes = [
            part.get_tightbbox() if part in figure.axes else part.get_window_extent()
            for part in parts
        ]
        width, height = figure.get_size_inches() * figure.dpi
        for box in boxes:
            assert box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2, name
        for one, other in itertools.combinations(boxes, 2):
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            up = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert across < 2 or up < 2, (name, across, up)


def _tiles(axes, columns):
    canvas = np.asarray(axes.images[0].get_array())[..., 0]
    return np.array(
        [
            canvas[top : top + 8, 9 * column : 9 * column + 8]
            for top in range(0, canvas.shape[0], 9)
            for column in range(columns)
        ]
    )


def test_samples_are_of_each_run_and_runs_of_one_prior_decode_the_same_codes(four, drawn):
    seed = seeds.fold(seeds.root(0), "samples_side_by_side")
    for axes, run in zip(drawn["samples"].axes, four.values(), strict=True):
        expected = run.method.sample(seed, 64)["images"][..., 0]
        np.testing.assert_allclose(_tiles(axes, 8), expected, atol=1e-6)
    codes = [four[name].method.sample(seed, 64)["codes"] for name in ("gaussian", "its twin")]
    np.testing.assert_array_equal(*codes)


def test_reconstructions_are_of_the_same_images(four, drawn):
    (axes,) = drawn["reconstructions"].axes
    rows = _tiles(axes, 16).reshape(5, 16, 8, 8)
    shown = DATA.validation.take(slice(0, 16))
    np.testing.assert_allclose(rows[0], shown.intensities()[..., 0], atol=1e-6)
    for row, run in zip(rows[1:], four.values(), strict=True):
        expected = run.method.reconstruct(shown.intensities(), shown.labels)[..., 0]
        np.testing.assert_allclose(row, expected, atol=1e-4)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["held-out images", *four]


def test_runs_of_other_images_have_originals_of_their_own():
    other = tiny.data(validation=12, labelled=False)
    runs = {"a": _run(), "b": _run(other), "c": _run(seed=1)}
    drawn = compare.draw_all(runs)
    first, second = drawn["reconstructions"].axes
    names = [[label.get_text() for label in axes.get_yticklabels()] for axes in (first, second)]
    assert names == [["held-out images", "a", "c"], ["held-out images", "b"]]
    np.testing.assert_allclose(
        _tiles(second, 12)[:12], other.validation.intensities()[..., 0], atol=1e-6
    )
    legends = [axes.get_legend() is not None for axes in drawn["codes"].axes]
    assert legends == [True, False, True] and not drawn["codes"].legends


def test_a_note_has_the_metrics_that_there_are():
    assert match_note({"error_percent": 3.0}) == ""
    assert match_note({"coverage": 0.5}) == "coverage 0.500"
    both = {"mode_excess": -0.25, "mode_excess_of_prior": 0.01}
    assert match_note(both) == "mode excess \N{MINUS SIGN}0.250 (±0.010)"
