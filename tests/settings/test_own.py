"""What settings name of the user's own is found by its name, or was given in Python."""

import sys

import pytest

from aae_tf.errors import SettingsError
from aae_tf.settings.own import given_in_python, load_function


def test_the_working_folder_is_importable_for_a_users_function_alone_and_last(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("own_of_a_test", "colorsys"):
        (tmp_path / f"{name}.py").write_text("import sys\ndef f(): return list(sys.path)\n")
    before = list(sys.path)
    assert load_function("prior", "own_of_a_test:f")() == sys.path == before
    with pytest.raises(SettingsError):  # the library of that name comes first
        load_function("prior", "colorsys:f")


def test_an_object_given_in_python_is_taken_and_missed_in_words_outside():
    given = object()
    with given_in_python({"prior": given}):
        assert load_function("prior", "__python__:prior") is given
        with pytest.raises(SettingsError, match="--encoder_network=__python__:encoder"):
            load_function("encoder_network", "__python__:encoder")
    with pytest.raises(SettingsError, match=r"aae_tf\.load"):
        load_function("prior", "__python__:prior")
