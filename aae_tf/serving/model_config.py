"""What TF Serving is told of the exported models: `saved_models/models.config`."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

from aae_tf.serving.versions import versions_of
from aae_tf.utils import write_aside

CONFIG, LOCK = "models.config", ".models.lock"
BASE_PATH = "/models"  # where docs/serving.md and docker-compose.yml put the folder in a container
LABELS = ("stable", "canary")  # of the newest version but one, and of the newest

HEAD = """\
# Written at every export; TF Serving reads it with --model_config_file. Each model serves its two
# newest versions: a request for the label 'canary' goes to the newest, one for 'stable' to the one
# before it, or to the only one. With --model_config_file_poll_wait_seconds the server reads this
# file again; --allow_version_labels_for_unavailable_models lets a label move in the same step.
"""


def keep_current(folder: pathlib.Path) -> None:
    """Writes the configuration of all models in a folder.

    Args:
      folder: of the models, `folder/model/version`.
    """
    with _locked(folder / LOCK):
        write_aside(folder / CONFIG, config_text(folder).encode())


def config_text(folder: pathlib.Path) -> str:
    """The model_config_list of all models that have a version."""
    found = {
        model.name: versions_of(model)
        for model in sorted(folder.iterdir())
        if model.is_dir() and not model.name.startswith(".")
    }
    models = [_model(name, versions) for name, versions in found.items() if versions]
    return HEAD + "model_config_list {\n" + "".join(models) + "}\n"


def _model(name: str, versions: list[int]) -> str:
    served = versions[-2:]
    labels = dict(zip(LABELS, (served[0], served[-1]), strict=True))
    lines = [
        "  config {",
        f'    name: "{name}"',
        f'    base_path: "{BASE_PATH}/{name}"',
        '    model_platform: "tensorflow"',
        "    model_version_policy { specific { "
        + " ".join(f"versions: {version}" for version in served)
        + " } }",
    ]
    lines += [
        f'    version_labels {{ key: "{label}" value: {version} }}'
        for label, version in labels.items()
    ]
    return "\n".join([*lines, "  }", ""])


@contextlib.contextmanager
def _locked(path: pathlib.Path) -> Iterator[None]:
    """So that of two exports at a time the one that ends last tells of both."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
