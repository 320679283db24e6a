"""What lies beside a SavedModel for the server: warm-up requests and the models' configuration."""

import multiprocessing
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

from aae_tf.serving import export

ROOT = pathlib.Path(__file__).parent.parent.parent

apis = pytest.importorskip(
    "tensorflow_serving.apis.prediction_log_pb2", reason="tensorflow-serving-api isn't installed"
)


def _requests(version):
    file = version / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        yield apis.PredictionLog.FromString(record).predict_log.request


@pytest.mark.slow
def test_every_signature_has_one_request_that_runs(exported, loaded):
    signatures = loaded("semi_supervised").signatures
    requests = list(_requests(exported("semi_supervised")[1]))
    assert sorted(r.model_spec.signature_name for r in requests) == sorted(signatures)
    assert {r.model_spec.name for r in requests} == {"semi_supervised"}
    for request in requests:
        inputs = {
            name: tf.constant(tf.make_ndarray(proto)) for name, proto in request.inputs.items()
        }
        answer = signatures[request.model_spec.signature_name](**inputs)
        for value in answer.values():
            assert len(value) == 1
            assert not value.dtype.is_floating or np.isfinite(value).all()


def _parsed(folder):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    text = (folder / "models.config").read_text()
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_configuration_names_every_model_and_its_two_newest_versions(tmp_path):
    for version in ("a/1", "a/2", "a/3", "b/1"):
        (tmp_path / version).mkdir(parents=True)
        (tmp_path / version / "saved_model.pb").touch()
    export.write_config(tmp_path)
    configs = _parsed(tmp_path).model_config_list.config
    assert [(c.name, c.base_path) for c in configs] == [("a", "/models/a"), ("b", "/models/b")]
    assert [list(c.model_version_policy.specific.versions) for c in configs] == [[2, 3], [1]]
    labels = [dict(c.version_labels) for c in configs]
    assert labels == [{"stable": 2, "canary": 3}, {"stable": 1, "canary": 1}]


@pytest.mark.slow
def test_no_documented_server_batches_since_sample_has_inputs_without_a_batch_dimension(loaded):
    sample = loaded("gaussian").signatures["sample"]
    assert any(spec.shape.rank == 0 for spec in sample.structured_input_signature[1].values())
    compose = (ROOT / "docker-compose.yml").read_text()
    assert "--model_config_file=" in compose and "--enable_batching" not in compose
    fenced = (ROOT / "docs" / "serving.md").read_text().split("```")[1::2]
    assert any("--model_config_file=" in command for command in fenced)
    assert not any("--enable_batching" in command for command in fenced)


def _add_and_keep(folder, number):
    version = folder / f"model{number}" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    export.write_config(folder)


@pytest.mark.slow
def test_exports_at_the_same_time_all_stand_in_the_configuration(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_add_and_keep, args=(tmp_path, n)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    names = re.findall(r'name: "(\w+)"', (tmp_path / "models.config").read_text())
    assert sorted(names) == [f"model{number}" for number in range(8)]
