"""The model card of an export: the run's facts, for programs and for people."""

import json

import program
import pytest
import tensorflow as tf


@pytest.fixture(scope="module")
def version(undisturbed, place):
    return place / "models" / "gaussian_bars" / "1"


def test_card_holds_the_runs_own_facts(version, undisturbed):
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    _, folder = undisturbed
    assert card["experiment"] == "gaussian"
    assert card["metrics"] == program.read_json(folder, "result.json")["metrics"]
    origin = program.read_json(folder, "provenance.json")
    assert card["provenance"]["state_sha256"] == origin["state_sha256"]
    assert card["data"]["name"] == card["settings"]["dataset"] == "bars.npz"
    assert card["data"]["sizes"] == program.read_json(folder, "data.json")["sizes"]
    assert card["settings"]["encoder"] == "gaussian"
    assert not {"data_dir", "cache_dir"} & set(card["settings"])
    assert card["limits"] and "ask" in card["data"]["licence"]


def test_card_tells_the_signatures_as_they_are(version):
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    loaded = tf.saved_model.load(str(version))
    assert set(card["signatures"]) == set(loaded.signatures)
    for name, sides in card["signatures"].items():
        function = loaded.signatures[name]
        found = {
            "inputs": function.structured_input_signature[1],
            "outputs": function.structured_outputs,
        }
        for side, specs in found.items():
            assert sides[side] == {
                key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
                for key, spec in specs.items()
            }


def test_page_shows_numbers_signatures_and_licence(version):
    page = (version / "assets.extra" / "model_card.md").read_text()
    for part in (
        "# gaussian",
        "## Data",
        "## Numbers",
        "## Signatures",
        "## Limits",
        "## Settings",
    ):
        assert part in page
    assert "| reconstruction_error | " in page
    assert "| `encode_bytes` | `image_bytes`: string [n] | `codes`: float32 [n, 2] |" in page
    assert "Licence: " in page
