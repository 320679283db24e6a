"""Figures of every prior and size of code, with and without labels; curves; nearest images."""

import numpy as np
import pytest
import tiny
from sklearn.neighbors import NearestNeighbors

from aae_tf import seeds
from aae_tf.evaluation import Evaluator
from aae_tf.figures import figures, prior_shape
from aae_tf.figures.curves import learning_curves
from aae_tf.figures.style import class_colour, tile, to_card, to_file, to_png
from aae_tf.priors import distributions

CODES = {
    "gaussian": {},
    "swiss_roll": {},
    "sphere": {"latent_dim": 3},
    "categorical": {"latent_dim": 5},
    "1-D": {"prior": "gaussian", "latent_dim": 1},
    "8-D sphere": {"prior": "sphere", "latent_dim": 8},
    "swiss roll without a density": {"prior": "swiss_roll", "prior_thickness": 0.0},
}


@pytest.fixture
def coarse(monkeypatch):
    """Priors in little detail: the density of a roll takes long."""
    monkeypatch.setattr(figures, "DENSITY_SIDE", 30)
    monkeypatch.setattr(prior_shape, "SAMPLES", 1000)


def _drawn(data, **changes):
    method = tiny.method(**changes)
    return figures.draw_all(method, data, Evaluator(method, seeds.root(0)))


def _size(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return tuple(int.from_bytes(png[at : at + 4], "big") for at in (16, 20))


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_every_prior_has_its_figures(name, coarse):
    changes = {"prior": name, **CODES[name]}
    drawn = _drawn(tiny.data(), **changes)
    on_a_plane_or_ball = changes.get("latent_dim", 2) == 2 or name == "sphere"
    expected = {"reconstructions", "samples", "codes", "interpolations"} | (
        {"manifold"} if on_a_plane_or_ball else set()
    )
    assert set(drawn) == expected
    for figure_name, figure in drawn.items():
        content = to_png(figure)
        width, height = figure.get_size_inches() * 150
        assert _size(content) == (int(width), int(height)), figure_name
        assert len(content) > 3000, figure_name
    codes = drawn["codes"].axes[0]
    assert codes.name == ("mollweide" if name == "sphere" else "rectilinear")
    (legend,) = drawn["codes"].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "top",
        "middle",
        "bottom",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": "style"},
        {"experiment": "label_mixture", "prior_components": 3},
        *({"experiment": "clustering", "num_clusters": count} for count in (2, 30)),
        {"experiment": "dim_reduction", "latent_dim": 10, "num_labels": "0"},
    ],
    ids=str,
)
def test_nothing_is_cut_off_and_no_title_is_drawn(changes, coarse):
    for name, figure in _drawn(tiny.data(), **changes).items():
        for draw in (to_png, to_card):
            draw(figure)
        to_png(figure)
        assert not figure.get_suptitle() and not any(axes.get_title() for axes in figure.axes)
        width, height = figure.get_size_inches() * figure.dpi
        for part in (*figure.axes, *figure.legends):
            box = part.get_tightbbox()
            assert box.x0 > -2 and box.x1 < width + 2, (name, part)
            assert box.y0 > -2 and box.y1 < height + 2, (name, part)


@pytest.mark.slow
def test_codes_without_labels_have_no_legend(coarse):
    for changes in ({}, {"latent_dim": 1}, {"latent_dim": 3, "prior": "sphere"}):
        figure = _drawn(tiny.data(labelled=False), **changes)["codes"]
        axes = figure.axes[0]
        assert not figure.legends and axes.get_legend() is None
        assert sum(len(points.get_offsets()) for points in axes.collections[-1:]) == 40


def test_codes_are_drawn_where_they_lie_in_their_classes_colour():
    codes = np.float32([[0, 0], [1, 2], [-1, 0.5], [0.2, 0.3]])
    labels = np.array([0, 1, 1, 2])
    figure = figures.codes_over_prior(codes, labels, distributions.gaussian(2), ("a", "b", "c"))
    from matplotlib.colors import to_rgba

    groups = figure.axes[0].collections[-3:]
    for number, group in enumerate(groups):
        np.testing.assert_allclose(group.get_offsets(), codes[labels == number])
        np.testing.assert_allclose(group.get_facecolor()[0][:3], to_rgba(class_colour(number))[:3])


class _UserPrior:
    """A sampler in numpy with a density in numpy."""

    def sample(self, shape, seed):
        generator = np.random.default_rng(np.asarray(seed).astype(np.uint32))
        return generator.normal(size=(*np.atleast_1d(shape).astype(int), 2))

    def log_prob(self, value):
        value = np.asarray(value)
        return -0.5 * (value**2).sum(-1) - np.log(2 * np.pi)


@pytest.mark.slow
@pytest.mark.parametrize("with_density", [True, False])
def test_a_users_prior_is_drawn(with_density, coarse):
    source = _UserPrior() if with_density else type("Sampler", (), {"sample": _UserPrior.sample})()
    method = tiny.method()
    method.prior = distributions.UserPrior(source, 2)
    drawn = figures.draw_all(method, tiny.data(), Evaluator(method, seeds.root(0)))
    assert set(drawn) == set(method.figures)
    for figure in drawn.values():
        assert len(to_png(figure)) > 3000


@pytest.mark.slow
def test_drawing_is_deterministic(coarse):
    method = tiny.method()
    method.figures = ("codes",)
    pngs = [
        to_png(figures.draw_all(method, tiny.data(), Evaluator(method, seeds.root(0)))["codes"])
        for _ in range(2)
    ]
    assert pngs[0] == pngs[1]


@pytest.mark.parametrize("count", [40, 7])
def test_each_reconstruction_is_below_its_original(count):
    method, data = tiny.method(), tiny.data(validation=count)
    method.figures = ("reconstructions",)
    evaluator = Evaluator(method, seeds.root(0))
    canvas = figures.draw_all(method, data, evaluator)["reconstructions"].axes[0].images[0]
    canvas = np.asarray(canvas.get_array(), np.float64)
    originals = data.validation.intensities()[..., 0]
    rebuilt = method.decode(method.encode(data.validation.intensities())).numpy()[..., 0]
    columns = min(10, count)
    for number in range(count - count % columns):
        top, left = 2 * (number // columns) * 9, number % columns * 9
        cells = (canvas[t : t + 8, left : left + 8, 0] for t in (top, top + 9))
        for cell, expected in zip(cells, (originals[number], rebuilt[number]), strict=True):
            np.testing.assert_allclose(cell, expected, atol=1e-2)


@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_lie_row_by_row(channels):
    images = np.arange(5)[:, None, None, None] / 5 * np.ones((1, 4, 6, channels))
    canvas = tile(images, 3, gap=2)
    assert canvas.shape == (2 * 6 - 2, 3 * 8 - 2, 3)
    for number in range(5):
        top, left = number // 3 * 6, number % 3 * 8
        assert (canvas[top : top + 4, left : left + 6] == number / 5).all()
    assert (canvas[6:, 16:] == 1).all()


def test_grid_of_a_gaussian_is_at_its_percentiles():
    grid = prior_shape.percentile_grid(distributions.gaussian(2, 2.0), 2, 4).reshape(4, 4, 2)
    expected = 2.0 * np.array([-1.1503, -0.3186, 0.3186, 1.1503])
    np.testing.assert_allclose(grid[0, :, 0], expected, atol=0.06)
    np.testing.assert_allclose(grid[:, 0, 1], expected[::-1], atol=0.06)


def test_grid_of_the_sphere_lies_on_it_and_the_map_inverts_it():
    grid = prior_shape.percentile_grid(distributions.sphere(3), 3, 6)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=1), 1, rtol=1e-6)
    longitude, latitude = prior_shape.to_map(5 * grid)
    np.testing.assert_allclose(longitude[:6], (np.arange(6) + 0.5) / 3 * np.pi - np.pi, rtol=1e-6)
    np.testing.assert_allclose(np.sin(latitude[::6]), 1 - (np.arange(6) + 0.5) / 3, rtol=1e-6)


def test_density_levels_hold_their_share_of_the_mass():
    prior = distributions.gaussian(2)
    levels = prior_shape.density_levels(prior)
    # Of a 2-D Gaussian, the density at the edge of the region of mass p is (1 - p) / 2 pi.
    np.testing.assert_allclose(levels, np.log(np.array([0.01, 0.1, 0.5]) / (2 * np.pi)), atol=0.1)
    likely = prior_shape.is_likely(prior, np.float32([[0, 0], [2.9, 0], [3.2, 0]]))
    assert likely.tolist() == [True, True, False]


def test_learning_curves_go_over_the_epochs():
    names = ("reconstruction_error", "sliced_wasserstein", "sliced_wasserstein_of_prior")
    rows = [{"epoch": e, **{f"validation/{n}": 1 / e for n in names}} for e in (1, 2, 3)]
    left, right = learning_curves({"": rows}).axes
    np.testing.assert_allclose(left.lines[0].get_xydata(), [[1, 1], [2, 0.5], [3, 1 / 3]])
    np.testing.assert_allclose(right.lines[1].get_ydata(), 1 / 3)


def _rows(epochs, **final):
    return [{"epoch": e, **{f"validation/{k}": v for k, v in final.items()}} for e in epochs]


def test_curves_of_runs_that_lack_a_number_are_drawn_without_it():
    full = {"reconstruction_error": 5.0, "sliced_wasserstein": 0.5}
    runs = {"a": _rows((1, 2), **full), "b": _rows((1, 2), reconstruction_error=4.0)}
    left, right = learning_curves(runs).axes
    assert [line.get_label() for line in left.lines] == ["a", "b"]
    assert [line.get_label() for line in right.lines] == ["a"]
    (only,) = learning_curves({"b": runs["b"]}).axes
    assert only.get_ylabel() == "half squared\nerror"
    assert learning_curves({"c": _rows((1,), other=1.0)}) is None


def test_many_runs_have_lines_of_their_own_and_one_legend_outside():
    runs = {f"run {n}": _rows((1, 2, 3), reconstruction_error=n) for n in range(14)}
    figure = learning_curves(runs)
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 14
    to_png(figure)  # lays it out
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(runs)
    below = legend.get_window_extent().y1
    assert all(axes.get_tightbbox().y0 >= below for axes in figure.axes)


def test_what_the_prior_itself_gives_is_a_band_over_several_runs():
    def rows(of_prior):
        numbers = {"sliced_wasserstein": 0.5, "sliced_wasserstein_of_prior": of_prior}
        return _rows((1, 2), **numbers)

    (axes,) = learning_curves({"a": rows(0.02), "b": rows(0.03)}).axes
    (band,) = axes.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.02, 0.03))
    assert not learning_curves({"a": rows(0.02), "b": rows(0.02)}).axes[0].patches


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["gaussian", "style"])
def test_each_nearest_training_image_is_below_its_sample(experiment):
    method = tiny.method_for(tiny.settings(experiment, sample_quality=True))
    method.figures = ("nearest",)
    data = tiny.data()
    evaluator = Evaluator(method, seeds.root(0), data)
    drawn = figures.draw_all(method, data, evaluator)
    assert set(drawn) == {"nearest"} and len(to_png(drawn["nearest"])) > 3000
    canvas = np.asarray(drawn["nearest"].axes[0].images[0].get_array(), np.float64)
    samples, train = evaluator.samples(40), data.train.intensities().reshape(64, -1)
    search = NearestNeighbors(n_neighbors=1).fit(train)
    rows = search.kneighbors(samples.reshape(40, -1), return_distance=False)[:, 0]
    for number in range(40):
        top, left = 2 * (number // 10) * 9, number % 10 * 9
        for at, image in ((top, samples[number]), (top + 9, train[rows[number]])):
            found = canvas[at : at + 8, left : left + 8, 0]
            np.testing.assert_allclose(found, image.reshape(8, 8), atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked, is_drawn",
    [({}, False), ({"sample_quality": True}, True), ({"likelihood_samples": "100"}, True)],
)
def test_nearest_images_are_drawn_beside_metrics_of_samples(asked, is_drawn):
    method, data = tiny.method(**asked), tiny.data()
    method.figures = ("samples",)
    drawn = figures.draw_all(method, data, Evaluator(method, seeds.root(0), data))
    assert ("nearest" in drawn) == is_drawn


def _cards_size(figure):
    return _size(to_card(figure))


def test_a_card_is_smaller_and_leaves_the_figure_as_it_was():
    figure = learning_curves({"": _rows((1, 2), reconstruction_error=5.0)})
    page = to_png(figure)
    assert _cards_size(figure)[0] == pytest.approx(0.6 * _size(page)[0], abs=1)
    assert _size(to_png(figure)) == _size(page)


FIVE = ("validation/reconstruction_error", "validation/sliced_wasserstein", "train/generator/loss")
FIVE += ("validation/component_share", "train/discriminator/accuracy_on_codes")


@pytest.mark.parametrize(("panels", "abreast"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 2)])
def test_panels_are_two_abreast_where_there_are_many_and_no_cards_label_is_cut(panels, abreast):
    rows = [{"epoch": e, **dict.fromkeys(FIVE[:panels], 0.5)} for e in (1, 2, 3)]
    figure = learning_curves({"": rows})
    assert len({round(axes.get_position().x0, 1) for axes in figure.axes}) <= abreast
    assert figure.axes[0].get_gridspec().ncols == abreast
    full = figure.get_size_inches()
    figure.set_size_inches(0.6 * full)  # as in a card
    to_png(figure)
    for axes in figure.axes:
        label, cell = axes.yaxis.label.get_window_extent(), figure.bbox
        assert label.x0 >= 0 and label.y0 >= 0 and label.y1 <= cell.y1
        others = [other.yaxis.label.get_window_extent() for other in figure.axes if other != axes]
        assert not any(label.overlaps(other) for other in others)


@pytest.mark.parametrize(("form", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_figures_as_vectors_are_the_same_every_time_and_have_text(form, start):
    rows = _rows((1, 2), reconstruction_error=5.0)
    first, second = (to_file(learning_curves({"": rows}), form) for _ in range(2))
    assert first == second and first.startswith(start)
    if form == "svg":
        assert b"half squared" in first


def test_a_run_alone_shows_both_adversaries_and_how_often_the_critic_is_right():
    losses = {"discriminator/style_loss": 1.4, "generator/label_loss": 0.7, "discriminator/loss": 9}
    losses |= {"discriminator/style_accuracy_on_codes": 0.6, "generator/style_loss": 0.8}
    losses |= {"generator/loss": 2.0}
    rows = [{"epoch": e, **{f"train/{k}": v for k, v in losses.items()}} for e in (1, 2)]
    adversaries, accuracy = learning_curves({"": rows}).axes
    found = {line.get_label(): line.get_ydata()[0] for line in adversaries.lines}
    assert found == {"style: discriminator": 1.4, "style: encoder": 0.8, "label: encoder": 0.7}
    assert [line.get_label() for line in accuracy.lines] == ["style: on codes", "guessing"]
    assert learning_curves({"a": rows, "b": rows}) is None  # too many lines for several runs


def test_epochs_are_whole_numbers_however_few_there_are():
    for epochs in ((1,), (1, 2), range(1, 40)):
        (axes,) = learning_curves({"": _rows(epochs, reconstruction_error=5.0)}).axes
        assert all(tick == int(tick) for tick in axes.get_xticks()), epochs


def test_the_priors_regions_are_named_where_they_end():
    prior = distributions.gaussian(2)
    figure = figures.codes_over_prior(np.zeros((5, 2)), None, prior)
    named = {text.get_text(): text.xy for text in figure.axes[0].texts}
    assert list(named) == ["99 %", "90 %", "50 %"]
    for share, (across, up) in zip((0.99, 0.9, 0.5), named.values(), strict=True):
        # Of a 2-D Gaussian the region of mass p has the radius sqrt(-2 log(1 - p)).
        assert across == pytest.approx(0, abs=0.1)
        assert up == pytest.approx(np.sqrt(-2 * np.log(1 - share)), abs=0.15)
