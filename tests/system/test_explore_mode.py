"""--mode=explore by the command line, and the held-out codes that exports leave for it."""

import json
import shutil
import signal
import urllib.request

import numpy as np
import program
import pytest

from aae_tf.serving import held_out

CODES = "assets.extra/codes.json"


def _codes(version):
    return json.loads((version / CODES).read_text())


def test_trained_model_is_explored_until_ctrl_c(undisturbed, place):
    asked = {}

    def answers(said):
        if "exploring at http://127.0.0.1:" not in said:
            return False
        url = said.split()[-4]
        with urllib.request.urlopen(f"{url}model.json", timeout=20) as answer:
            asked.update(json.load(answer))
        return True

    flags = ("--mode=explore", "--model=models/gaussian_bars", "--port=0")
    done = program.interrupt(place, signal.SIGINT, answers, 0, *flags)
    assert done.returncode == 0 and done.stdout.endswith("ended\n")
    assert done.stderr == "model: gaussian_bars, version 1, trained on bars.npz, 8x8x1\n"
    assert asked["name"] == "gaussian_bars" and asked["image_shape"] == [8, 8, 1]
    assert len(asked["held_out"]["codes"]) > 100


def test_training_exports_codes_of_validation_images(undisturbed, place):
    found = _codes(place / "models/gaussian_bars/1")
    size = program.read_json(undisturbed[1], "data.json")["sizes"]["validation"]
    assert found["data"] == "bars.npz" and len(found["codes"]) == min(2000, size)
    assert np.shape(found["codes"])[1] == 2 and set(found["labels"]) == {0, 1, 2}
    assert found["class_names"] == ["0", "1", "2"] and found["categories"] == []
    # The data are the user's own, so that no image goes with the model.
    assert "tile" not in found and not (place / "models/gaussian/1" / held_out.SHEET).exists()


@pytest.mark.parametrize("has_data", [True, False])
def test_export_brings_the_same_codes_if_the_data_is_there(undisturbed, place, tmp_path, has_data):
    if has_data:
        shutil.copy(place / "bars.npz", tmp_path)
    done = program.call(tmp_path, "--mode=export", f"--run_dir={undisturbed[1]}")
    assert done.returncode == 0, done.stderr[-3000:]
    version = tmp_path / "saved_models/gaussian_bars/1"
    assert (version / "saved_model.pb").exists()
    if has_data:
        assert _codes(version) == _codes(place / "models/gaussian_bars/1")
        assert "without codes" not in done.stdout
    else:
        assert not (version / CODES).exists()
        assert "exporting without codes of held-out images: --dataset=bars.npz" in done.stderr
