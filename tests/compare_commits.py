"""Compares two checkouts by short runs: the same settings have to end with the same bits.

  git worktree add /tmp/before COMMIT
  python tests/compare_commits.py /tmp/before . [--only=PATTERN] [--write=FILE]
  python tests/compare_commits.py /tmp/before --write=base.json
  python tests/compare_commits.py . --against=base.json

Every experiment by every recipe, and the kinds of run in compare_commits.runs, train 30 steps of
tiny networks on made-up images, by each checkout's command line. Compared are state_sha256,
result.json, metrics.csv, categories.csv, settings.json, run.flags, data.json and the names of the
checkpoint's variables and figures, without what hangs on clock and commit. 1 if any differs.

Bits differ from one kind of processor to another: compare in one sitting, on one machine.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import fnmatch
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

COMMON = {
    "batch_size": "10", "epochs": "2", "encoder_units": "16,8", "decoder_units": "16",
    "discriminator_units": "16", "encoder_filters": "4,6", "decoder_filters": "6,4",
    "filter_size": "3", "dataset": "bars.npz", "steps_per_call": "7", "export_dir": "",
}  # fmt: skip
SMALL = {  # of the settings that some experiments have
    "likelihood": {"likelihood_samples": "100"},
    "label": {"num_labels": "60"},
    "label_mixture": {"num_labels": "60", "prior_components": "3"},
    "semi_supervised": {"num_labels": "30", "labelled_batch_size": "10"},
    "dim_reduction": {"num_labels": "30", "labelled_batch_size": "10"},
    "wae": {"pretraining_steps": "5", "pretraining_batch_size": "20"},
}
KINDS = pathlib.Path(__file__).with_suffix(".runs").read_text().splitlines()
TWO = "--replicas=2"  # once in a process, whose collective operations are numbered only once
TIMES = ("wall_seconds", "seconds", "steps_per_second")
COMPILED = "practical"  # the recipe that is compiled by XLA, which takes longer; a kind may be, too


def runs() -> dict[str, list[str]]:
    """Flags by the run's name."""
    from aae_tf import experiments

    listed = {}
    for name, experiment in experiments.CATALOGUE.items():
        start = name.partition("_")[0]
        small = next((SMALL[key] for key in (name, start) if key in SMALL), {})
        flags = [f"--{key}={value}" for key, value in {**COMMON, **small}.items()]
        for recipe in experiment.recipes:
            xla = "--xla" if recipe == COMPILED else "--noxla"
            listed[f"{name} {recipe}"] = [*flags, f"--recipe={recipe}", xla]
        for line in KINDS:
            if line.split()[0] == name:
                listed[line] = [*flags, "--noxla", *line.split()[1:]]
    return {key: [f"--experiment={key.split()[0]}", *value] for key, value in listed.items()}


def write_images(folder: pathlib.Path) -> None:
    """210 images 8 x 8 of three classes, as bars.npz and as a folder of PNG files: 150 train."""
    import numpy as np
    import PIL.Image  # TensorFlow divides the CPU into two devices only before its first operation

    images = np.random.default_rng(0).integers(0, 60, (210, 8, 8, 1))
    for number in range(len(images)):
        images[number, number % 3 * 2 : number % 3 * 2 + 2, 1:-1] += 180
    images = images.astype(np.uint8)
    np.savez(folder / "bars.npz", images=images, labels=np.arange(210) % 3)
    for number, image in enumerate(images):
        file = folder / "pictures" / "abc"[number % 3] / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(image[..., 0]).save(file)


def what_came(folder: pathlib.Path) -> dict:
    """What a run folder holds, without what hangs on clock, commit and machine."""
    import tensorflow as tf

    read = {name: json.loads((folder / f"{name}.json").read_text())
            for name in ("result", "settings", "data", "provenance")}  # fmt: skip
    provenance = read.pop("provenance")
    found = {**read, **{key: provenance[key] for key in ("state_sha256", "step")}}
    found["result"] = {key: value for key, value in read["result"].items() if key not in TIMES}
    for name in ("metrics", "categories"):
        if (folder / f"{name}.csv").exists():
            rows = csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text()))
            found[name] = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
    found["run.flags"] = (folder / "run.flags").read_text().splitlines()
    latest = tf.train.latest_checkpoint(str(folder / "checkpoints"))
    found["checkpoint"] = sorted(f"{k} {shape}" for k, shape in tf.train.list_variables(latest))
    found["figures"] = sorted(file.name for file in (folder / "figures").iterdir())
    return found


def drive(pattern: str, replicas: bool) -> None:
    """Within a process of the checkout: makes the runs that a pattern names, in this folder."""
    import keras
    from matplotlib.figure import Figure

    from aae_tf import command_line

    print(f"runs of {pathlib.Path(command_line.__file__).parents[1]}", file=sys.stderr)
    write_images(pathlib.Path.cwd())
    # Drawing takes longer than such training; what is drawn isn't compared.
    Figure.savefig = lambda self, file, **_: file.write(b"a picture of this size: " + bytes(16))
    results = {}
    for number, (name, flags) in enumerate(runs().items()):
        if not fnmatch.fnmatch(name, pattern) or (TWO in flags) != replicas:
            continue
        folder, start = pathlib.Path(f"run_{number}"), time.monotonic()
        keras.utils.clear_session()
        try:
            with contextlib.redirect_stderr(io.StringIO()) as said:
                status = command_line.main(["run_experiment.py", *flags, f"--run_dir={folder}"])
            results[name] = what_came(folder) if status == 0 else {"error": said.getvalue()[-500:]}
        except Exception:
            results[name] = {"error": traceback.format_exc()}
        print(f"{time.monotonic() - start:5.1f} s  {name}", file=sys.stderr, flush=True)
        pathlib.Path("out").write_text(json.dumps(results))


def results_of(checkout: str, pattern: str) -> dict:
    """What comes of a checkout's runs, by name; each of two replicas in a process of its own."""
    results = {}
    parts = [] if TWO in pattern else [(pattern, False)]
    parts += [(line, True) for line in fnmatch.filter(KINDS, pattern) if TWO in line]
    for names, replicas in parts:
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                **os.environ,
                "PYTHONPATH": str(pathlib.Path(checkout).resolve()),
                **{
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                    "CUDA_VISIBLE_DEVICES": "",
                    "XDG_CACHE_HOME": folder,
                },
            }
            code = (
                f"import sys; sys.path.append({str(pathlib.Path(__file__).resolve().parent)!r})\n"
                f"import compare_commits; compare_commits.drive({names!r}, {replicas})"
            )
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            if (out := pathlib.Path(folder, "out")).exists():  # not where the pattern names none
                results |= json.loads(out.read_text())
    return results


def differences(before, after, where: str = "") -> list[str]:
    """Where two results differ, a line each."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted({*before, *after})
        pairs = [(key, before.get(key, "absent"), after.get(key, "absent")) for key in keys]
        return [line for key, *pair in pairs for line in differences(*pair, f"{where}/{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return differences(dict(enumerate(before)), dict(enumerate(after)), where)
    return [] if before == after else [f"{where}: {before!s:.300} -> {after!s:.300}"]


def main() -> int:
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument(
        "checkouts", nargs="+", help="the earlier and the later one, or one of them"
    )
    parser.add_argument("--only", default="*", help="runs to make, such as 'wae_*' or '* paper'")
    parser.add_argument("--write", type=pathlib.Path, help="file for the last checkout's results")
    parser.add_argument("--against", type=pathlib.Path, help="file of the earlier one's results")
    given = parser.parse_args()
    sides = [results_of(checkout, given.only) for checkout in given.checkouts]
    if given.write:
        given.write.write_text(json.dumps(sides[-1]))
    if given.against:
        sides.insert(0, json.loads(given.against.read_text()))
    failed = [name for name, came in sides[-1].items() if "state_sha256" not in came]
    for name in failed:
        print(f"{name}: ended with {sides[-1][name]}")
    if len(sides) == 1:
        return bool(failed)
    before, after = sides[-2:]
    names = [name for name in before if fnmatch.fnmatch(name, given.only)]
    different = {name: differences(before[name], after.get(name, {})) for name in names}
    for name, lines in different.items():
        for line in lines[:10]:
            print(f"{name}{line}")
    count = sum(map(bool, different.values()))
    print(f"{count} of {len(names)} runs differ; {len(after) - len(names)} more are new")
    return bool(count or failed)


if __name__ == "__main__":
    sys.exit(main())
