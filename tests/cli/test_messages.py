"""What the command line writes at the end of a run."""

from aae_tf.cli.messages import catalogue, format_metrics
from aae_tf.experiments import CATALOGUE

METRICS = {
    "validation/mmd": 0.0030391,
    "validation/mmd_of_prior": 1e-5,
    "test/mmd": 0.0031,
    "test/mmd_of_prior": 9.3988e-5,
    "test/reconstruction_error": 15.752,
}


def test_the_metrics_stand_beside_those_of_the_priors_samples():
    head, _, *rows = format_metrics(METRICS).splitlines()
    assert head.split("  ")[-1] == "prior itself" and "data itself" not in head
    assert [row.split() for row in rows] == [
        ["mmd", "0.0030391", "0.0031", "9.3988e-05"],
        ["reconstruction_error", "15.752"],
    ]
    assert len(rows[0]) == len(head)


def test_metrics_of_samples_stand_beside_those_of_real_images():
    head, _, row = format_metrics({"test/fid": 3.0, "test/fid_of_data": 1.5}).splitlines()
    assert head.endswith("data itself") and row.split() == ["fid", "3", "1.5"]


def test_the_table_of_experiments_has_each_in_a_line():
    names = [line.split()[0] for line in catalogue().partition("\n\n")[0].splitlines()[2:]]
    assert names == list(CATALOGUE)
