"""500 edits of a run's and a search's text files: whoever reads them answers, or one line says no.

What is read stays as it was, but for tables, which are written again from the checkpoint.
"""

import functools
import json
import os
import random
import shutil

import numpy as np
import pytest
import searches
import tiny

from aae_tf.cli import flags
from aae_tf.cli.modes import MODES
from aae_tf.errors import UserError, in_one_line
from aae_tf.figures import compare as comparing
from aae_tf.results import model_card
from aae_tf.results.comparison import write_comparison
from aae_tf.results.metrics_table import MetricsTable
from aae_tf.results.provenance import earlier_sessions, provenance
from aae_tf.results.record import record
from aae_tf.results.report import collate
from aae_tf.results.run_folder import RunFolder
from aae_tf.serving import held_out
from aae_tf.settings import flatten
from aae_tf.sweep import seeds, space
from aae_tf.utils import printable

pytestmark = pytest.mark.faults

COUNT, BLOCK = 500, 50
ROWS = "step,epoch,train/generator/loss,validation/mmd\n6,1,0.5,0.25\n12,2,0.25,0.125\n"
NONSENSE = (
    b"",
    b"\x00",
    b"{",
    b"[]",
    b"null",
    b"3",
    b'"text"',
    b"{}" * 2,
    b"[" * 200_000,
    b'{"a":' * 200_000,
    "\ufeff{}".encode(),
    b"\xff\xfe{\x00}\x00",
    b"a,b\n1,2\n",
    b'model_config_list { config { name: "a" } }',
    os.urandom(0) + bytes(range(256)),
)
VALUES = (None, True, -1, 0, 3, 10**400, 1.5, 1e308, float("nan"), float("inf"), "", "text")
VALUES += ("\ud800", "a\nb\x1b[31m", "../../x", [], [[]], ["a", 3], {}, {"a": {}}, [None] * 9)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A finished run, the same again, and a search."""
    place, data, settings = tmp_path_factory.mktemp("edited"), tiny.data(), tiny.settings(epochs=2)
    for name in ("run", "again"):
        folder = RunFolder(place / name)
        folder.start(settings, data)
        folder.write_result(settings, 2.0, {"test/mmd": 0.1, "validation/mmd": 0.2}, 3.0)
        folder.write_provenance(provenance(["/cpu:0"], 3.0, "0" * 64, 12, [], "unknown"))
        (folder.path / "metrics.csv").write_text(ROWS)
        begun = {"epochs": 1, "score": "mmd", "scores": {"0": 0.1, "1": None}, "best": 0}
        (folder.path / "begun.json").write_text(json.dumps(begun))
    search = searches.make(place / "search")
    search.folder.mkdir()
    (search.folder / "search.json").write_text(json.dumps(search.described()))
    (place / "export").mkdir()
    images = tiny.images(3)
    described = held_out.describe("bars", np.full((3, 8), 0.5), None, (), images=images)
    held_out.write(place / "export", described)
    return place


def _report(place):
    collate(place / "run", "markdown")
    collate(place / "run", "json")
    record(place / "run", place / "records")


def _card(place):
    folder = RunFolder(place / "run")
    model_card.files_of(folder, folder.read_settings(), {})


def _resume(place):
    """What is looked at before a run continues."""
    folder, settings = RunFolder(place / "run"), tiny.settings(epochs=2)
    folder.check(settings)
    folder.check_data(tiny.data())
    folder.check_progress(12)
    earlier_sessions(folder.read_json("provenance.json"), 12)
    MetricsTable(folder.path / "metrics.csv", 12, {}, 6)
    MetricsTable(folder.path / "metrics.csv", 12, {"metrics.csv": ROWS}, 6)
    seeds.SeedRun(settings, folder, None).is_finished  # noqa: B018 (it is a property)


def _compare(place):
    folders = comparing.find_runs([place / "run", place / "again"])
    flats = {folder.path.name: flatten(folder.read_settings()) for folder in folders}
    (place / "compared").mkdir(exist_ok=True)
    by_title = {folder.path.name: folder for folder in folders}
    write_comparison(by_title, list(flats.values()), [], place / "compared")


def _flags(place):
    values = flags.define(dict.fromkeys(MODES, ""))
    flags.parse(values, ["program", f"--flagfile={place / 'run/run.flags'}"])
    given = flags.given(values)
    assert isinstance(given, dict)


def _search(place):
    searches.make(place / "search", text=(place / "tiny.space").read_text())


READERS = {
    "run/settings.json": (_resume, _report, _card, _compare),
    "run/result.json": (_resume, _report, _card, _compare),
    "run/provenance.json": (_resume, _report, _card),
    "run/data.json": (_resume, _report, _card),
    "run/begun.json": (_report,),
    "run/metrics.csv": (_compare, _resume),
    "run/run.flags": (_flags,),
    "search/search.json": (_search,),
    "tiny.space": (lambda place: space.read(place / "tiny.space", tiny.settings()),),
    "export/assets.extra/codes.json": (lambda place: held_out.read(place / "export", 8),),
    "export/assets.extra/held_out.png": (lambda place: held_out.read(place / "export", 8),),
}


def _edit(draws, content):
    """Nonsense in place of the content, or in it."""
    kind = draws.randrange(6)
    if kind == 0:
        return draws.choice(NONSENSE)
    if kind == 1:
        return content[: draws.randrange(len(content))]
    if kind == 2:
        edited = bytearray(content)
        for _ in range(draws.choice((1, 1, 3))):
            edited[draws.randrange(len(edited))] = draws.randrange(256)
        return bytes(edited)
    try:
        parsed = json.loads(content)
    except ValueError:
        lines = content.splitlines(keepends=True)
        number = draws.randrange(len(lines))
        cells = lines[number].rstrip(b"\n").split(b",")
        cells[draws.randrange(len(cells))] = str(draws.choice(VALUES)).encode(errors="replace")
        lines[number : number + 1] = draws.choice(([], [lines[number]] * 2, [b",".join(cells)]))
        return b"".join(lines)
    at = parsed
    while True:
        key = draws.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if isinstance(at[key], (dict, list)) and at[key] and draws.random() < 0.6:
            at = at[key]
            continue
        break
    if kind == 3 and isinstance(at, dict):
        del at[key]
    else:
        at[key] = draws.choice(VALUES)
    return json.dumps(parsed).encode()


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_an_edited_file_is_read_or_refused_in_one_line_and_stays(place, tmp_path, first):
    for number in range(first, first + BLOCK):
        draws, here = random.Random(number), tmp_path / str(number)
        shutil.copytree(place, here)
        name = list(READERS)[number % len(READERS)]
        file = here / name
        edited = _edit(draws, file.read_bytes())
        file.write_bytes(edited)
        for read in READERS[name]:
            _check(functools.partial(read, here), f"{number}: {name}: {edited[:300]}")
            if not name.endswith(".csv"):
                assert file.read_bytes() == edited, f"{number}: {name}"
        shutil.rmtree(here)


def _check(read, name):
    try:
        read()
    except UserError as error:
        line = printable(in_one_line(error))  # as it is printed
        assert len(line.encode().splitlines()) == 1 and "\x1b" not in line, name
    except Exception as error:
        raise AssertionError(f"{name}: {error!r}") from error
