"""The tables of docs/results.md say what the recorded runs give."""

import dataclasses
import json
import pathlib
import re

import flagfile
import pytest

from aae_tf import experiments
from aae_tf.results import report
from aae_tf.results.record import runs_below
from aae_tf.results.report import collate
from aae_tf.settings import override

ROOT = pathlib.Path(__file__).parents[2]
EARLIER = ROOT / "tests" / "golden" / "flagfiles.json"
RESULTS = ROOT / "docs" / "results.md"
RECORDS = ROOT / "docs" / "results"
METHODS = {
    "AAE": ("gaussian", None),
    "VAE": ("vae_gaussian", None),
    "WAE-GAN": ("wae_gan", None),
    "WAE-MMD (IMQ)": ("wae_mmd", None),
    "WAE, RBF kernel": ("wae_mmd", "mmd_rbf"),
    "WAE, seven IMQ kernels": ("wae_mmd", "mmd_multiscale"),
    "WAE, sliced Wasserstein": ("wae_mmd", "sliced_wasserstein"),
    "WAE, Cramér-Wold": ("wae_mmd", "cramer_wold"),
    "WAE, Sinkhorn": ("wae_mmd", "sinkhorn"),
}
DATA = {"MNIST": None, "Fashion-MNIST": "fashion_mnist"}
METRICS = (
    "reconstruction_error",
    "sliced_wasserstein",
    "fid_classifier",
    "precision",
    "recall",
    "sharpness",
    "nearest_training_distance",
)
STYLE = ("class_from_style_linear", "class_from_style_mlp", "class_by_chance")


def test_results_are_the_reports_own_table():
    text = RESULTS.read_text()
    part = text.partition("<!-- results -->\n")[2].partition("\n<!-- end of results -->")[0]
    paragraphs = collate(RECORDS, "markdown").split("\n\n")
    start = paragraphs.index(report.PAPER_CAPTION)
    assert part == "\n\n".join(paragraphs[start : start + 2]) and part.count("\n| ") >= 9


def _recorded_runs():
    """(flags, their run of seed 0) of what is recorded under an earlier flagfile's name."""
    runs = {run.folder.name: run for run in runs_below(RECORDS)}
    for file, earlier in json.loads(EARLIER.read_text()).items():
        stem = pathlib.PurePath(file).stem
        for name in (stem, f"{stem}_s0"):
            if file.startswith("flags/aae/") and name in runs:
                yield pytest.param(earlier["flags"], runs[name], id=stem)


@pytest.mark.parametrize(("flags", "run"), list(_recorded_runs()))
def test_a_run_recorded_under_a_flagfiles_name_has_the_flagfiles_settings(flags, run):
    expected = flagfile.settings(*flags, "--seed=0")
    usual = experiments.settings_of(run.result["experiment"], run.result["recipe"])
    # A recipe is where settings start from; flags can lead from another one to the same.
    assert dataclasses.replace(override(usual, run.settings), recipe=expected.recipe) == expected


def test_the_recorded_runs_stay_small_and_every_file_is_of_a_recorded_run():
    names = {run.folder for run in runs_below(RECORDS)}
    files = [file for file in RECORDS.rglob("*") if file.is_file()]
    assert len(files) < 300 and sum(file.stat().st_size for file in files) < 8e6
    assert {file.parent for file in files} - names == {RECORDS}
    assert len([file for file in files if file.suffix == ".png"]) <= 12


def test_numbers_on_labels_and_discrete_codes_are_the_recorded_runs():
    part = RESULTS.read_text().partition("## Labels and discrete codes")[2].partition("\n## ")[0]
    runs = {run.folder.name: run.result["metrics"] for run in runs_below(RECORDS)}

    def value(name, metric):
        return f"{runs[name][f'test/{metric}']:.3f}"

    def both(metric):
        return ", ".join(value(f"discrete_{how}_adversary", metric) for how in ("with", "without"))

    unlabelled = "figure4a_mixture_no_labels"
    matched = value(unlabelled, "component_share_matched")
    ours = [line.strip("| ").split(" | ")[-1] for line in part.splitlines() if " | " in line][1:]
    assert ours[:7] == [
        value("figure4a_mixture_all_labels", "component_share"),
        value("figure4a_mixture_10000_labels", "component_share"),
        f"{value(unlabelled, 'component_share')} ({matched})",
        value("figure4c_swiss_roll_10000_labels", "component_share"),
        value("figure7_style", "class_read_as_asked"),
        both("largest_probability"),
        both("category_entropy"),
    ]
    shares = [f"{100 * runs['figure7_style'][f'test/{name}']:.0f} %" for name in STYLE]
    assert re.findall(r"\d+ %", part.partition("In the style run")[2])[:3] == shares


def test_rows_with_a_sampler_are_what_the_report_gives():
    groups = [g for g in json.loads(collate(RECORDS, "json")) if "samplers/" in g["runs"][0]]
    names = {"rae": "RAE"} | {way[0]: name for name, way in METHODS.items() if way[1] is None}
    metrics = ("fid_classifier", "precision", "recall", "nearest_training_distance")
    text = RESULTS.read_text().partition("<!-- samplers -->")[2].partition("<!-- end of")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[3:-2]]
    assert len(rows) == len(groups) == 5
    for group in groups:
        (row,) = (row[1:] for row in rows if row[0] == names[group["experiment"]])
        assert len(group["seeds"]) == 3
        keys = [f"{name}{ending}" for name in metrics for ending in ("", "_of_sampler")]
        for key, cell in zip(keys, row, strict=True):
            mean, _, error = cell.partition(" ± ")
            decimals, found = len(mean.partition(".")[2]), group["metrics"][key]
            assert mean == f"{found['mean']:.{decimals}f}", key
            assert error == f"{found['standard_error']:.{decimals}f}", key


def _rows():
    """(data set, method, cells) of the tables of methods side by side."""
    text = RESULTS.read_text()
    part = text.partition("<!-- quality -->")[2].partition("<!-- end of quality -->")[0]
    data, found = None, []
    for line in part.splitlines():
        named = re.match(r"(MNIST|Fashion-MNIST), test images", line)
        data = named[1] if named else data
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] in METHODS:
            found.append((data, cells[0], cells[1:]))
    return found


@pytest.fixture(scope="module")
def groups():
    return {
        (g["experiment"], g["settings"].get("divergence"), g["settings"].get("dataset")): g
        for g in json.loads(collate(RECORDS, "json"))
        if g["runs"][0].startswith("quality/")
    }


def test_every_recorded_group_has_its_row(groups):
    assert len(_rows()) == len(groups)


@pytest.mark.parametrize("row", _rows(), ids=lambda row: f"{row[0]}-{row[1]}")
def test_row_is_what_the_report_gives(groups, row):
    data, method, cells = row
    metrics = groups[(*METHODS[method], DATA[data])]["metrics"]
    for metric, cell in zip(METRICS, cells, strict=False):
        mean, _, error = cell.partition(" ± ")
        decimals = len(mean.partition(".")[2])
        assert mean == f"{metrics[metric]['mean']:.{decimals}f}", metric
        kept = metrics[metric]["standard_error"]
        assert error == ("" if kept is None else f"{kept:.{decimals}f}"), metric
