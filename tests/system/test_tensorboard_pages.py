"""TensorBoard's pages of three small runs, in a real browser: what a user sees of them."""

import csv
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import browser
import numpy as np
import program
import pytest
import tiny

pytestmark = pytest.mark.skipif(
    browser.find() is None, reason="no chromium with chromedriver is installed"
)
RATES = {"first": "0.002", "second": "0.005", "third": "0.01"}
FLAGS = (
    *program.SMALL,
    *("--experiment=semi_supervised", "--num_labels=30", "--latent_dim=2", "--epochs=2"),
    *("--noxla", "--export_dir=models"),
)
IMAGES, HELD_OUT = 840, 120
CURVES = {"categories", "classes", "critic", "learning_rate", "loss", "match", "time"}
LISTED = {"text": "run/4_result", "scalars": "time/steps_per_second", "images": "figures/codes"}
# Elements that match a selector, those within shadow roots and frames too.
FIND = """
const found = (selector, node = document) => [
  ...node.querySelectorAll(selector),
  ...[...node.querySelectorAll('*')].map((it) => it.shadowRoot || it.contentDocument)
      .filter(Boolean).flatMap((it) => found(selector, it)),
];
"""
# Each piece of text that has a place on the page.
LINES = """
const range = document.createRange();
return found('*').filter((it) => !['STYLE', 'SCRIPT'].includes(it.tagName))
  .flatMap((it) => [...it.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE))
  .filter((node) => range.selectNodeContents(node) || range.getClientRects().length)
  .map((node) => node.data.trim()).filter(Boolean);
"""
# Of a Vaadin grid, whose cells lie elsewhere than its rows.
ROWS = """
return found('vaadin-grid').filter((it) => it.checkVisibility())
  .flatMap((grid) => [...grid.shadowRoot.querySelectorAll('#header tr, #items tr')])
  .filter((row) => row.checkVisibility())
  .map((row) => [...row.children].map((cell) => cell.querySelector('slot').assignedNodes()
    .map((node) => node.textContent.trim()).join('')));
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder above the runs."""
    place = tmp_path_factory.mktemp("place")
    np.savez(place / "bars.npz", images=tiny.images(IMAGES), labels=np.arange(IMAGES) % 3)
    for number, (name, rate) in enumerate(RATES.items()):
        own = (f"--seed={number}", f"--generator_learning_rate={rate}", f"--run_dir=runs/{name}")
        done = program.call(place, *FLAGS, *own)
        assert done.returncode == 0, done.stderr[-3000:]
    return place / "runs"


@pytest.fixture(scope="module")
def serve(runs):
    """Starts TensorBoard over a folder, once it lists that many runs; gives its address."""
    started = []

    def start(folder, count):
        command = [sys.executable, "-m", "tensorboard.main", f"--logdir={folder}", "--port=0"]
        process = subprocess.Popen(
            [*command, "--host=127.0.0.1", "--load_fast=false"], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        said = (re.search(r"at (http://\S+/)", line) for line in process.stderr)
        address = next(filter(None, said))[1]
        deadline = time.monotonic() + 60
        while not _has_loaded(address, count):
            assert time.monotonic() < deadline, "TensorBoard never listed all runs"
            time.sleep(0.1)
        return address

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)
        process.stderr.close()


def _has_loaded(address, count):
    return all(
        sum(tag in tags for tags in _get(address, f"data/plugin/{plugin}/tags").values()) == count
        for plugin, tag in LISTED.items()
    )


def _get(address, path):
    with urllib.request.urlopen(f"{address}{path}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def of_all(serve, runs):
    """The address of a TensorBoard of all runs."""
    return serve(runs, len(RATES))


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as opened:
        opened.set_window_size(1500, 1100)
        yield opened


@pytest.fixture
def visit(window, of_all):
    """Opens a page by name; in the end it must have had nothing to complain of."""

    def opened(name, address=of_all):
        window.get("about:blank")
        window.get(f"{address}#{name}")
        return window

    window.complaints()
    yield opened
    assert window.complaints() == []


def _shows(page, *texts):
    """Waits until the page has these pieces of text; returns all that it has."""
    for text in texts:
        page.wait(f"(() => {{ {FIND} {LINES} }})().includes({json.dumps(text)})")
    return page.execute_script(FIND + LINES)


@pytest.mark.parametrize("name", ["timeseries", "scalars"])
def test_curves_stand_in_groups(visit, of_all, name):
    tags = {tag for run in _get(of_all, "data/plugin/scalars/tags").values() for tag in run}
    assert {tag.partition("/")[0] for tag in tags} == CURVES
    pictures = {"figures", "codes"} if name == "timeseries" else set()
    _shows(visit(name), *CURVES, *pictures, "first/train", "second/eval", "third/eval/prior")


def test_custom_scalars_have_the_same_lines_side_by_side(visit):
    pages = ("Losses", "Discriminator", "Match with the prior", "Classes")
    charts = ("Reconstruction, training and held-out", "Adversaries", "Other", "Accuracy")
    lines = _shows(visit("custom_scalars"), *pages, *charts, "coverage", "Errors in percent")
    # Of each run two lines: of training and of evaluation.
    assert lines[lines.index(charts[0]) - 1] == f"Matches ({2 * len(RATES)})"


def test_text_has_command_settings_data_and_result(visit, runs):
    page = visit("text")
    pages = [f"run/{part}" for part in ("1_command", "2_settings", "3_data", "4_result")]
    lines = _shows(page, *pages, "reconstruction_error")
    commands = [line for line in lines if line.startswith("aae-tf ")]
    for command, rate in zip(commands, RATES.values(), strict=True):
        chosen = {"--experiment=semi_supervised", f"--generator_learning_rate={rate}"}
        assert chosen <= set(command.split())
    for row in (
        ["setting", "this run", "recipe"],
        ["dataset", "bars.npz", "mnist"],
        ["generator_learning_rate", "0.005", "0.001"],
        ["shape", "8 x 8 x 1"],
        ["test", str(HELD_OUT)],
        ["metric", "validation", "test"],
    ):
        assert any(lines[at : at + len(row)] == row for at in range(len(lines))), row
    for run in RATES:
        error = program.read_json(runs / run, "result.json")["metrics"]["test/reconstruction_error"]
        assert f"{error:.5g}" in lines


def test_hparams_is_a_table_of_the_runs(visit, runs):
    table = _hparams(visit("hparams"), *RATES)
    for number, (run, rate) in enumerate(RATES.items()):
        cells = table[f"runs/{run}"]
        assert float(cells["seed"]) == number
        assert float(cells["generator_learning_rate"]) == float(rate)
        trained = [float(cells[name]) for name in cells if name.startswith("train.")]
        assert trained and np.isfinite(trained).all()
        _is_newest(cells, runs / run)


def test_hparams_of_a_run_alone_has_metrics(visit, serve, runs):
    page = visit("hparams", serve(runs / "second", 1))
    _is_newest(_hparams(page, "second")["runs/second"], runs / "second")


def _hparams(page, *trials):
    """The table's rows by trial, each by column."""
    _shows(page, *(f"runs/{trial}" for trial in trials))
    head, *rows = page.execute_script(FIND + ROWS)
    table = {row[0]: dict(zip(head, row, strict=False)) for row in rows}
    assert set(table) == {f"runs/{trial}" for trial in trials}
    return table


def _is_newest(cells, run):
    """What evaluation says in the table is the last epoch's."""
    last = list(csv.DictReader((run / "metrics.csv").open()))[-1]
    for tag, name in (("in_use", "categories_in_use"), ("mean_entropy", "category_entropy")):
        shown, expected = cells[f"categories/{tag}"], last[f"validation/{name}"]
        assert float(shown) == pytest.approx(float(expected), rel=1e-3)


def test_figures_are_cards(visit, runs):
    page = visit("images")
    names = {f"figures/{path.stem}" for path in (runs / "first/figures").glob("*.png")}
    assert len(names) >= 5
    seen = set(_shows(page, "Next page", "figures/codes", "third/eval"))
    page.execute_script(
        FIND + "found('paper-button').find((it) => it.textContent.trim() == 'Next page').click();"
    )
    seen |= set(_shows(page, max(names)))
    assert names <= seen
    page.wait(
        f"(() => {{ {FIND} const all = found('img[src*=individualImage]');"
        " return all.length && all.every((it) => it.naturalWidth > 100) })()"
    )


def test_graphs_names_the_networks(visit):
    page = visit("graphs")
    page.wait(f"(() => {{ {FIND} return found('g.node text').length > 10 }})()", 60)
    names = page.execute_script(FIND + "return found('g.node title').map((it) => it.textContent)")
    for network in ("encoder", "decoder", "style_discriminator"):
        assert any(name.startswith(network) for name in names), (network, names)


def test_projector_has_codes_and_what_is_known_of_each(visit, of_all):
    page = visit("projector")
    lines = _shows(page, "Dimension:", "codes by class", str(HELD_OUT))
    assert lines[lines.index("Points:") + 1] == str(HELD_OUT)
    menus = "Object.fromEntries(found('paper-dropdown-menu').map((it) => [it.label, it]))"
    listed = f"found('paper-item', {menus}['Label by'] || document).length"
    page.wait(f"(() => {{ {FIND} return {menus}['Label by'] && {listed} >= 3 }})()")
    names = page.execute_script(
        f"{FIND} return found('paper-item', {menus}['Label by']).map((it) => it.textContent.trim())"
    )
    assert names == ["class", "prediction", "index"]
    asked = urllib.parse.urlencode({"run": "first/eval", "name": "codes"})
    with urllib.request.urlopen(f"{of_all}data/plugin/projector/sprite_image?{asked}") as answer:
        assert answer.read(4) == b"\x89PNG"
    page.execute_script(f"{FIND} found('.state-radio paper-icon-button')[0].click();")
    page.wait(f"(() => {{ {FIND} return {menus}['Color by'].value === 'class' }})()")
    assert page.execute_script(f"{FIND} return found('#z-checkbox')[0].checked") is False
