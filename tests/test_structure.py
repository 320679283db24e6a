"""The layout of the package: sizes of modules, what lies at the top, and which way imports run."""

import pathlib
import runpy
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).parents[1]
size = runpy.run_path(str(CHECKOUT / "benchmarks/size.py"))
FILES = size["modules"](CHECKOUT)
GRAPH = size["graph"](FILES)

ALIASES = {"aae_tf.command_line", "aae_tf.runner"}  # old names of two modules, for one release
# Nouns of the papers and of Keras, each a module of its own however short it is.
NOUNS = {
    "aae_tf.errors",
    "aae_tf.methods.aae",
    "aae_tf.methods.autoencoder",
    "aae_tf.methods.label_informed",
    "aae_tf.methods.semi_supervised",
    "aae_tf.methods.supervised",
    "aae_tf.methods.vae",
    "aae_tf.networks.cluster_heads",
    "aae_tf.networks.decoder",
    "aae_tf.networks.discriminator",
    "aae_tf.networks.standardizer",
    "aae_tf.objectives.adversarial",
    "aae_tf.seeds",
    "aae_tf.serving.convert.onnx_format",
    "aae_tf.training.corruption",
    "aae_tf.training.distribution",
    "aae_tf.training.observers",
    "aae_tf.training.optimizers",
    "aae_tf.training.phase",
}
# Still shorter or longer than a module is to be.
UNEVEN = {
    "aae_tf.cli.main",
    "aae_tf.experiments.command",
    "aae_tf.figures.feature_figures",
    "aae_tf.settings.own",
}
DEPTH = 12  # is to be 11: sweep.trial and methods stand on chains of their own modules
WITHOUT_TENSORFLOW = tuple(
    f"aae_tf.{package}."
    for package in ("arrays", "cli", "client", "experiments", "results", "settings")
)
STILL_TENSORFLOW = ("aae_tf.client.grpc",)  # gRPC takes tensors as TensorFlow makes them


def test_a_module_has_80_to_400_lines_or_is_a_noun_of_the_papers():
    apart = NOUNS | UNEVEN | ALIASES
    lengths = {name: size["lines"](FILES[name]) for name in GRAPH if name not in apart}
    assert {name: n for name, n in lengths.items() if not 80 <= n <= 400} == {}


def test_no_module_lies_loose_at_the_top_but_three_and_the_aliases():
    assert set(size["loose"](FILES)) == {"aae_tf.errors", "aae_tf.seeds", "aae_tf.utils"} | ALIASES


@pytest.mark.parametrize("of", ["modules", "packages"])
def test_imports_run_downward_without_a_circle(of):
    assert size["circle"](GRAPH if of == "modules" else size["by_package"](GRAPH)) == []


def test_imports_are_no_deeper_than_agreed():
    chain = size["longest_chain"](GRAPH)
    assert len(chain) - 1 <= DEPTH, chain


def test_chains_and_circles_are_seen():
    imported = {"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": set()}
    assert size["longest_chain"](imported) == ["a", "b", "c", "d"]
    assert size["circle"](imported) == []
    assert size["circle"](imported | {"d": {"b"}}) == ["b", "c", "d"]


@pytest.mark.system
def test_what_needs_no_tensorflow_imports_none():
    names = [name for name in FILES if f"{name}.".startswith(WITHOUT_TENSORFLOW)]
    program = f"""
import importlib, sys
for library in ("tensorflow", "keras", "tensorflow_probability"):
    sys.modules[library] = None
for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    refused = done.stdout.decode().splitlines()
    assert [line for line in refused if not line.startswith(STILL_TENSORFLOW)] == []


@pytest.mark.parametrize(("library", "package"), [("absl.flags", "cli"), ("matplotlib", "figures")])
def test_one_package_alone_imports_it(library, package):
    users = set()
    for name, file in FILES.items():
        for module, taken in size["imports"](file, deferred=True):
            if f"{module}.{taken or ''}.".startswith(f"{library}."):
                users.add(name.split(".")[1])
    assert users == {package}
